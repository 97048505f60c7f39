"""Parameters for a step, as places in the usual range that each field declares: no range is restated here."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from advisor.knowledge.usual import usual_range
from advisor.techniques.core import Technique


@dataclass(frozen=True)
class Usual:
    """A place in a field's usual range: 0 is its low end, 1 its high end. Wide ranges are walked in logarithms."""

    position: float


def resolve(technique: type[Technique], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters of the technique with places turned into values, validated by building it."""
    values = {name: _place(technique, name, value) for name, value in parameters.items()}
    return technique(**values).parameters()


def _place(technique: type[Technique], name: str, value: Any) -> Any:
    if not isinstance(value, Usual):
        return value
    field = technique.model_fields[name]
    limits = usual_range(field)
    if limits is None:
        return field.default
    low, high = limits
    if low > 0 and high / low >= 10:
        number = math.exp(math.log(low) + value.position * (math.log(high) - math.log(low)))
    else:
        number = low + value.position * (high - low)
    if field.annotation is int:
        return round(number)
    # Two digits say enough; clamping keeps a rounded end inside the range.
    return min(max(float(f"{number:.2g}"), low), high)
