"""Checks the history of a run against what docs/API.md promises its callers.

It imports nothing of the services, of `holdfast` or of the rest of gameday (an import contract holds it): a mistake
that a service makes cannot be made here by the same lines.
"""
