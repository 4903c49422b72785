"""What an attack may not do, and when a run says nothing about it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from fabricated import Run, change, healthy_records, timeline
from gameday.hostile.summary import Summary
from gameday.monitor.memory import MemorySample
from gameday.monitor.samples import Breaker, Sample
from gameday.verdict.assess import assess
from gameday.verdict.hostile import hostile
from gameday.verdict.observation import JudgedBy, see
from gameday.verdict.phases import Phase, Timeline
from gameday.verdict.verdict import Result, Verdict
from gameday.workload.records import Outcome

MIB = 1 << 20
STRONG = Summary(
    attack="long-urls", least=33, began=0.0, ended=60.0, sent=9_000, answers={"414 uri-too-long": 9_000},
    windows=[10, 300, 290, 310], cpu_share=0.17, busy_share=0.1,
)  # fmt: skip
WELL = timeline()


def at(seconds: float, phase: Phase = Phase.FAULT) -> float:
    span = WELL.span(phase)
    assert span is not None
    return span.began + seconds


def sample(moment: float, state: str = "closed", group: str = "") -> Sample:
    return Sample(moment, (Breaker("gateway", "query-service", "query-1", state, 0, 32, group),))


def look(moment: float, **parts: int) -> MemorySample:
    return MemorySample(moment, {name.replace("_", "-"): size * MIB for name, size in parts.items()})


def verdict(
    attack: Summary | None = STRONG,
    samples: Sequence[Sample] = (sample(at(1)), sample(at(2))),
    memory: Sequence[MemorySample] = (look(at(1), gateway_1=100),),
    when: Timeline = WELL,
    run: Run | None = None,
    limits: Mapping[str, int] = {"gateway-1": 256 * MIB, "postgres": 640 * MIB},
) -> Verdict:
    run = run or Run(timeline=when)
    attacked = hostile(attack, samples, memory, limits, when)
    seen = list(see(run.records, JudgedBy.FIRST))
    return assess(seen, samples, when, run.hypothesis, run.load, run.audit, run.counts, run.bars, attacked=attacked)


def only(found: Verdict) -> str:
    (finding,) = found.findings
    return finding.text


def test_an_attack_that_nobody_notices_passes() -> None:
    found = verdict()
    assert found.result is Result.PASS, found.findings
    assert found.hostile is not None
    assert [str(one) for one in found.hostile.memory] == ["gateway-1 100 of 256 MiB"]


@pytest.mark.parametrize("state", ["open", "half-open"])
@pytest.mark.parametrize("phase", [Phase.FAULT, Phase.RECOVERY])
def test_a_breaker_that_opens_fails_the_run(state: str, phase: Phase) -> None:
    found = verdict(samples=[sample(at(1)), sample(at(5, phase), state, group="browse")])
    assert found.result is Result.FAIL
    assert only(found).startswith("The breaker of gateway → query-service browse query-1 was not closed")


def test_a_breaker_that_was_open_before_or_long_after_is_not_the_attackers_doing() -> None:
    before, after = sample(at(-3), "open"), sample(at(3, Phase.AFTER), "open")
    assert verdict(samples=[before, sample(at(1)), after]).result is Result.PASS


def test_a_breaker_that_still_waits_for_calls_to_try_did_not_open() -> None:
    waits = [sample(at(seconds), "half-open", group="browse") for seconds in (-1, 1, 2)]
    assert verdict(samples=waits).result is Result.PASS
    assert verdict(samples=[*waits, sample(at(3), "open", group="browse")]).result is Result.FAIL
    closed_between = [*waits, sample(at(3)), sample(at(4), "half-open", group="browse")]
    assert verdict(samples=closed_between).result is Result.FAIL


def test_memory_above_its_limit_fails_the_run() -> None:
    found = verdict(memory=[look(at(1), gateway_1=100, postgres=600), look(at(9), gateway_1=257, postgres=640)])
    assert found.result is Result.FAIL
    assert only(found) == "Memory: gateway-1 257 of 256 MiB, bar: its mem_limit."


def test_memory_before_the_attack_counts_for_nothing() -> None:
    assert verdict(memory=[look(at(-1), gateway_1=300), look(at(1), gateway_1=90)]).result is Result.PASS


@pytest.mark.parametrize(
    ("attack", "words"),
    [
        (replace(STRONG, windows=[300, 300, 32, 300]), "The attack was weak: 32 calls in 2 s, bar 33."),
        (replace(STRONG, windows=[300]), "The attack was weak: 0 calls in 2 s, bar 33."),
        (
            replace(STRONG, cpu_share=0.05),
            "The attack was weak: 0.05 of a core, bar 0.1, with 10% of its clients busy and 150 calls a second.",
        ),
        (None, "The attacker ended before the attack did."),
    ],
)
def test_a_weak_attack_says_nothing(attack: Summary | None, words: str) -> None:
    found = verdict(attack)
    assert found.result is Result.INCONCLUSIVE
    assert only(found) == words


def test_an_attacker_whose_clients_all_wait_is_not_weak() -> None:
    assert verdict(replace(STRONG, cpu_share=0.01, busy_share=0.95)).result is Result.PASS


def test_an_attacker_that_makes_the_most_calls_it_may_is_not_weak() -> None:
    assert verdict(replace(STRONG, cpu_share=0.09, sent=120_000)).result is Result.PASS


def test_a_run_that_the_attack_stopped_has_failed_however_weak_that_was() -> None:
    spans = tuple(span for span in WELL.spans if span.phase is not Phase.AFTER)
    cut = replace(WELL, spans=spans, aborted="cart, which does not need the part, was served 10% over 5 s")
    run = Run(records=change(healthy_records(), "cart", 0, 60, Outcome.FAILED), timeline=cut)
    assert verdict(replace(STRONG, windows=[]), when=cut, run=run).result is Result.FAIL


def test_nothing_seen_is_nothing_said() -> None:
    assert verdict(memory=[]).result is Result.INCONCLUSIVE
    assert only(verdict(samples=[Sample(at(1))])) == "No gateway told of its breakers during the attack."


def test_a_run_without_its_attack_is_judged_by_that() -> None:
    cut = replace(WELL, spans=WELL.spans[:2])
    found = verdict(None, when=cut, run=Run(records=[], timeline=cut))
    assert "The attacker ended before the attack did." not in [finding.text for finding in found.findings]
