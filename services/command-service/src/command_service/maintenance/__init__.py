"""Maintenance: the process `migrations`, which alone owns the tables (ADR 23)."""
