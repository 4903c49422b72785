"""Fixtures for tests against real servers; the pytest plugin is `holdfast.testing.plugin`."""
