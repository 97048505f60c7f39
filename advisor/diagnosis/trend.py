"""Robust statistics of one noisy series: smoothing, noise level, trends, bumps, spikes. numpy only.

All functions take finite values in one dimension; what is not finite is counted and removed by `finite_part` first.
Smaller is better throughout: a metric to be maximized is turned over before it comes here.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from advisor.curves import FloatArray, Series

IntArray = NDArray[np.int64]
# A Gaussian's standard deviation is this many times its median absolute deviation.
MAD_TO_SIGMA = 1.4826
# Values are clipped to this size so that squares and sums stay finite; no metric means anything beyond it.
LARGEST = 1e100


def as_cost(series: Series) -> FloatArray:
    """The series as costs, smaller is better: a share counts down from 1 or 100, other scores change their sign."""
    if series.direction == "min":
        return series.y
    return {"fraction": 1.0, "percent": 100.0}.get(series.scale, 0.0) - series.y


def finite_part(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The points whose y is finite, in order of x, y clipped to +-1e100."""
    keep = np.isfinite(y)
    order = np.argsort(x[keep], kind="stable")
    return x[keep][order], np.clip(y[keep][order], -LARGEST, LARGEST)


def window_for(points: int) -> int:
    """The width of the running median for so many points: odd, a twelfth of them, from 1 to 15."""
    if points < 6:
        return 1
    return int(np.clip(points // 12, 3, 15)) | 1


def running_median(y: FloatArray, width: int) -> FloatArray:
    """Median in a centred window of odd `width`; at the borders the window shrinks and stays centred on what is there.

    An outlier that lasts less than half of the window leaves no trace.
    """
    if width <= 1 or len(y) <= 2:
        return y.copy()
    half = width // 2
    smooth = np.empty_like(y)
    if len(y) >= width:
        windows = np.lib.stride_tricks.sliding_window_view(y, width)
        smooth[half : len(y) - half] = np.partition(windows, half, axis=1)[:, half]
    border = range(min(half, len(y)))
    for index in {*border, *(len(y) - 1 - position for position in border)}:
        smooth[index] = np.median(y[max(0, index - half) : index + half + 1])
    return smooth


def noise_level(y: FloatArray) -> float:
    """Standard deviation of the point-to-point noise, from the median absolute second difference; 0 below 4 points.

    Second differences cancel any straight trend, and the median ignores jumps.
    """
    if len(y) < 4:
        return 0.0
    second = y[2:] - 2 * y[1:-1] + y[:-2]
    return float(MAD_TO_SIGMA * np.median(np.abs(second)) / math.sqrt(6))


def slope(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Least-squares slope and its standard error; (0, inf) where fewer than three distinct points allow none."""
    centred = x - x.mean() if len(x) else x
    spread = float(centred @ centred)
    if len(x) < 3 or spread == 0:
        return 0.0, math.inf
    value = float(centred @ y) / spread
    residual = y - y.mean() - value * centred
    return value, math.sqrt(float(residual @ residual) / (len(x) - 2) / spread)


def single_spikes(y: FloatArray, smooth: FloatArray, noise: float) -> int:
    """How many single points stand far above both neighbours: by 12 times the noise and a tenth of the level."""
    if len(y) < 5:
        return 0
    residual = np.abs(y - smooth)
    scatter = max(noise, MAD_TO_SIGMA * float(np.median(residual)))
    lift = y[1:-1] - np.maximum(y[:-2], y[2:])
    return int((lift > np.maximum(12 * scatter, 0.1 * np.abs(smooth[1:-1]))).sum())


@dataclass(frozen=True)
class Bump:
    """A rise that was followed by a fall: positions of the valley before, the peak, and the valley after.

    `height` is the smaller of rise and fall, in the series' own unit; 0 where there is no bump.
    """

    before: int
    peak: int
    after: int
    rise: float
    fall: float

    @property
    def height(self) -> float:
        """The smaller of rise and fall."""
        return min(self.rise, self.fall)


def largest_bump(smooth: FloatArray) -> Bump:
    """The highest bump of a smoothed series."""
    if len(smooth) < 3:
        return Bump(0, 0, 0, 0.0, 0.0)
    before = np.minimum.accumulate(smooth)
    after = np.minimum.accumulate(smooth[::-1])[::-1]
    height = np.minimum(smooth - before, smooth - after)
    peak = int(np.argmax(height))
    low = int(np.argmin(smooth[: peak + 1]))
    end = peak + int(np.argmin(smooth[peak:]))
    return Bump(low, peak, end, float(smooth[peak] - smooth[low]), float(smooth[peak] - smooth[end]))


def drops(y: FloatArray, noise: float) -> IntArray:
    """Positions after which `y` falls at one step by more than 6 times its noise and 8 times its usual step."""
    steps = -np.diff(y)
    if len(steps) < 4:
        return np.array([], dtype=np.int64)
    usual = float(np.median(np.abs(steps)))
    return np.flatnonzero(steps > max(6 * noise, 8 * usual, 1e-12)).astype(np.int64) + 1
