"""The edge: sessions, rate limit, routing, containment and the public API."""
