"""Which sessions a revocation ends, and tokens that say which session they are of."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from holdfast.service.keys import DEMO_PRIVATE_KEY, DEMO_PUBLIC_KEY, private_key
from holdfast.service.revocations import Revocation, Revocations
from holdfast.service.tokens import Caller, Role, SessionEnded, TokenSigner, TokenVerifier

NOW = datetime.now(UTC).replace(microsecond=250_000)
NOW_S = NOW.timestamp()


def caller(role: Role = "customer", issued_s: float = NOW_S, token_id: str = "one", subject: str = "ann") -> Caller:
    return Caller(subject, role, int(NOW_S) + 3600, issued_s, token_id)


def revocation(**fields: object) -> Revocation:
    return Revocation(**{"number": 1, "subject": "ann", "expires_at": NOW_S + 60, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ended", "who", "wanted"),
    [
        ({"token_id": "one"}, caller(), True),
        ({"token_id": "one"}, caller(token_id="two"), False),
        ({"token_id": "one"}, caller(subject="bob"), False),
        ({"role": "guest"}, caller("guest"), True),
        ({"role": "guest"}, caller("customer"), False),
        ({"role": "guest"}, caller("guest", subject="bob"), False),
        ({"issued_before": NOW_S}, caller(issued_s=NOW_S - 0.001), True),
        ({"issued_before": NOW_S}, caller(issued_s=NOW_S), False),
        ({"issued_before": NOW_S, "spared": "one"}, caller(issued_s=NOW_S - 60), False),
        ({"issued_before": NOW_S, "spared": "two"}, caller(issued_s=NOW_S - 60), True),
    ],
)
def test_which_sessions_it_ends(ended: dict[str, object], who: Caller, wanted: bool) -> None:
    known = Revocations()
    known.add([revocation(**ended)])
    assert known.ends(who) is wanted


def test_each_of_several_counts_and_the_highest_number_is_remembered() -> None:
    known = Revocations()
    known.add([revocation(number=7, token_id="one"), revocation(number=9, token_id="two")])
    known.add([revocation(number=8, subject="bob", role="guest")])
    assert (len(known), known.last) == (3, 9)
    assert [known.ends(caller(token_id=each)) for each in ("one", "two", "three")] == [True, True, False]


def test_what_has_expired_is_forgotten_and_nothing_else() -> None:
    known = Revocations()
    known.add([revocation(token_id="one", expires_at=NOW_S), revocation(number=2, token_id="two")])
    known.add([revocation(number=3, subject="bob", token_id="x", expires_at=NOW_S)])
    known.forget_expired(NOW_S)
    assert (len(known), known.last) == (1, 3)
    assert known.ends(caller(token_id="two"))


def test_it_goes_over_the_wire_and_back() -> None:
    for fields in ({"token_id": "one"}, {"role": "guest"}, {"issued_before": NOW_S, "spared": "one"}):
        made = revocation(**fields)
        assert Revocation.of_json(made.as_json()) == made


def test_each_token_is_a_session_of_its_own_and_says_when_it_was_issued() -> None:
    signer, verifier = TokenSigner(DEMO_PRIVATE_KEY), TokenVerifier(DEMO_PUBLIC_KEY)
    one, two = (verifier.verify(signer.sign("ann", "guest", NOW)[0]) for _ in range(2))
    assert one.token_id != two.token_id
    assert one.issued_at == NOW_S
    assert one.age_s(NOW_S + 5) == 5


def test_a_token_from_before_has_both_too() -> None:
    expires = int((NOW + timedelta(hours=11)).timestamp())
    claims = {"sub": "ann", "role": "customer", "exp": expires}
    token = jwt.encode(claims, private_key(DEMO_PRIVATE_KEY), algorithm="EdDSA")
    found = TokenVerifier(DEMO_PUBLIC_KEY).verify(token)
    assert found.issued_at == expires - 12 * 3600
    assert found.token_id == TokenVerifier(DEMO_PUBLIC_KEY).verify(token).token_id != ""


def test_a_token_that_was_good_is_refused_once_its_session_has_ended() -> None:
    token, _ = TokenSigner(DEMO_PRIVATE_KEY).sign("ann", "guest", NOW)
    verifier = TokenVerifier(DEMO_PUBLIC_KEY)
    verifier.ended = known = Revocations()
    found = verifier.verify(token)
    known.add([revocation(role="guest")])
    with pytest.raises(SessionEnded) as ended:
        verifier.verify(token)
    assert ended.value.caller == found
