"""What the experiment showed: ab.json, report.html, and a table on the terminal."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from gameday.ab.judge import Judged
from gameday.verdict.verdict import Finding, Result

if TYPE_CHECKING:
    from gameday.ab.course import Course


def line(run: Judged) -> str:
    """One run in one line."""
    seen = run.measured
    back = "not back" if seen.recovery_s is None else f"back after {seen.recovery_s} s"
    return (
        f"{seen.quiet:.1%} good before, {back}, {seen.last:.1%} in the last 30 s; carts and checkouts "
        f"{seen.unrelated:.1%}; audit {sum(one.differences for one in run.audit)}"
    )


def write(course: "Course", found: Sequence[Finding], result: Result) -> None:
    told = {
        "result": result,
        "findings": [asdict(one) for one in found],
        "runs": [asdict(one) for one in course.judged],
        "capacity_per_s": course.capacity,
        "edge": None if course.edge is None else asdict(course.edge),
    }
    (course.folder / "ab.json").write_text(json.dumps(told, indent=2) + "\n")
    for one in found:
        course.console.print(one.text)
    course.console.print(result)
