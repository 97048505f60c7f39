"""The corruptions by name: how examples go wrong in use, each in five severities (after Hendrycks & Dietterich 2019).

The idea is theirs: damage test examples in known ways and average over kinds and severities. Operations and settings
are our own, so that images of any size, texts and tables can be measured; a value compares arms with each other, and
with no published table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

SEVERITIES = (1, 2, 3, 4, 5)
# What examples hold that can be damaged; a table has one, two or all of the last three.
Form = Literal["image", "words", "bytes", "table", "numbers", "categories"]
# values, setting, generator, and for tables `columns`, to values of the same shape and type; never writes into its
# input. The generator is on the device of the values.
Damage = Callable[..., "torch.Tensor"]


@dataclass(frozen=True)
class Corruption:
    """One way in which examples go wrong. `settings`: of severity 1 to 5. `unit`: what a setting means."""

    name: str
    form: Form
    about: str
    settings: tuple[float, ...]
    unit: str
    damage: Damage

    def setting(self, severity: int) -> float:
        """What this severity, 1 to 5, means in the unit."""
        return self.settings[SEVERITIES.index(severity)]


CORRUPTIONS: dict[str, Corruption] = {}


def corruption(form: Form, settings: tuple[float, ...], unit: str) -> Callable[[Damage], Damage]:
    """Enter a function by its name, with the first line of its docstring as what it is about."""
    assert len(settings) == len(SEVERITIES), settings

    def enter(damage: Damage) -> Damage:
        name = damage.__name__
        assert name not in CORRUPTIONS, name
        about = (damage.__doc__ or "").strip().splitlines()[0]
        CORRUPTIONS[name] = Corruption(name, form, about, settings, unit, damage)
        return damage

    return enter


def corruptions_of(forms: Iterable[Form]) -> tuple[Corruption, ...]:
    """The corruptions of these forms, in the registry's order."""
    wanted = frozenset(forms)
    return tuple(one for one in CORRUPTIONS.values() if one.form in wanted)
