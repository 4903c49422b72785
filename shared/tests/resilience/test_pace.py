"""How quickly a replica answers its probes, against a naive model."""

from hypothesis import given
from hypothesis import strategies as st

from holdfast.resilience.pace import Pace
from holdfast.resilience.settings import ProbeSettings

SETTINGS = ProbeSettings(remembered=4, quick_s=0.02)
TIMES = st.lists(st.one_of(st.none(), st.floats(0, 0.15)), max_size=20)


@given(TIMES)
def test_it_is_the_slowest_of_the_latest_and_never_under_quick(times: list[float | None]) -> None:
    pace = Pace(SETTINGS)
    remembered: list[float] = []
    for seconds in times:
        if seconds is None:
            pace.forget()
            remembered = []
        else:
            pace.took(seconds)
            remembered = [*remembered, seconds][-4:]
        assert pace.slowest_s == max([0.02, *remembered])
