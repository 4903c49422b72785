"""docs/parameters.md says what the code says."""

import pytest

from holdfast_tools import parameters
from holdfast_tools.parameters import Parameter

SOURCE = '''
"""A module."""

class Limits:
    """A class."""

    at_once: int = 3
    """Three at once."""
    bare: int = 4

class Environment(Settings):
    port: int = Field(80, description="where to listen")
    address: str = Field("here", description="no number")
    wait_s: float = Field(0.5, gt=0, description="longest wait")

# How long in all.
READ_S = 0.8
CART_S = 1.0
CHARGE_S = 0.4  # shorter
UNSAID = 9

_OURS = 1  # nobody's business
LANES: Final = {
    # Few.
    "sign-in": Limits(1),
}
'''


def test_a_value_is_told_with_the_docstring_the_description_or_the_comment_beside_it() -> None:
    assert list(parameters.parameters(SOURCE, ())) == [
        Parameter("Limits.at_once", "3", "Three at once."),
        Parameter("WAIT_S", "0.5", "longest wait"),
        Parameter("READ_S", "0.8", "How long in all."),
        Parameter("CART_S", "1.0", "as `READ_S`"),
        Parameter("CHARGE_S", "0.4", "shorter"),
        Parameter("UNSAID", "9", "as `READ_S`"),
        Parameter("LANES['sign-in']", "Limits(1)", "Few."),
    ]


def test_of_a_file_with_other_constants_only_the_named_ones_are_told() -> None:
    assert [one.name for one in parameters.parameters(SOURCE, ("CHARGE_S",))] == ["CHARGE_S"]


def test_a_parameter_that_went_away_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(parameters.SOURCES, "services/gateway/src/gateway/http/edge.py", ("GONE_S",))
    with pytest.raises(LookupError, match=r"edge\.py has no GONE_S"):
        parameters.page()


def test_the_page_is_what_the_code_says() -> None:
    assert parameters.PAGE.read_text() == parameters.page(), "run `make parameters`"
