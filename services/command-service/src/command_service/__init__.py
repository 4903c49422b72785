"""The write side: commands on the event store, the outbox relay and settlement."""
