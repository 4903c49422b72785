"""Every test of the workspace: real servers by fixture."""

pytest_plugins = ["holdfast.testing.plugin"]
