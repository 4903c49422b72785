"""Experiments: files in Chaos Toolkit's format, what they call, and how they are conducted."""
