"""The end of a run: calm, audit, verdict, report. Also of one that was stopped."""

import json
from typing import Any, Final

from gameday.checker.command import check
from gameday.checker.history import HistoryInvalid, read_history
from gameday.experiments.generator import together
from gameday.experiments.report_header import facts_of
from gameday.experiments.run import Run
from gameday.limits import limit_of, memory_limits
from gameday.monitor.memory import read_memory
from gameday.monitor.samples import Sample, read_samples
from gameday.nemesis.fault import Refused
from gameday.report.files import Report, write_report
from gameday.verdict.assess import assess
from gameday.verdict.hostile import hostile
from gameday.verdict.observation import Observation, see
from gameday.verdict.verdict import AuditLine, Finding, Hostile, Verdict, Weight
from gameday.workload.records import read_records

AUDIT_WAITS_S: Final = 60
"""For the drain: settlement and projection catch up within seconds, or the audit says what is left."""


def end(run: Run, journal: dict[str, Any]) -> None:
    """Leaves the shop calm and run.report as the outcome; its files are in run.folder."""
    run.close()
    (run.folder / "journal.json").write_text(json.dumps(journal, indent=2, default=str) + "\n")
    settings = run.definition.settings
    seen = [
        one
        for generator in run.generators
        if generator.records.exists()
        for one in see(read_records(generator.records), settings.judged_by, settings.apart)
    ]
    samples = list(read_samples(run.folder / "samples.jsonl"))
    verdict = _judge(run, journal, seen, samples)
    run.report = Report(facts_of(run), verdict, run.timeline)
    write_report(run.folder, run.report, seen, samples)


def _judge(run: Run, journal: dict[str, Any], seen: list[Observation], samples: list[Sample]) -> Verdict:
    setup, definition = run.setup, run.definition
    also: list[Finding] = []
    audit: list[AuditLine] = []
    if run.stopped and not run.timeline.aborted:
        also.append(Finding(Weight.VOID, f"Stopped: {run.stopped}."))
    if journal["status"] == "interrupted" and not run.stopped:
        also.append(Finding(Weight.VOID, "Interrupted by a signal."))
    else:
        try:
            audit = [*_audit(run), *_checked(run)]
        except (Refused, HistoryInvalid) as error:
            also.append(Finding(Weight.VOID, f"{str(error).capitalize()}."))
    return assess(
        seen,
        samples,
        run.timeline,
        definition.hypothesis(setup.capacity_per_s),
        together([generator.facts() for generator in run.generators]),
        audit,
        setup.pace.counts,
        setup.pace.bars,
        [*also, *_journal_findings(journal)],
        _attacked(run, samples),
    )


def _attacked(run: Run, samples: list[Sample]) -> Hostile | None:
    """What the attack of this run did; None without one."""
    if not run.attacks:
        return None
    memory = list(read_memory(run.folder / "memory.jsonl"))
    of_services = memory_limits()
    limits = {part: limit_of(part, of_services) for look in memory for part in look.parts}
    return hostile(run.attacks[0].summary(), samples, memory, limits, run.timeline)


def _audit(run: Run) -> list[AuditLine]:
    """Of all that any generator was told. Raises Refused."""
    run.setup.told("draining, then the audit", 0.0, "")
    acks = run.generators[0].acks
    with acks.open("ab") as file:
        for generator in run.generators[1:]:
            file.write(generator.acks.read_bytes() if generator.acks.exists() else b"")
    result = run.setup.target.audit(acks, AUDIT_WAITS_S)
    (run.folder / "audit.txt").write_text(result.text)
    return [AuditLine(*line) for line in result.table]


def _checked(run: Run) -> list[AuditLine]:
    """What the checker found in the histories of all generators. Raises HistoryInvalid."""
    found: dict[str, AuditLine] = {}
    with (run.folder / "check.txt").open("w") as file:
        for generator in run.generators:
            history = read_history(generator.history)
            for result in check(history):
                before = found.get(result.claim, AuditLine(result.claim, 0, 0))
                looked_at, differences = before.looked_at + result.looked_at, before.differences + len(result.findings)
                found[result.claim] = AuditLine(result.claim, looked_at, differences)
                file.writelines(f"{result.claim}: {finding}\n" for finding in result.findings)
    return list(found.values())


def _journal_findings(journal: dict[str, Any]) -> list[Finding]:
    """What Chaos Toolkit found: an unsteady state before voids the run, one after it is a bar missed."""
    states = journal.get("steady_states", {})
    found = []
    for when, weight in (("before", Weight.VOID), ("after", Weight.BAR)):
        state = states.get(when)
        if state and not state.get("steady_state_met"):
            names = ", ".join(probe["activity"]["name"] for probe in state["probes"] if not probe["tolerance_met"])
            found.append(Finding(weight, f"The steady state {when} the method was not met: {names}."))
    return found
