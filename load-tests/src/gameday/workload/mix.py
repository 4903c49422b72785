"""What shoppers do, in percent of all arrivals, each rate with its reason.

The real data know orders only. What they lack is set so that every judged journey comes in often enough: at 60 a second
checkouts, cancellations and looks at orders each come 300 times within 100 s, browsing and carts over 1,000 times.
So more is bought, and much more is cancelled, than in a real shop, where two visitors in a hundred buy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a journey; `percent` of all arrivals. Exactly one logical request."""

    journey: str
    call: str
    percent: float


MIX: Final[Sequence[Step]] = (
    # Nearly half of all calls only look, though a real shop's share is higher still.
    Step("browse", "list", 8),  # the front page
    Step("browse", "search", 15),  # most who look for something type a word
    Step("browse", "product", 23),  # about one product is opened for each list or search
    Step("recommendations", "recommendations", 5),  # below some products: optional, shed first
    Step("cart", "add", 13),  # what the checkouts below need at 1.7 lines a cart, and what is left behind
    Step("cart", "view", 6),  # about once a cart
    Step("cart", "change", 2),  # another quantity
    Step("cart", "remove", 2),  # a change of mind
    Step("checkout", "checkout", 7.3),  # 4.4 of 60 a second
    Step("cancel", "cancel", 5.5),  # 3.3 of 60: far above any shop's, or nothing could be said about it
    Step("orders", "details", 5.5),  # "where is my parcel": mostly one order
    Step("orders", "orders", 2.2),
    Step("account", "session", 4.5),  # a new guest for each 1.5 orders, as often as the real customers came again
    Step("account", "profile", 0.6),
    Step("account", "register", 0.2),  # costs 25 ms of one core for the password, so does signing in
    Step("account", "sign-in", 0.2),
)

JOURNEYS: Final = tuple(dict.fromkeys(step.journey for step in MIX))

# The real data know no abandoned carts. A shopper in twenty leaves a basket behind whole.
ABANDON_SHARE: Final = 0.05
# Nor declined cards: a few in a hundred is what card schemes report for shops.
DECLINED_SHARE: Final = 0.02


class WrongMix(ValueError):
    """A mix that names no journey of this shop, or no share above 0."""


def parse(text: str) -> Sequence[Step]:
    """`browse=60,cart=40`: so much for each journey, nothing for the others; its calls keep their shares.

    `browse.search=60` names one call of a journey. Raises WrongMix.
    """
    if not text:
        return MIX
    wanted: dict[str, float] = {}
    for part in text.split(","):
        name, _, share = part.strip().partition("=")
        if not _steps(name):
            raise WrongMix(f"there is no journey {name!r}; there are {', '.join(JOURNEYS)}, and JOURNEY.CALL")
        wanted[name] = _share(name, share)
    if not sum(wanted.values()):
        raise WrongMix("a mix needs a share above 0")
    return _scaled(wanted)


def _steps(name: str) -> Sequence[Step]:
    """Those of a journey, or the one `journey.call`; none when there is no such thing."""
    return [step for step in MIX if name in (step.journey, f"{step.journey}.{step.call}")]


def _share(name: str, text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        raise WrongMix(f"{name}={text}: the share is no number") from None
    if not 0 <= share <= 1_000_000:
        raise WrongMix(f"{name}={text}: the share must be from 0 to 1,000,000")
    return share


def _scaled(wanted: Mapping[str, float]) -> Sequence[Step]:
    total = sum(wanted.values())
    return [
        Step(step.journey, step.call, 100 * share / total * step.percent / sum(one.percent for one in _steps(name)))
        for name, share in wanted.items()
        if share
        for step in _steps(name)
    ]


def percents(mix: Sequence[Step]) -> dict[str, float]:
    """Percent of all arrivals by journey."""
    sums = dict.fromkeys((step.journey for step in mix), 0.0)
    for step in mix:
        sums[step.journey] += step.percent
    return {journey: round(percent, 3) for journey, percent in sums.items()}
