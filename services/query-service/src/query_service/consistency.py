"""Which of a Consistency-Token's versions a read has to wait for (CORRECTNESS 22)."""

from collections.abc import Mapping

from holdfast.service.tokens import Caller


def counted(versions: Mapping[str, int], caller: Caller | None) -> dict[str, int]:
    """Those of the token's streams that count for this caller: the own cart and profile, any order, for an admin all.

    A token grants nothing, so an order is not looked up to see whose it is.
    """
    if caller is None:
        return {}
    if caller.role == "admin":
        return dict(versions)
    own = {f"cart-{caller.subject}", f"customer-{caller.subject}"}
    return {stream: version for stream, version in versions.items() if stream in own or stream.startswith("order-")}
