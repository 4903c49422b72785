"""Shoppers as load: open arrivals from a seeded schedule, and a record of what became of each request."""
