"""The attacker: an identity in each role, many tokens and addresses for each, so that no rate limit hides an answer."""

import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from contract import PASSWORD, Client, bought, eventually, new_product
from holdfast.service.keys import DEMO_PRIVATE_KEY
from holdfast.service.tokens import Role, TokenSigner
from hostile_requests.answers import code_of, faults, is_busy, is_rate_limited, problem_faults
from hostile_requests.examples import Example
from hostile_requests.exchange import Response, TransportError, exchange, sources
from hostile_requests.operations import Operation, Request, World, valid

_TOKENS = 40
_MOST_REPEATS = 5


@dataclass(slots=True)
class Attacker:
    """Sends hostile requests, one at a time, to all gateways in turn.

    tokens: of each role, all of one customer. short_lived: the same, each given once, for calls that end its session.
    busy: how often the shop had no time or place and was asked again.
    """

    urls: Sequence[str]
    tokens: Mapping[str, Iterator[str]]
    short_lived: Mapping[str, Iterator[str]]
    findings: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    busy: int = 0
    _urls: Iterator[str] = field(init=False)
    _sources: Iterator[str] = field(default_factory=sources)

    def __post_init__(self) -> None:
        self._urls = itertools.cycle(self.urls)

    def attack(self, request: Request) -> Response | None:
        """The answer, None without one. What is wrong with it is added to the findings."""
        where = request.operation.id if request.operation else request.target[:60].decode("latin-1")
        try:
            response = self.send(request)
        except TransportError as error:
            self.findings[f"{where}: {request.about}: no answer: {error}"] += 1
            return None
        for fault in faults(request, response):
            self.findings[f"{where}: {request.about}: {fault}"] += 1
        return response

    def attack_as_listed(self, example: Example) -> None:
        """Send an example as often as it says. What is not its right answer is added to the findings."""
        right = (example.status, example.code)
        for _ in range(example.times):
            try:
                response = self.send(example.request)
            except TransportError as error:
                self.findings[f"{example.request.about}: no answer: {error}"] += 1
                continue
            got = (response.status, code_of(response))
            if got != right:
                self.findings[f"{example.request.about}: {got} instead of {right}"] += 1
            for fault in problem_faults(example.request, response):
                self.findings[f"{example.request.about}: {fault}"] += 1

    def send(self, request: Request, url: str | None = None) -> Response:
        """The answer; another address and token ask again after 429, and after 503 or 504 of a busy shop."""
        for _ in range(_MOST_REPEATS):
            ends = request.operation is not None and request.operation.id == "end_session"
            tokens = self.short_lived if ends else self.tokens
            token = None if request.role == "nobody" else next(tokens[request.role])
            data = request.encoded(token)
            head, target = request.method == b"HEAD", url or next(self._urls)
            response = exchange(target, next(self._sources), data, head=head, whole=request.whole)
            self.sent += 1
            if is_busy(request, response):
                self.busy += 1
            elif not is_rate_limited(response):
                break
        return response


async def attacker(somebody: Client) -> tuple[Attacker, dict[str, str]]:
    """An attacker, and the path parts and members that are its own: a product, an order of two, an e-mail address."""
    admin, customer = await somebody.admin(), await somebody.customer()
    product_id = await new_product(somebody)
    guest, order_id = await bought(somebody, product_id)
    await guest.do("POST", "/api/cart/items", {"product_id": product_id, "quantity": 1})
    await guest.do("POST", "/api/checkout", {"payment_token": "tok_visa"}, 201)
    await eventually(lambda: _has_two(guest))
    email = (await customer.get("/api/profile")).body["email"]
    roles: dict[Role, Client] = {"admin": admin, "customer": customer, "guest": guest}
    found = Attacker(
        somebody.urls,
        {role: itertools.cycle(itertools.islice(_tokens(client, role), _TOKENS)) for role, client in roles.items()},
        {role: _tokens(client, role) for role, client in roles.items()},
    )
    own = {"product_id": product_id, "order_id": order_id, "stream_id": f"order-{order_id}", "email": email}
    own |= {"password": PASSWORD, "customer_id": guest.customer_id}
    return found, own


async def _has_two(guest: Client) -> bool:
    return bool((await guest.get("/api/orders")).body["total"] == 2)


def _tokens(client: Client, role: Role) -> Iterator[str]:
    """Tokens of one customer, which the limits count apart, without an end."""
    signer, began = TokenSigner(DEMO_PRIVATE_KEY), datetime.now(UTC) - timedelta(minutes=1)
    while True:
        yield signer.sign(client.customer_id, role, began)[0]


def real_cursors(attacker_: Attacker, operations: Sequence[Operation], world: World) -> World:
    """The world with a cursor of each list, in each of its orders and filters, where there is a second page."""
    found = {
        one.id: [_with_cursor(attacker_, one, query, world) for query in _queries(one)]
        for one in operations
        if one.lists
    }
    return replace(world, cursors=found)


def _queries(operation: Operation) -> Iterator[dict[str, str]]:
    yield {}
    for name, schema in operation.query.items():
        for choice in schema.get("enum", ()):
            yield {name: choice}
            if name == "sort":
                yield {name: choice, "q": "bag"}


def _with_cursor(attacker_: Attacker, operation: Operation, query: dict[str, str], world: World) -> dict[str, str]:
    draft = valid(operation, world)
    draft.query = [(name.encode(), value.encode()) for name, value in {**query, "limit": "1"}.items()]
    response = attacker_.send(draft.request("the first page"))
    assert response.status == 200, (operation.id, query, response)
    cursor = json.loads(response.body)["next_cursor"]
    return query if cursor is None else {**query, "cursor": cursor}
