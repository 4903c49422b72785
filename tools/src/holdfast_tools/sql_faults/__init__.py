"""Planted SQL faults: whether the tests of the event store, the relay and settlement find a wrong statement."""
