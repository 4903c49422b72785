"""Every start value of the protections in one place, each with its unit and its reason.

The values are RESILIENCE.md section 2's; calibrate them from a healthy run.
"""

from dataclasses import dataclass, field

from holdfast.resilience.policy import CallPolicy


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When a breaker opens, for how long, and what closes it."""

    failures_in_a_row: int = 7
    """Linkerd's: 7 in a row at 20 % random failure happen once in ~98,000 calls; one timeout's length to trip."""
    bad_in_a_row: int | None = 7
    """The same with slow answers among them, where those count at all. None: only their rate counts."""
    missed_probes: int = 3
    """A replica that misses 3 of 4 probes a second is seen as gone in about 1 s without victims."""
    good_probes: int = 1
    """Good probes in a row before callers are let through to try, where somebody probes."""
    counts_bad_probes: bool = False
    """While closed a late probe counts as a slow call, a missed one as a failed call. For a probe that uses the
    dependency as callers do: where few of those come, they alone would take long to be `least_calls`."""
    window_s: float = 10.0
    """Hystrix: what the rate looks back on."""
    window_buckets: int = 10
    """One bucket a second: the rate forgets smoothly at ten additions' cost."""
    least_calls: int = 20
    """Hystrix: a window with fewer calls has no rate worth acting on."""
    bad_share: float = 0.5
    """Hystrix: half of the calls failed or slow. Lower would open on what one retry at another replica heals."""
    open_s: float = 1.0
    """First open time: recovery within 10 s needs a short one, and the probe must be good too."""
    longest_open_s: float = 4.0
    """Open times double up to here; doubling to 30 s healed a 60 s outage up to 36 s late."""
    jitter: float = 0.2
    """Share of the open time, either way: processes that opened together do not come back together."""
    half_open_permits: int = 3
    """Calls let through at once when half-open, and successes that close it."""
    lease_margin_s: float = 1.0
    """A half-open permit not given back within its call's timeout plus this is lost and is lent again."""
    ejected_share: float = 0.5
    """Of a service's replicas that answer probes, rounded down: more are never out for what their calls did (half is
    also Envoy's panic threshold). A store has no replicas."""
    lease_s: float = 2.0
    """Lease of a permit whose caller names none: the longest inner deadline (1.5 s) and some."""


@dataclass(frozen=True, slots=True)
class BulkheadSettings:
    """How many calls of one dependency may be in flight and waiting."""

    limit: int
    """Calls at once: 2 x peak rate x healthy p99 (Little's law)."""
    queue: int
    """Calls waiting: at most half the limit (SRE book), more only waits for its timeout."""
    max_wait_s: float = 0.05
    """Longest wait for a place: under the attempt timeout, so that a full bulkhead answers at once."""


@dataclass(frozen=True, slots=True)
class RetrySettings:
    """How much repeating is allowed. One budget a process and dependency."""

    budget: float = 0.1
    """Repeats a request: SRE's 10 %; stable while load is under capacity / 1.1."""
    ttl_s: float = 10.0
    """How long a request's share counts (Finagle)."""
    floor_per_s: float = 1.0
    """Repeats a second that are always allowed: a quiet process may repeat too."""
    backoff_s: tuple[float, float] = (0.025, 0.1)
    """Pause before the repeat, drawn evenly: desynchronises callers, fits into a read's 800 ms."""


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """The active probe of each replica."""

    path: str = "/healthz"
    """The process, not its stores: /readyz would eject all replicas at once when their shared store fails."""
    interval_s: float = 0.25
    """Four a second: three misses are seen within about a second."""
    limit_s: float = 0.15
    """Longest wait for an answer: far above a healthy one, under the interval."""
    stall_s: float = 0.1
    """A probe that ran out this much late was held up by this process's own loop, and says nothing."""
    remembered: int = 12
    """Probes, 3 s: when a replica stands still for four of five moments 45 % take over 30 ms, none of 12 once in
    1,300."""
    quick_s: float = 0.02
    """Probes that took less are alike: on two cores with 80 % of the load they carry 99 of 100 take under 20 ms."""


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """One outbound HTTP dependency."""

    bulkhead: BulkheadSettings
    breaker: BreakerSettings = field(default_factory=BreakerSettings)
    retry: RetrySettings = field(default_factory=RetrySettings)
    probe: ProbeSettings = field(default_factory=ProbeSettings)
    connect_timeout_s: float = 0.05
    """One network: a connection takes 1 ms or a second, the next SYN. With this a call that met a replica just gone is
    answered by the other within 100 ms."""
    keep_alive_s: float = 4.0
    """Idle connections are dropped before the server's own 5 s (uvicorn), else a call meets a closing one."""
    resolve_every_s: float = 1.0
    """DNS is asked in the background this often (CORRECTNESS 27)."""
    max_answer_bytes: int = 16 * 1024 * 1024
    """A longer answer is cut off: nothing in API.md comes near, and memory is bounded."""


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """One dependency that is not called over HTTP: PostgreSQL, Elasticsearch, Kafka, SQLite."""

    bulkhead: BulkheadSettings
    breaker: BreakerSettings = field(default_factory=BreakerSettings)
    slow_after_s: float | None = None
    """A block that took longer than this counts as slow. None: how long it takes says nothing about the store (row
    locks, big batches, a commit that waits for a group)."""
    fair_chance_s: float = 0.1
    """Running out of time after less than this is neutral: the caller's short deadline, not the store's fault."""


