"""How quickly a replica answers its probes, against a naive model."""

import math

from hypothesis import given
from hypothesis import strategies as st

from holdfast.resilience.pace import Pace
from holdfast.resilience.settings import ProbeSettings

SETTINGS = ProbeSettings(remembered=4, quick_s=0.02)
EVENTS = st.lists(st.one_of(st.sampled_from(["forget", "broke-off", "missed"]), st.floats(0, 0.15)), max_size=20)


@given(EVENTS)
def test_it_is_the_slowest_of_the_latest_and_never_under_quick_but_without_end_while_it_is_broken_off(
    events: list[str | float],
) -> None:
    pace = Pace(SETTINGS)
    remembered: list[float] = []
    broken_off = False
    for event in events:
        if event == "forget":
            pace.forget()
            remembered, broken_off = [], False
        elif event == "broke-off":
            pace.broke_off()
            broken_off = True
        elif event == "missed":
            pace.missed()
            remembered = [*remembered, SETTINGS.limit_s][-4:]
        else:
            pace.took(float(event))
            remembered = [float(event)] if broken_off else [*remembered, float(event)][-4:]
            broken_off = False
        assert pace.slowest_s == (math.inf if broken_off else max([0.02, *remembered]))
