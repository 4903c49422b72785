"""The control group: the same load and the same trigger with the shop's protections on, off, and each off in turn."""
