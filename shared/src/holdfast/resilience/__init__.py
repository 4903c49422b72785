"""Everything that keeps one part's failure from becoming another's.

The outbound HTTP path stacks, outer to inner: bulkhead, total deadline, retry, balancing over replicas, breaker (one a
replica), attempt timeout, wire. Stores that are not called over HTTP are called through a `Guard`: bulkhead, breaker,
deadline. The pieces, one small module each:

    deadline    Deadline.after(1.5), .from_header(value, at_most_s=0.8), .remaining_s(), .shortened_by(150),
                .at_most(0.25), .header_value(), with deadline.limit("postgresql")
    errors      DeadlineExceeded, DependencyUnavailable, BulkheadFull, RateLimited: fields, no HTTP statuses
    cache       hit = cache.find(key, settings.PRODUCT_CACHE, fetch) or await cache.get(key, fetch); cache.on_error(…)
    breaker     breaker = CircuitBreaker(name, settings); permit = breaker.acquire(); permit.success(), .failure(),
                .neutral(); with breaker.acquire(classify=...)
    bulkhead    async with bulkhead.slot(deadline)
    guard       guard = Guard("postgresql", settings, classify=...); async with guard(deadline)
    ratelimit   decision = limiter.take(key)
    client      client = OutboundClient("query-service", urls, settings); await client.start();
                answer = await client.request("GET", "/api/products", query="q=mug", headers=[("Accept", "*/*")],
                content=b"", deadline=deadline, policy=settings.READ); answer.status, .headers, .body, .replica,
                .attempts; await client.close()
    replicas    replicas.pick(): the one with the fewest calls times the slowest probe, see pace and probe
    dependencies  dependencies = Dependencies("gateway"); dependencies.add(client_or_guard); dependencies.status()
    protections  "breaker" in PROTECTIONS.on, PROTECTIONS.switch_off(["breaker", "cache"])
    settings    every value with its unit and reason
    clock       FakeClock for tests
"""
