"""The service's HTTP interface, as INTERNALS.md describes it."""
