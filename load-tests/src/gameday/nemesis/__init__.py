"""Faults as a tool: one interface, on local processes and on containers, and every fault ends by itself."""
