"""Should this run stop now? Judged from the points so far and nothing later."""

import math

import numpy as np

from advisor.curves import Curves
from advisor.diagnosis.divergence import divergence, non_finite
from advisor.diagnosis.findings import Case, above, all_of, end_rise, level, make_case
from advisor.diagnosis.model import StopAdvice
from advisor.diagnosis.signals import measure

# Advice to stop costs more when it is wrong than to go on: it needs to be this sure.
STOP_AT = 0.7


def should_stop(curves: Curves, planned: float | None = None, tolerance: float = 0.0) -> StopAdvice:
    """Whether the best point so far will probably not be beaten by more than `tolerance` (in the metric's own units).

    `planned` is the x where the run is meant to end (else what the log says): near it, little can change. Without a
    validation series, advice rests on training alone and stops only a run that broke.
    """
    train, validation = curves.pair()
    return advise(make_case(curves, train, validation, measure(train, validation)), planned, tolerance)


def advise(case: Case, planned: float | None = None, tolerance: float = 0.0) -> StopAdvice:
    """As `should_stop`, for a case that was measured already."""
    side = case.main
    forecast_reason = "No forecast: that needs a model fitted on other runs."
    broken = max(divergence(case) if side.finite >= 8 else 0.0, non_finite(case))
    best_point = side.raw_best_x if side.finite else None
    if broken >= STOP_AT:
        reason = f"Training diverged or is no number any more; more of it will not help. {forecast_reason}"
        return StopAdvice(stop=True, probability=broken, reason=reason, best_point=best_point)
    if not case.signals.validation.finite:
        reason = f"There is no validation series to judge by. {forecast_reason}"
        return StopAdvice(stop=False, probability=0.0, reason=reason, best_point=best_point)
    end = planned if planned is not None else case.curves.planned
    left = _share_left(case, end)
    past = case.signals.validation.since_best * case.signals.validation.finite
    turned = all_of(end_rise(case), above(past, 4.0), above(side.rise - tolerance if tolerance else 1.0, 1e-12))
    flat = all_of(above(side.since_best, 0.5), above(past, 20.0), 1.0 - above(side.end_gain, 0.002))
    chance = max(turned, flat, 1.0 - left if left < 0.02 else 0.0)
    stop = chance >= STOP_AT and left > 0.0
    value = level(case.validation, side.best)
    state = f"validation was best at {case.at(side.best_x)} ({value:.4g}), {side.since_best:.0%} of the run ago"
    trend = "is worse since by more than its noise" if turned >= flat else "has not improved since"
    verdict = (
        f"Stop: {state}, and {trend}." if stop else f"Go on: {state}; what followed does not rule out a better point."
    )
    return StopAdvice(stop=stop, probability=chance, reason=f"{verdict} {forecast_reason}", best_point=best_point)


def _share_left(case: Case, planned: float | None) -> float:
    """The share of the planned run that is still to come, in [0, 1]; 1 where nothing was planned."""
    last = case.main.last_x
    if planned is None or not math.isfinite(planned) or planned <= 0:
        return 1.0
    return float(np.clip((planned - last) / planned, 0.0, 1.0))
