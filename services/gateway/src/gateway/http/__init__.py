"""The edge: one public request, from its first line to its answer."""
