"""Compares what the shop promised with what it holds: acknowledgements, charges, stock, folds, documents."""
