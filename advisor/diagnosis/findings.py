"""What a finding's file registers: how likely its kind is, and what to say about it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from advisor.curves import Curves, Series
from advisor.diagnosis.model import Finding, Kind, Severity
from advisor.diagnosis.side import Side, measure_side
from advisor.diagnosis.signals import Signals
from advisor.diagnosis.trend import as_cost, finite_part


@dataclass(frozen=True)
class Case:
    """One run under examination: the pair of series, their signals, and the metric beside the validation loss."""

    curves: Curves
    train: Series | None
    validation: Series | None
    signals: Signals
    score: Side | None = None  # the validation side's score (accuracy beside a loss), as a cost
    score_at_best: float = math.nan  # that cost where the validation loss is best

    @property
    def main(self) -> Side:
        """The side that the run is judged by: validation where there is one, else training."""
        return self.signals.validation if self.signals.validation.finite else self.signals.train

    def at(self, x: float) -> str:
        """A place on the x axis in words: "epoch 12", "step 3000", "second 40"."""
        series = self.validation or self.train
        return f"{series.unit if series else 'x'} {x:g}"


@dataclass(frozen=True)
class Rule:
    """A kind of finding: `probability` judges a case, `build` words it. Headlines are said before remarks."""

    kind: Kind
    headline: bool
    probability: Callable[[Case], float]
    build: Callable[[Case, float], Finding]


RULES: dict[Kind, Rule] = {}


def register(
    kind: Kind, probability: Callable[[Case], float], build: Callable[[Case, float], Finding], *, headline: bool = False
) -> None:
    """Add a finding to those that `diagnose` collects."""
    RULES[kind] = Rule(kind, headline, probability, build)


def make_case(curves: Curves, train: Series | None, validation: Series | None, signals: Signals) -> Case:
    """A case with the score beside the validation loss, where the log has one."""
    other = None
    if validation is not None and validation.direction == "min":
        other = curves.companion(validation, "max")
    if other is None or validation is None or not signals.validation.finite:
        return Case(curves, train, validation, signals)
    x, y = finite_part(other.x, as_cost(other))
    side = measure_side(other, (x, y))
    if not side.finite:
        return Case(curves, train, validation, signals)
    near = abs(x - signals.validation.best_x).argsort(kind="stable")[: max(1, len(x) // 20)]
    return Case(curves, train, validation, signals, side, float(sorted(y[near])[len(near) // 2]))


def above(value: float, middle: float, steepness: float = 3.0) -> float:
    """How clearly a positive `value` exceeds `middle`: 0.5 there, on a logarithmic scale; NaN counts as 0."""
    if not value > 0:
        return 0.0
    return logistic(steepness * math.log(value / middle)) if math.isfinite(value) else 1.0


def below(value: float, middle: float, steepness: float = 3.0) -> float:
    """How clearly `value` stays under `middle`: 0.5 there, 1 at or below zero; NaN counts as 0."""
    return 0.0 if math.isnan(value) else 1.0 - above(value, middle, steepness)


def at_most(value: float, middle: float, width: float) -> float:
    """How clearly `value` is less than `middle` on a linear scale of `width`; NaN counts as 0."""
    return 0.0 if math.isnan(value) else logistic((middle - value) / width)


def logistic(value: float) -> float:
    """1 / (1 + exp(-value)), for any finite or infinite value."""
    if value < -700:
        return 0.0
    return 1.0 / (1.0 + math.exp(-value)) if value < 700 else 1.0


def all_of(*conditions: float) -> float:
    """A finding is as likely as its weakest condition."""
    return min(conditions)


def describe(
    kind: Kind, severity: Severity, probability: float, explanation: str, next_check: str, **numbers: float
) -> Finding:
    """A finding without onset; `numbers` become its evidence."""
    return Finding(
        kind=kind, severity=severity, probability=probability, explanation=explanation, next_check=next_check,
        evidence={name: float(value) for name, value in numbers.items()},
    )  # fmt: skip


def cost_name(series: Series | None) -> str:
    """How to call a series in a sentence: its split and metric, whatever its name in the log."""
    return "the metric" if series is None else f"{series.split} {series.metric.replace('_', ' ')}"


def level(series: Series | None, cost: float) -> float:
    """A cost in the series' own terms again: 0.1 becomes 0.9 for an accuracy."""
    if series is None or series.direction == "min":
        return cost
    return {"fraction": 1.0, "percent": 100.0}.get(series.scale, 0.0) - cost


def end_rise(case: Case) -> float:
    """How likely validation ends worse than its best in a way that neither noise nor the training side explains."""
    signals, side = case.signals, case.signals.validation
    if side.finite < 4:
        return 0.0
    learned = above(signals.train.fall, 0.05) if signals.paired else 1.0
    return all_of(
        above(side.rise_relative, 0.035),
        # Either the end stands clear of the noise, or all points since the best climb together.
        max(above(side.rise_noise, 4.5 if side.finite >= 12 else 4.0), above(side.rise_certainty, 4.0)),
        above(side.rise_share, 0.015),
        at_most(signals.train_rise_share, 0.5, 0.08),
        learned,
    )
