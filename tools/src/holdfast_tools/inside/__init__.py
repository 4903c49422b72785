"""To look inside: topics, indices, one order's way."""
