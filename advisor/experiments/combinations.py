"""Which steps of a recipe run together in an ablation, and which cannot."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from advisor.errors import AdvisorError
from advisor.experiments.ablation import ablation_arms
from advisor.experiments.factorial import FactorialDesign, factorial_design
from advisor.experiments.kinds import Ablate, merged, settings_of

if TYPE_CHECKING:
    from advisor.experiments.spec import Spec


def combinations(spec: Spec) -> dict[str, list[str]]:
    """Arm -> the steps of the recipe that are on in it, for an ablation; the baseline has none.

    Raises:
        AdvisorError: two steps do not go together, and the design runs all of them.
    """
    if not spec.arms:
        return {}
    if (spec.ablate or Ablate()).design == "factorial":
        return {name: list(on) for name, on in factorial_of(spec).arms.items()}
    for (first, second), why in clashes(spec).items():
        raise AdvisorError(
            f"Steps {first!r} and {second!r} of the recipe do not go together: {why}. Leave one of them out of arms, "
            "or set ablate: {design: factorial}, which never runs both."
        )
    return ablation_arms(list(spec.arms))


def factorial_of(spec: Spec) -> FactorialDesign:
    """The combinations of a factorial ablation; steps that do not go together are never on together."""
    chosen, apart = spec.ablate or Ablate(), [set(pair) for pair in clashes(spec)]
    return factorial_design(
        list(spec.arms), chosen.max_arms, legal=lambda on: not any(pair <= on for pair in apart), seed=spec.design.seed
    )


def clashes(spec: Spec) -> dict[tuple[str, str], str]:
    """Pairs of steps that cannot be combined -> why: they set one thing differently, or their techniques conflict.

    Raises:
        AdvisorError: a step is wrong by itself.
    """
    from advisor.experiments.spec import overlay

    changes = {name: {key: value for key, value in change.items() if key not in ("model", "data")}
               for name, change in spec.arms.items()}  # fmt: skip
    for name, change in changes.items():
        overlay(spec.baseline, change, name)
    found = {}
    for first, second in itertools.combinations(spec.arms, 2):
        one, other = settings_of(spec.arms[first]), settings_of(spec.arms[second])
        both = [key for key in one if key in other and one[key] != other[key]]
        if both:
            found[first, second] = f"both set {both[0]}, to {one[both[0]]!r} and to {other[both[0]]!r}"
            continue
        try:
            overlay(spec.baseline, merged([changes[first], changes[second]]), "of the two")
        except AdvisorError as error:
            why = str(error).removeprefix("arm 'of the two' is not valid: ")
            found[first, second] = why.removesuffix(" Leave one of them out of the arm.").rstrip(".")
    return found
