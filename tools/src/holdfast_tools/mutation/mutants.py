"""The mutants of a module: one small change each, made by Cosmic Ray's operators."""

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

OPERATORS: Final = (
    *(f"ReplaceBinaryOperator_{pair}" for pair in ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul")),
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is")),
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt")),
    *("ReplaceUnaryOperator_Delete_Not", "ReplaceUnaryOperator_Delete_USub", "AddNot"),
    *("ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd"),
    *("ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ZeroIterationForLoop", "NumberReplacer"),
)
"""One change for each thing that can be wrong, and not all eleven other operators for a plus."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """The `occurrence`-th place, counted from 0, where the operator can change the module. `line` counts from 1.
    `digest` tells one state of the module from another.
    """

    module: str
    operator: str
    occurrence: int
    line: int
    digest: str

    @property
    def name(self) -> str:
        return f"{self.module}:{self.line} {self.operator} {self.occurrence} of {self.digest}"


def mutants_of(root: Path, module: str) -> Iterator[Mutant]:
    """All of a module, without those in annotations and decorators, which change no behaviour that a test could see."""
    source = (root / module).read_text()
    tree, digest = get_ast(source), hashlib.sha256(source.encode()).hexdigest()[:8]
    for name in OPERATORS:
        operator = get_operator(f"core/{name}")()
        places = [(node, start) for node in ast_nodes(tree) for start, _ in operator.mutation_positions(node)]
        for occurrence, (node, start) in enumerate(places):
            if not _is_annotation(node):
                yield Mutant(module, name, occurrence, start[0], digest)


def mutated(source: str, mutant: Mutant) -> str:
    """The source with the change. Raises ValueError if the source has no such place."""
    code = mutate_code(source, get_operator(f"core/{mutant.operator}")(), mutant.occurrence)
    if code is None:
        raise ValueError(f"{mutant.name} is not there")
    return str(code)


def sample(mutants: Sequence[Mutant], count: int, seed: int) -> list[Mutant]:
    """So many of them, the same for the same seed, in random order; all if there are fewer."""
    return random.Random(seed).sample(list(mutants), min(count, len(mutants)))


def _is_annotation(node: Any) -> bool:
    child = node
    while (parent := child.parent) is not None:
        if parent.type in ("decorator", "tfpdef"):
            return True
        if parent.type == "annassign" and child is parent.children[1]:
            return True
        if parent.type == "funcdef" and child is parent.annotation:
            return True
        child = parent
    return False
