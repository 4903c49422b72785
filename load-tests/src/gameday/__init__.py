"""Proof that no failure cascades: shoppers as load, faults, experiments, and the verdict on what was seen."""
