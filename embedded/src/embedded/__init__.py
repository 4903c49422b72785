"""Holdfast on the real servers without Docker: supervised local processes."""
