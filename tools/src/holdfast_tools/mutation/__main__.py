"""`make mutation-test`: the share of mutants that the tests of the pure code kill, of a seeded sample."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from holdfast_tools.command_line import positive
from holdfast_tools.mutation.mutants import Mutant, mutants_of, sample
from holdfast_tools.mutation.targets import Target, targets
from holdfast_tools.mutation.trial import Copy, TestsFail

_ROOT: Final = Path(__file__).parents[4]
AT_LEAST: Final = 0.85


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if at least 85 % of the sample were killed, 1 if fewer, 2 if the tests cannot be trusted."""
    parser = argparse.ArgumentParser(prog="mutation-test", description="Mutate the pure code and run its tests.")
    parser.add_argument("--sample", type=positive, default=600, help="how many mutants (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="which (default: %(default)s)")
    parser.add_argument("--minutes", type=positive, default=60, help="begin none later (default: %(default)s)")
    parser.add_argument("--results", type=Path, default=Path(".holdfast/mutants.jsonl"), help="kept, and gone on with")
    options = parser.parse_args(arguments)
    by_module = {target.module: target for target in targets(_ROOT)}
    everything = [mutant for module in by_module for mutant in mutants_of(_ROOT, module)]
    chosen = sample(everything, options.sample, options.seed)
    known = dict(_read(options.results)) if options.results.exists() else {}
    options.results.parent.mkdir(parents=True, exist_ok=True)
    try:
        with options.results.open("a") as file:
            for mutant, killed in _tried(chosen, known, by_module, time.monotonic() + 60 * options.minutes):
                known[mutant.name] = killed
                file.write(json.dumps({"mutant": mutant.name, "killed": killed}) + "\n")
                file.flush()
    except TestsFail as error:
        print(f"mutation-test: {error}", file=sys.stderr)
        return 2
    return _report(chosen, known, len(everything))


def _read(results: Path) -> Iterator[tuple[str, bool]]:
    for line in results.read_text().splitlines():
        row = json.loads(line)
        yield row["mutant"], row["killed"]


def _tried(
    chosen: Sequence[Mutant], known: Mapping[str, bool], by_module: Mapping[str, Target], ends_at: float
) -> Iterator[tuple[Mutant, bool]]:
    """Two at a time, each in a copy of its own."""
    with tempfile.TemporaryDirectory(prefix="holdfast-mutants-", dir="/var/tmp") as directory:
        copies: SimpleQueue[Copy] = SimpleQueue()
        for number in range(2):
            copies.put(Copy(_ROOT, Path(directory) / str(number)))

        def attempt(mutant: Mutant) -> tuple[Mutant, bool] | None:
            if time.monotonic() > ends_at:
                return None
            copy = copies.get()
            try:
                return mutant, copy.kills(mutant, by_module[mutant.module])
            finally:
                copies.put(copy)

        left = [mutant for mutant in chosen if mutant.name not in known]
        first = copies.get()
        for module in sorted({mutant.module for mutant in left}):
            first.check(by_module[module])
        copies.put(first)
        with ThreadPoolExecutor(2) as pool:
            yield from filter(None, pool.map(attempt, left))


def _report(chosen: Sequence[Mutant], known: Mapping[str, bool], of: int) -> int:
    tried = [mutant for mutant in chosen if mutant.name in known]
    killed = [mutant for mutant in tried if known[mutant.name]]
    for mutant in sorted((each for each in tried if not known[each.name]), key=lambda each: each.name):
        print(f"survived: {mutant.name}")
    share = len(killed) / max(1, len(tried))
    print(f"{len(killed)} of {len(tried)} mutants killed, {share:.1%}; the sample has {len(chosen)} of {of:,}")
    return 0 if tried and share >= AT_LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
