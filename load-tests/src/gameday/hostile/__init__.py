"""Hostile callers: attacks on the public API, each paced, bounded and run as a process of its own."""