@dataclass(frozen=True, slots=True)
class RateSettings:
    """A token bucket for each key."""

    per_s: float
    burst: int
    max_keys: int = 10_000
    """Buckets kept at once; full ones are dropped first, then the least recently used (memory is bounded)."""


@dataclass(frozen=True, slots=True)
class AdmissionSettings:
    """What one process takes on at once, and what it sheds."""

    first: int = 100
    """Calls at once at the start: more than all bulkheads hold, so that those who wait for one part leave the others
    their places."""
    smallest: int = 20
    """Never fewer (concurrency-limits): a slow dependency of some calls must not shut the others out."""
    largest: int = 200
    """Never more: behind it every call would only wait."""
    window_s: float = 1.0
    """What the limit looks back on before it moves: the time of several calls, short beside an overload."""
    least_calls: int = 10
    """A window lasts until it has this many calls: fewer say nothing."""
    late_share: float = 0.1
    """More late calls than this and the limit shrinks: one slow dependency's few calls do not count as overload."""
    late_after: float = 0.25
    """A call is late after this share of its total deadline: 200 ms for a read, under the attempt timeout of 250 ms, so
    that calls are shed here before attempts time out there and open breakers."""
    decrease: float = 0.8
    """Of the limit is left after a window with too many late calls: halved within 4 s, before breakers open."""
    increase: float = 5.0
    """Calls a window: from the smallest to the first limit in 16 s."""
    shares: tuple[float, float, float, float, float] = (1.0, 0.9, 0.75, 0.5, 0.25)
    """Of the limit, for checkout, cart, browse, recommendations and calls without a token: the last tenth is the
    checkouts' alone."""
    queue: int = 16
    """Calls that wait for a place: less than a tenth of a second's worth."""
    max_wait_s: float = 0.05
    """Longest wait; a burst passes within it, an overload does not."""


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """How long a kept answer may be given, in seconds of its age; the last two begin when it is no longer fresh."""

    max_age_s: float
    stale_while_revalidate_s: float
    stale_if_error_s: float


ADMISSION = AdmissionSettings()

# Share of the interval between two probes, either way. Evenly spaced ones may all meet the running moments of what
# stands still at a rhythm, and never see that it is slow. At a replica no interval is shorter than the probe's limit.
PROBE_JITTER = 0.4

# Names and prices seldom change, what is in a list and in stock changes sooner. A list that is fresh is no older than a
# list may be without a cache.
PRODUCT_CACHE = CacheSettings(max_age_s=5, stale_while_revalidate_s=30, stale_if_error_s=600)
SEARCH_CACHE = CacheSettings(max_age_s=2, stale_while_revalidate_s=10, stale_if_error_s=120)

