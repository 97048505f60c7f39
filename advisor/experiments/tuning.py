"""Tuning the baseline as well as the arms, on validation data: an untuned baseline is the commonest false win.

Each of them gets the same number of settings over the same learning rates, from a ninth of the given one to nine times
it. An arm with a technique whose strength can be scaled gets five of them times three strengths; what has no strength,
the baseline above all, gets fifteen. The setting with the best mean validation metric is kept; the comparison is then
made on other blocks.
"""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from advisor.experiments.kinds import merged
from advisor.techniques import TECHNIQUES

if TYPE_CHECKING:
    from advisor.experiments.evidence import RunResult
    from advisor.experiments.spec import Spec

BLOCKS = 2  # that each setting is trained on
RANGE = 9.0  # of learning rates, down and up
FACTORS = (1 / 3, 1.0, 3.0)  # of a strength
FEW, MANY = (tuple(RANGE ** (place / half) for place in range(-half, half + 1)) for half in (2, 7))
STRIDE = 500_000  # between tuning blocks and those of the comparison
LARGEST_LR = 100.0


def candidates(spec: "Spec", name: str) -> list[dict[str, Any]]:
    """Overlays on the baseline: the arm's own setting first, then the others."""
    own = spec.overlays.get(name, {})
    lr = spec.arm(name).lr
    strengths = _strengths(spec, name)
    if strengths is None:
        factors = sorted(MANY, key=lambda factor: factor != 1)  # the given one first
        return [merged([own, {"lr": _bounded(lr * factor)}]) for factor in factors]
    technique, parameter, values = strengths
    grid = sorted(itertools.product(FEW, values), key=lambda pair: pair != (1.0, values[1]))
    parameters = spec.arm(name).techniques[technique]
    return [
        merged([own, {"lr": _bounded(lr * factor), "techniques": {technique: {**parameters, parameter: value}}}])
        for factor, value in grid
    ]


def at_the_edge(spec: "Spec", name: str, chosen: dict[str, Any]) -> bool:
    """Whether the learning rate is the smallest or largest of those tried, so that a better one may lie beyond."""
    rates = [overlay["lr"] for overlay in candidates(spec, name)]
    return chosen["lr"] in (min(rates), max(rates))


def _bounded(lr: float) -> float:
    return float(f"{min(lr, LARGEST_LR):.3g}")


def _strengths(spec: "Spec", name: str) -> tuple[str, str, tuple[float, float, float]] | None:
    """The first technique that the arm adds whose strength can be scaled, its parameter, and three values of it."""
    before, after = spec.baseline.techniques, spec.arm(name).techniques
    for technique, parameters in after.items():
        if before.get(technique) == parameters:
            continue
        for parameter, field in TECHNIQUES[technique].model_fields.items():
            value = parameters.get(parameter)
            extra = field.json_schema_extra
            if not isinstance(extra, dict) or "usual" not in extra or not isinstance(value, float) or not value:
                continue
            limits = {key: getattr(limit, key) for limit in field.metadata for key in ("ge", "gt", "le", "lt")
                      if hasattr(limit, key)}  # fmt: skip
            low, high = (_inside(value * factor, value, limits) for factor in (FACTORS[0], FACTORS[2]))
            return technique, parameter, (low, value, high)
    return None


def _inside(wanted: float, given: float, limits: dict[str, float]) -> float:
    """A scaled value within hard bounds; half-way to an open bound that it would cross."""
    value = min(wanted, limits.get("le", wanted))
    value = max(value, limits.get("ge", value))
    if "lt" in limits and value >= limits["lt"]:
        value = (given + limits["lt"]) / 2
    if "gt" in limits and value <= limits["gt"]:
        value = (given + limits["gt"]) / 2
    return float(f"{value:.3g}")


def best(spec: "Spec", runs: Sequence["RunResult"], names: Sequence[str]) -> str:
    """Which of these arms has the best mean validation metric; the first among equals, and never one that diverged."""
    sign = 1 if spec.direction == "max" else -1

    def score(name: str) -> float:
        values = [run.validation[spec.metric] for run in runs if run.arm == name]
        mean = sign * sum(values) / len(values)
        return mean if mean == mean else float("-inf")

    return max(names, key=lambda name: (score(name), -list(names).index(name)))
