"""The statistics of one side of a run: levels, rise, trend, bumps and what was not finite."""

import math
from dataclasses import dataclass

import numpy as np

from advisor.curves import FloatArray, Series
from advisor.diagnosis.trend import largest_bump, noise_level, running_median, single_spikes, slope, window_for

TINY = 1e-12  # keeps shares of a level that is zero finite


@dataclass(frozen=True)
class Side:
    """Statistics of one series, as costs: smaller is better. Levels are in its own unit, shares in [0, 1].

    All are NaN where fewer than one finite point exists. NaN and infinite values count in the `non_finite` fields and
    nowhere else.
    """

    points: int = 0  # logged, finite or not
    finite: int = 0
    non_finite_tail: int = 0  # how many of the last points are not finite
    non_finite_healed: int = 0  # non-finite points that finite ones follow
    first_non_finite_x: float = math.nan
    start: float = math.nan  # median of the first points
    end: float = math.nan  # median of the last points
    best: float = math.nan  # the smallest smoothed value
    best_x: float = math.nan
    raw_best_x: float = math.nan  # the x of the smallest value that was really logged
    last_x: float = math.nan
    noise: float = 0.0  # standard deviation of the point-to-point noise in the later half
    fall: float = 0.0  # from start to best, as a share of the start
    rise: float = 0.0  # from best to end
    rise_relative: float = 0.0  # rise as a share of the best level
    rise_noise: float = 0.0  # rise in standard deviations of a smoothed point
    rise_share: float = 0.0  # rise as a share of what had been won since the worst smoothed point before the best
    since_best: float = 0.0  # share of the run after the best point
    rise_certainty: float = (
        0.0  # straight trend of all points from the best on, in its standard errors; positive: worse
    )
    settled: float = 0.0  # share of the run since it first came within noise, or one per cent, of its best
    end_gain: float = 0.0  # fall of the straight trend over the last quarter, as a share of the level; negative: rises
    end_gain_certainty: float = 0.0  # that trend in its standard errors
    bump_height: float = 0.0  # highest rise that was followed by a fall, as a share of the valley before it
    bump_noise: float = 0.0  # the same in standard deviations of a smoothed point
    bump_share: float = 0.0  # the same as a share of the whole range of the smoothed series
    bump_points: int = 0  # points from the valley before the bump to the valley after it
    bump_x: float = math.nan
    spikes: int = 0  # single points far above the running median
    roughness: float = 0.0  # noise as a share of the level


def measure_side(series: Series | None, points: tuple[FloatArray, FloatArray]) -> Side:
    """The statistics of one series from its finite points (x, cost)."""
    if series is None:
        return Side()
    lost = _non_finite(series)
    x, y = points
    if not len(y):
        return Side(points=len(series), non_finite_tail=lost.tail, first_non_finite_x=lost.first_x)
    width = window_for(len(y))
    smooth = running_median(y, width)
    best_at = int(np.argmin(smooth))
    best = float(smooth[best_at])
    edge = max(1, min(width, len(y) // 8))
    start, end = float(np.median(y[:edge])), float(np.median(y[-edge:]))
    later = y[min(max(0, len(y) // 2), max(0, len(y) - 8)) :]
    noise = noise_level(later)
    one = max(noise / math.sqrt(width), 1e-9 * abs(best), TINY)
    rise = end - best
    worst = float(smooth[: best_at + 1].max())
    quarter = slice(-max(4, len(y) // 4), None)
    gain, error = slope(x[quarter], y[quarter])
    span = float(x[-1] - x[quarter][0])
    climb, climb_error = slope(x[best_at:], y[best_at:])
    bump = largest_bump(smooth)
    level = max(abs(end), abs(best), TINY)
    reached = best + max(2 * one, 0.01 * abs(best))
    return Side(
        points=len(series), finite=len(y), non_finite_tail=lost.tail, non_finite_healed=lost.healed,
        first_non_finite_x=lost.first_x, start=start, end=end, best=best, best_x=float(x[best_at]),
        raw_best_x=float(x[int(np.argmin(y))]),
        last_x=float(x[-1]), noise=noise,
        fall=(start - best) / max(abs(start), TINY),
        rise=rise, rise_relative=rise / max(abs(best), TINY), rise_noise=rise / one,
        rise_share=rise / max(worst - best, TINY), since_best=(len(y) - 1 - best_at) / len(y),
        rise_certainty=climb / climb_error if climb_error > 0 and len(y) - best_at >= 8 else 0.0,
        settled=1 - float(np.argmax(smooth <= reached)) / len(y),
        end_gain=-gain * span / level, end_gain_certainty=-gain / error if error > 0 else math.copysign(99.0, -gain),
        bump_height=bump.height / max(abs(float(smooth[bump.before])), TINY), bump_noise=bump.height / one,
        bump_share=bump.height / max(float(np.ptp(smooth)), TINY),
        bump_points=bump.after - bump.before, bump_x=float(x[bump.peak]),
        spikes=single_spikes(y, smooth, max(noise, noise_level(y))),
        roughness=noise / level,
    )  # fmt: skip


@dataclass(frozen=True)
class _Lost:
    tail: int = 0
    healed: int = 0
    first_x: float = math.nan


def _non_finite(series: Series) -> _Lost:
    bad = np.flatnonzero(~np.isfinite(series.y))
    if not len(bad):
        return _Lost()
    good = np.flatnonzero(np.isfinite(series.y))
    last_good = int(good[-1]) if len(good) else -1
    return _Lost(len(series) - 1 - last_good, int((bad < last_good).sum()), float(series.x[bad[0]]))
