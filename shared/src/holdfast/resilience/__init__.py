"""Everything that keeps one part's failure from becoming another's.

The outbound HTTP path stacks, outer to inner: bulkhead, total deadline, service breaker (one a route group), retry,
balancing over replicas, replica breaker, attempt timeout, wire. Stores that are not called over HTTP are called through
a `Guard`: bulkhead, breaker, deadline. The pieces, one small module each:

    deadline    Deadline.after(1.5), .from_header(value, at_most_s=0.8), .remaining_s(), .shortened_by(150),
                .at_most(0.25), .header_value(), with deadline.limit("postgresql")
    errors      DeadlineExceeded, DependencyUnavailable, BulkheadFull, RateLimited, Unsendable: fields, no HTTP statuses
    outcome     the one place that says how a call's end counts: success, slow, failure, or neutral (a caller's doing)
    ejection    at most half of a service's replicas are out for what their calls did
    route_groups  client.groups["search"]: the service breaker of one group of routes; client.require("search")
    cache       hit = cache.find(key, settings.PRODUCT_CACHE, fetch) or await cache.get(key, fetch); cache.on_error(…)
    breaker     breaker = CircuitBreaker(name, settings); permit = breaker.acquire(); permit.success(), .failure(),
                .neutral(); with breaker.acquire(classify=...)
    bulkhead    async with bulkhead.slot(deadline)
    guard       guard = Guard("postgresql", settings, classify=...); async with guard(deadline)
    ratelimit   decision = limiter.take(key)
    client      client = OutboundClient("query-service", urls, settings); await client.start();
                answer = await client.request("GET", "/api/products", query="q=mug", headers=[("Accept", "*/*")],
                content=b"", deadline=deadline, policy=settings.READ, group="search"); answer.status, .headers, .body,
                .replica, .attempts; await client.close()
    replicas    replicas.pick(): the one with the fewest calls times the slowest probe, see pace and probe
    dependencies  dependencies = Dependencies("gateway"); dependencies.add(client_or_guard); dependencies.status()
    protections  "breaker" in PROTECTIONS.on, PROTECTIONS.switch_off(["breaker", "cache"])
    settings    every value with its unit and reason
    clock       FakeClock for tests
"""
