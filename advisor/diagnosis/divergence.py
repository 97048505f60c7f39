"""Divergence: training itself ends far above its best level, or is no number any more."""

import numpy as np

from advisor.diagnosis.findings import Case, above, all_of, cost_name, describe, level, register
from advisor.diagnosis.model import Finding


def divergence(case: Case) -> float:
    """A large lasting rise of the training cost, or the loss of much of what was learned.

    Without a training side, validation has to rise by a multiple.
    """
    side = case.signals.train
    if side.finite >= 4:
        far = all_of(above(side.rise_relative, 0.2), above(side.rise_noise, 2.0), above(side.rise_share, 0.12))
        lost = all_of(above(side.rise_relative, 0.08), above(side.rise_noise, 8.0), above(side.rise_share, 0.35))
        return max(far, lost)
    side = case.signals.validation
    if side.finite >= 4 and not case.signals.train.points:
        return all_of(above(side.rise_relative, 3.0), above(side.rise_noise, 4.0), above(side.rise_share, 0.8))
    return 0.0


def _build_divergence(case: Case, chance: float) -> Finding:
    series = case.train if case.signals.train.finite >= 4 else case.validation
    side = case.signals.train if series is case.train else case.signals.validation
    return describe(
        "divergence", "critical", chance,
        f"{cost_name(series).capitalize()} was best at {case.at(side.best_x)} ({level(series, side.best):.4g}) and "
        "ended at "
        f"{level(series, side.end):.4g}: the training itself got worse, which no regularization cures.",
        "Repeat the first epochs with a third of the learning rate, a warm-up and gradient clipping; log the gradient "
        "norm.",
        best=level(series, side.best), end=level(series, side.end), rise_relative=side.rise_relative,
    ).model_copy(update={"onset": side.best_x})  # fmt: skip


def non_finite(case: Case) -> float:
    """Either loss is NaN or infinite and stays so to the end of the log, or was never a number."""
    sides = [side for side in (case.signals.train, case.signals.validation) if side.points]
    if any(side.finite == 0 for side in sides):
        return 0.99
    tail = max((side.non_finite_tail for side in sides), default=0)
    return 0.0 if tail == 0 else 0.9 if tail == 1 else 0.98


def _build_non_finite(case: Case, chance: float) -> Finding:
    both = ((case.train, case.signals.train), (case.validation, case.signals.validation))
    sides = [(series, side) for series, side in both if side.points and (side.non_finite_tail or not side.finite)]
    series, side = max(sides, key=lambda item: item[1].non_finite_tail)
    return describe(
        "non_finite", "critical", chance,
        f"{cost_name(series).capitalize()} is not finite (NaN or infinite) in its last {side.non_finite_tail} of "
        f"{side.points} points, first at {case.at(side.first_non_finite_x)}.",
        "Resume from the last finite checkpoint in float32 with anomaly detection on, and log the gradient norm and "
        "the batch that breaks.",
        last_points=side.non_finite_tail, points=side.points,
    ).model_copy(update={"onset": side.first_non_finite_x})  # fmt: skip


def precision_overflow(case: Case) -> float:
    """Single non-finite values that later ones heal: mixed precision's scaler skips such steps by design."""
    healed = max(case.signals.train.non_finite_healed, case.signals.validation.non_finite_healed)
    logged = False
    for series in case.curves.series:
        bad = ~np.isfinite(series.y)
        logged |= series.role == "diagnostic" and bool(bad.any()) and not bool(bad.all())
    if non_finite(case) >= 0.5:
        return 0.2
    return 0.85 if healed else 0.7 if logged else 0.02


def _build_overflow(case: Case, chance: float) -> Finding:
    side = max(case.signals.train, case.signals.validation, key=lambda item: item.non_finite_healed)
    many = side.non_finite_healed > 0.05 * max(1, side.points)
    where = (
        f"{side.non_finite_healed} of {side.points} loss values" if side.non_finite_healed else "gradient diagnostics"
    )
    return describe(
        "precision_overflow", "warning" if many else "info", chance,
        f"Isolated non-finite values ({where}) healed by themselves, as overflow in half precision does when the loss "
        "scaler skips a step.",
        "Log the loss scale: if it keeps falling, train in bfloat16 or float32; if it settles, this is harmless.",
        healed=side.non_finite_healed,
    )  # fmt: skip


register("divergence", divergence, _build_divergence, headline=True)
register("non_finite", non_finite, _build_non_finite, headline=True)
register("precision_overflow", precision_overflow, _build_overflow)
