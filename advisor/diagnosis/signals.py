"""The signals that every finding is judged by: one flat record of numbers, measured once from a pair of curves."""

import math
from dataclasses import dataclass

import numpy as np

from advisor.curves import FloatArray, Series
from advisor.diagnosis.side import TINY, Side, measure_side
from advisor.diagnosis.trend import Bump, as_cost, finite_part, largest_bump, running_median, window_for


@dataclass(frozen=True)
class Signals:
    """What the findings see. `validation` and `train` are empty sides where the log has none.

    `train_*` measures the training side at the moments that the validation side fixes.
    """

    train: Side
    validation: Side
    paired: bool  # both sides have finite points
    train_fall_since_best: float = 0.0  # of the training cost since the validation's best, as a share of that level
    train_rise_share: float = 0.0  # rise of the training cost since then per rise of validation; near 1: shared
    bump_shared: float = 0.0  # rise of the training cost up to the validation's bump, per rise of validation
    gap_start: float = 0.0  # (validation - train) / |validation|, median of the first fifth
    gap_end: float = 0.0  # the same over the last fifth
    below_share: float = 0.0  # share of points where validation is better than training by more than noise
    onset: float = math.nan  # x where validation leaves its best level for good
    onset_low: float = math.nan
    onset_high: float = math.nan


def measure(train: Series | None, validation: Series | None) -> Signals:
    """The signals of a pair; either may be None."""
    train_points = finite_part(train.x, as_cost(train)) if train else _nothing()
    validation_points = finite_part(validation.x, as_cost(validation)) if validation else _nothing()
    train_side = measure_side(train, train_points)
    validation_side = measure_side(validation, validation_points)
    onset, low, high = _onset(*validation_points, validation_side)
    if not (train_side.finite and validation_side.finite):
        return Signals(train_side, validation_side, False, onset=onset, onset_low=low, onset_high=high)
    x, y = validation_points
    # The training side where the validation was taken: smoothed first, so that single batches do not decide.
    smooth_train = running_median(train_points[1], window_for(train_side.finite))
    aligned = np.interp(x, train_points[0], smooth_train)
    at_best = float(np.interp(validation_side.best_x, x, aligned))
    smooth = running_median(y, window_for(len(y)))
    bump = largest_bump(smooth)
    gap = (smooth - aligned) / np.maximum(np.abs(smooth), TINY)
    fifth = max(1, len(x) // 5)
    tolerance = np.maximum(2 * validation_side.noise, 0.02 * np.abs(aligned))
    return Signals(
        train=train_side,
        validation=validation_side,
        paired=True,
        train_fall_since_best=(at_best - train_side.end) / max(abs(at_best), TINY),
        train_rise_share=(train_side.end - at_best) / max(validation_side.rise, TINY)
        if validation_side.rise > 0
        else 0.0,
        bump_shared=_bump_shared(aligned, bump),
        gap_start=float(np.median(gap[:fifth])),
        gap_end=float(np.median(gap[-fifth:])),
        below_share=float(np.mean(smooth < aligned - tolerance)),
        onset=onset,
        onset_low=low,
        onset_high=high,
    )


def _nothing() -> tuple[FloatArray, FloatArray]:
    return np.empty(0), np.empty(0)


def _bump_shared(aligned: FloatArray, bump: Bump) -> float:
    if bump.rise <= 0:
        return 0.0
    return float(aligned[bump.peak] - aligned[bump.before]) / bump.rise


def _onset(x: FloatArray, y: FloatArray, side: Side) -> tuple[float, float, float]:
    """Where validation leaves its best level for good, with an interval.

    The onset is the last point within a small part of the whole rise above the best; the interval spans the points
    whose smoothed value cannot be told from the best one by twice the noise.
    """
    if not len(y) or side.rise <= 0:
        return math.nan, math.nan, math.nan
    smooth = running_median(y, window_for(len(y)))
    best_at = int(np.argmin(smooth))

    def last_below(level: float) -> int:
        return best_at + int(np.flatnonzero(smooth[best_at:] <= smooth[best_at] + level)[-1])

    noise = 2 * side.noise / math.sqrt(window_for(len(y)))
    onset = last_below(0.02 * side.rise)
    high = max(onset, last_below(max(noise, 0.1 * side.rise)))
    near = np.flatnonzero(smooth[: best_at + 1] > smooth[best_at] + max(noise, 0.02 * side.rise))
    low = int(near[-1]) + 1 if len(near) else 0
    return float(x[onset]), float(x[min(low, onset)]), float(x[high])