# Bulkheads: 2 x peak rate x healthy p99. Tokens waited for have their own, so that a dead projector holds up only them.
QUERY_BULKHEAD = BulkheadSettings(limit=32, queue=16)
PAYMENT_BULKHEAD = BulkheadSettings(limit=16, queue=8)
ELASTICSEARCH_BULKHEAD = BulkheadSettings(limit=32, queue=16)
TOKEN_WAIT_BULKHEAD = BulkheadSettings(limit=8, queue=0)
POSTGRES_BULKHEAD = BulkheadSettings(limit=16, queue=8, max_wait_s=0.1)  # the pool's size and its acquire limit
CHECKOUT_BULKHEAD = BulkheadSettings(
    limit=8, queue=32, max_wait_s=0.6
)  # its own pool with a FIFO queue (CORRECTNESS 5)

ELASTICSEARCH_GUARD = GuardSettings(
    bulkhead=ELASTICSEARCH_BULKHEAD,
    # Worth turning away from long before its calls time out, but not for a stall: every call that one catches is slow,
    # seven at once. A second and a half forgets it and opens about 1.5 s after the store turned slow; two took 1.9, ten
    # would remember too much health. One that stands still for nineteen of twenty moments is good now and then, and
    # each time three shoppers waited to find out more: after four good looks in a row ten times in 87 s, so it takes
    # six. The looks, four a second, count too: two calls a second would else take five to be enough.
    breaker=BreakerSettings(
        bad_in_a_row=None, window_s=1.5, window_buckets=6, least_calls=10, good_probes=6, counts_bad_probes=True
    ),
)

QUERY_CLIENT = ClientSettings(bulkhead=QUERY_BULKHEAD)
# One question a second in the background: which sessions have ended.
REVOCATION_CLIENT = ClientSettings(bulkhead=BulkheadSettings(limit=1, queue=0))
PAYMENT_CLIENT = ClientSettings(
    bulkhead=PAYMENT_BULKHEAD,
    # A read of the ledger, which has no other replica: one that hangs is seen without making buyers wait, however few
    # come, and none of them is let through to it until it answers. It has an attempt's time: slow cards are no failure.
    probe=ProbeSettings(path="/charges/00000000-0000-0000-0000-000000000000", limit_s=0.4),
)

# Total deadlines, seconds: all shorter than a client's 2 s, long enough for a try at each replica.
READ_TOTAL_S = 0.8
CART_TOTAL_S = 1.0
CHECKOUT_TOTAL_S = 1.5
SIGN_IN_TOTAL_S = 1.5

# Attempts: max(healthy p99.9, floor), shorter than what is left for the other replica. Only what no caller can draw out
# is slow after SLOW_SHARE of it: one client's slow cards, or tokens that a dead projector never reaches, must not open
# the breaker that carts and browsing need.
SLOW_SHARE = 0.7
# A healthy Elasticsearch answers in 8 ms, a busy one seldom takes 50: over this share of a call's time it is slow, and
# a look at it is not good.
ELASTICSEARCH_SLOW_SHARE = 0.35
READ = CallPolicy(attempt_timeout_s=0.25, slow_after_s=SLOW_SHARE * 0.25)
READ_WITH_TOKEN = CallPolicy(attempt_timeout_s=0.45)  # the query-service waits up to 200 ms for the version
CART = CallPolicy(attempt_timeout_s=0.3, slow_after_s=SLOW_SHARE * 0.3)
SIGN_IN = CallPolicy(attempt_timeout_s=1.0)  # argon2 on one thread takes its time
CHECKOUT = CallPolicy(attempt_timeout_s=None, ends_when_lost=True)  # cut short it would only meet itself (409)
CHARGE = CallPolicy(attempt_timeout_s=0.4, retry=False)  # the ledger answers 202 by then; retries live at the gateway

TOKEN_RATE = RateSettings(per_s=100, burst=300)  # a catalogue load needs 47/s, one real cart is 673 posts
# By address, since what needs no token costs nothing to make again. A company of some hundred people shares an address:
# each looks at a page every few seconds, most pages are kept, and with a session each has a rate of its own.
ADDRESS_RATE = RateSettings(per_s=100, burst=300)
ANONYMOUS_RATE = RateSettings(per_s=20, burst=100)  # a search costs 7 ms of a core: 20/s are a fourteenth of two
REFUSAL_RATE = RateSettings(per_s=5, burst=50)  # heads: a browser or a script with one mistake has few
SESSION_RATE = RateSettings(per_s=5, burst=100)  # a company of 300 at nine has all of its sessions within a minute
PASSWORD_RATE = RateSettings(per_s=3, burst=60)  # a hash costs 25 ms of a core
