"""Mutation testing of the pure code: how many small changes of it make a test fail."""
