"""What the log itself limits: too few points, a resumed run, a metric that picks another best point."""

import math

import numpy as np

from advisor.diagnosis.findings import Case, above, all_of, at_most, cost_name, describe, level, register
from advisor.diagnosis.model import Finding


def too_few_points(case: Case) -> float:
    """Fewer points than a trend needs: sure below 4, unlikely from 10 on."""
    points = case.main.finite
    return 0.98 if points < 4 else at_most(points, 6.5, 0.9)


def _build_too_few(case: Case, chance: float) -> Finding:
    sides = case.signals
    return describe(
        "too_few_points", "warning", chance,
        f"Only {sides.validation.finite} validation and {sides.train.finite} training points are numbers: too few to "
        "tell a "
        "trend from chance.",
        "Evaluate at least ten times as the run goes on, several times within an epoch where epochs are few.",
        validation_points=sides.validation.finite, train_points=sides.train.finite,
    )  # fmt: skip


def resumed_run(case: Case) -> float:
    """The log itself shows it: x goes back, or the run begins far from where a run begins."""
    if case.curves.segments:
        return 0.97
    return 0.7 if begins_late(case) else 0.02


def begins_late(case: Case) -> bool:
    """Whether the first points are missing: x starts many strides from zero, and late in the run."""
    series = case.train if case.signals.train.finite >= 4 else case.validation
    if series is None or len(series) < 4:
        return False
    stride = float(np.median(np.abs(np.diff(series.x))))
    return bool(series.x[0] > 5 * stride and series.x[0] > 0.25 * series.x[-1])


def _build_resumed(case: Case, chance: float) -> Finding:
    parts = case.curves.segments
    borders = ", ".join(case.at(part.start) for part in parts[1:5])
    known = (
        f"The run was taken up again {len(parts) - 1} times (at {borders}); points logged twice are shown once."
        if parts
        else "The log begins late in a run: what came before, and how much was learned there, is not in it."
    )
    check = "Check that optimizer state, schedule and data order were restored: compare the loss just before and after."
    return describe("resumed_run", "info", chance, known, check, segments=len(parts))


def wrong_metric(case: Case) -> float:
    """Loss and score pick clearly different best points, and the choice costs score."""
    score = case.score
    if score is None or score.finite < 6 or math.isnan(case.score_at_best):
        return 0.0
    scale = max(abs(case.score_at_best), 1e-12)
    lost = (case.score_at_best - score.best) / scale
    noise = (case.score_at_best - score.best) / max(score.noise, 1e-12)
    apart = abs(score.best_x - case.main.best_x) / max(abs(case.main.last_x), 1e-12)
    return all_of(above(lost, 0.06), above(noise, 4.0), above(apart, 0.15))


def _build_wrong_metric(case: Case, chance: float) -> Finding:
    other = case.curves.companion(case.validation, "max") if case.validation else None
    best = case.score.best if case.score else math.nan
    at = case.score.best_x if case.score else math.nan
    return describe(
        "wrong_metric", "warning", chance,
        f"{cost_name(case.validation).capitalize()} is best at {case.at(case.main.best_x)}, {cost_name(other)} at "
        f"{case.at(at)} ({level(other, case.score_at_best):.4g} against {level(other, best):.4g}): which checkpoint is "
        "best depends on the metric.",
        "Decide which metric the model will be judged by and select checkpoints by that one.",
        score_at_best_loss=level(other, case.score_at_best), best_score=level(other, best),
    )  # fmt: skip


register("too_few_points", too_few_points, _build_too_few, headline=True)
register("resumed_run", resumed_run, _build_resumed)
register("wrong_metric", wrong_metric, _build_wrong_metric)
