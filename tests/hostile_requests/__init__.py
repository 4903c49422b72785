"""Hostile requests: a fixed list of examples, a table of mutations for every operation, and strategies that mix them.

operations: what the OpenAPI document says of each call, and one valid request of it. values: the hostile values.
mutations: one hostile thing done to a valid request, for every place of input. strategies: several at once, and random
values. examples: the fixed list. exchange: sends a request as raw bytes. answers: what an answer has to be.
"""
