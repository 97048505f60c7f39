"""Is a learning curve well-behaved: does it fall, bend the right way and have no peak, as far as its noise shows?

Every pair (falling) and every triple (convex, peak) of points is tested against its own noise, at an error rate that
is shared among them (Bonferroni).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from advisor.contract import Frozen
from advisor.experiments.learning_curves.points import Floats, Points, pooled

ALPHA = 0.05
MOST_TESTED = 16  # points: triples grow with the cube
LEAST_RISE = 0.02  # relative: a smaller rise, however certain, is nothing to warn of
LEAST_BEND = 0.05  # relative, above the chord of two neighbours on the log-log scale


class Behaviour(Frozen):
    """What is odd about a curve; each flag is set only where the noise cannot explain it."""

    falls: bool  # the last value is below the first by more than the noise
    rises_somewhere: bool  # not monotone: a larger size with a higher value
    concave_somewhere: bool  # not convex on the log-log scale: a stretch that falls ever faster
    peak: float | None  # the size at which the value stands out above both sides
    ill_behaved: bool
    sentence: str


def behaviour(points: Points, written: Callable[[float], str]) -> Behaviour:
    """Judge the points; `written` writes a value for a reader."""
    few = pooled(points, MOST_TESTED)
    m, logs = len(few.sizes), few.logs
    variances = few.variances if points.noise_known else np.full(m, _roughness(logs) ** 2)
    # A standard error from a handful of runs is itself uncertain: Student's t on all of them together.
    freedom = max(m * (points.runs - 1), m - 2) if points.noise_known else m - 2
    pair = _limit(m * (m - 1) // 2, freedom)
    triple = _limit(m * (m - 1) * (m - 2) // 6, freedom)
    noise = np.sqrt(np.maximum(variances[:, None] + variances, 1e-24))
    difference = logs[None, :] - logs[:, None]  # [i, j]: from i to j
    later = np.triu(np.ones((m, m), dtype=bool), 1)
    up = later & (difference > pair * noise) & (difference > LEAST_RISE)
    falls = bool(-difference[0, -1] > pair * noise[0, -1])
    peak = _peak(difference, noise, pair)
    bend = _most_concave(np.log(few.sizes), logs, variances, triple)
    rises = bool(up.any())
    return Behaviour(
        falls=falls,
        rises_somewhere=rises,
        concave_somewhere=bend is not None,
        peak=None if peak is None else float(few.sizes[peak]),
        ill_behaved=rises or bend is not None,
        sentence=_sentence(few, difference, up, falls, peak, bend, written),
    )


def _limit(tests: int, freedom: int) -> float:
    from scipy import stats

    return float(stats.t.isf(ALPHA / tests, max(freedom, 1)))


def _roughness(logs: Floats) -> float:
    """The noise of a point from second differences, which a smooth curve hardly has."""
    second = logs[2:] - 2 * logs[1:-1] + logs[:-2]
    return float(np.sqrt((second**2).mean() / 6))


def _peak(difference: Floats, noise: Floats, limit: float) -> int | None:
    """The point that stands highest above an earlier and a later one, or None."""
    clear = (np.abs(difference) > limit * noise) & (np.abs(difference) > LEAST_RISE)
    rise = np.where(clear, difference, 0)
    heights = [min(rise[:j, j].max(), -rise[j, j + 1 :].min()) for j in range(1, len(noise) - 1)]
    best = int(np.argmax(heights))
    return best + 1 if heights[best] > 0 else None


def _most_concave(times: Floats, logs: Floats, variances: Floats, limit: float) -> int | None:
    """The point that lies most clearly above a chord of two others on the log-log scale, or None."""
    best, found = limit, None
    for j in range(1, len(times) - 1):
        left, right = np.arange(j)[:, None], np.arange(j + 1, len(times))[None, :]
        share = (times[j] - times[left]) / (times[right] - times[left])
        above = logs[j] - (1 - share) * logs[left] - share * logs[right]
        noise = np.sqrt(variances[j] + (1 - share) ** 2 * variances[left] + share**2 * variances[right] + 1e-24)
        clear = float(np.where(above > LEAST_BEND, above / noise, 0).max())
        if clear > best:
            best, found = clear, j
    return found


def _sentence(
    few: Points,
    difference: Floats,
    up: NDArray[np.bool_],
    falls: bool,
    peak: int | None,
    bend: int | None,
    written: Callable[[float], str],
) -> str:
    sizes, values = few.sizes, few.values
    if peak is not None:
        return (
            f"Ill-behaved: it rises to a peak of {written(values[peak])} near {sizes[peak]:.0f} examples and falls "
            f"again, to {written(values[-1])} at {sizes[-1]:.0f}."
        )
    if up.any():
        start, end = np.unravel_index(int(np.argmax(np.where(up, difference, 0))), up.shape)
        return (
            f"Ill-behaved: it rises from {written(values[start])} at {sizes[start]:.0f} examples to "
            f"{written(values[end])} at {sizes[end]:.0f}, more than its noise explains."
        )
    if bend is not None:
        return (
            f"Ill-behaved: it falls ever faster around {sizes[bend]:.0f} examples (not convex on the log-log scale), "
            "so that a plain power law would promise too little."
        )
    if not falls:
        return f"Flat within its noise from {sizes[0]:.0f} to {sizes[-1]:.0f} examples."
    return f"Well-behaved: it falls from {written(values[0])} to {written(values[-1])}, and ever more slowly."
