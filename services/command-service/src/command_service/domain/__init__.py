"""The rules of the shop: pure deciders on the standard library alone.

Each aggregate has `decide(command, state) -> tuple[Event, ...] | Refusal` and `evolve(state, event) -> state`; a
command that changes nothing (a repeat) yields no events. What spans several streams is decided in `checkout`,
`reversal` and `merging`. Time, ids and prices come in as arguments; inputs are already within the ranges of API.md.
"""
