"""A condition of the case with what follows from it: the recipe's one building block."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from advisor.recipe.case import Case


@dataclass(frozen=True)
class Condition:
    """When `holds`, the note joins the step's reason, `value` its rank and `parameters` its settings.

    With `withhold` the technique is left out instead, and the note says why. A note may use {numbers}.
    """

    name: str
    holds: Callable[[Case], bool]
    note: str
    rules: tuple[str, ...]
    value: float = 0.0
    parameters: Mapping[str, Any] = field(default_factory=dict)
    withhold: bool = False


@dataclass(frozen=True)
class Candidate:
    """A technique as the recipe sees it. `value` is its expected worth where nothing else is known, for ordering.

    `otherwise` is for techniques that need a cause: they stay out, for that reason, unless a condition of positive
    value holds.
    """

    technique: str
    value: float
    reason: str
    rules: tuple[str, ...]
    parameters: Mapping[str, Any]
    conditions: tuple[Condition, ...] = ()
    otherwise: str = ""
