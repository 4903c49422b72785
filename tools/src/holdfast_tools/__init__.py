"""Catalogue loader, replay, audit and tools to look inside."""
