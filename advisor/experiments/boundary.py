"""How small a p-value must be when one may stop after every block, exactly.

Under no effect and normal differences, the statistic r = sum(x) / sqrt(n sum(x^2)) of the first n differences is a
Markov chain in n: the direction of (x_1 .. x_n) is independent of its length, so that one more difference turns r by an
angle whose density is proportional to cos(angle)^(n - 1), whatever came before. The ordinary t statistic is
t = r sqrt((n - 1) / (1 - r^2)). The probability that no look crosses its bound is then a chain of one-dimensional
integrals, solved here backwards with Chebyshev and Gauss-Legendre nodes (group-sequential tests in this form: Jennison
& Turnbull 2000, chapters 11 and 19; the recursion follows Armitage, McPherson & Rowe 1969).

The bounds on the p-value fall as 1 / sqrt(n): among powers of n this had the fewest expected blocks at effects of one
and two standard deviations (`benchmarks/statistics.py --only shape`).
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FIRST_LOOK = 5  # blocks; with fewer, t has tails so heavy that a look costs more than it finds
DECAY = 0.5
# Where there is more than one look, a twenty-fifth of the error rate is kept for what is not exact: the quadrature, and
# differences that are not quite normal.
USED = 0.96
_NODES, _DENSE, _LEGENDRE, _TAIL = 20, 400, 40, 7.5
_Array = NDArray[np.float64]


def looks(horizon: int) -> range:
    """The numbers of blocks after which the differences are looked at, for at most `horizon` blocks."""
    return range(min(FIRST_LOOK, horizon), horizon + 1)


def weights(horizon: int) -> _Array:
    """How large the bound on the p-value is at each look, relative to that at the last."""
    return (np.array(looks(horizon)) / horizon) ** -DECAY


@lru_cache(maxsize=256)
def bound(level: float, horizon: int) -> float:
    """The p-value bound at the last look; at the others it is this times `weights`.

    Args:
        level: the largest probability, under no effect, that any look's two-sided p-value is at or below its bound.
        horizon: the largest number of blocks, at least 2.
    """
    from scipy.optimize import brentq

    if len(looks(horizon)) == 1:
        return level
    low = math.log(level / len(looks(horizon)) / weights(horizon)[0])

    def excess(log: float) -> float:
        return sequential_p_value(math.exp(log), horizon) - level

    return math.exp(brentq(excess, low - 0.1, math.log(level), xtol=1e-5))


@lru_cache(maxsize=4096)
def sequential_p_value(smallest: float, horizon: int) -> float:
    """Probability under no effect that the smallest of p / weight over all looks is at most `smallest`, over `USED`.

    It is a p-value however the looks are stopped, and at most the level exactly where `bound` is reached.
    """
    bounds = np.minimum(1.0, smallest * weights(horizon))
    crossing = crossing_probability(looks(horizon), bounds.tolist())
    return crossing if len(bounds) == 1 else min(1.0, crossing / USED)


def crossing_probability(at: Sequence[int], p_bounds: Sequence[float]) -> float:
    """Probability under no effect that some look's two-sided t-test p-value is at or below its bound.

    Args:
        at: consecutive numbers of blocks, at least 2.
        p_bounds: one a look, in [0, 1].
    """
    from scipy import stats

    if max(p_bounds) >= 1:
        return 1.0
    n = np.asarray(at)
    t = stats.t.isf(np.asarray(p_bounds) / 2, n - 1)
    edges = t / np.sqrt(t * t + n - 1)  # of |r|
    nodes = np.array([0.0, edges[-1]])
    stay = np.ones(2)  # probability of staying inside at all later looks, given r at this one
    for place in range(len(n) - 2, -1, -1):
        nodes, stay = _step_back(int(n[place]), edges[place], edges[place + 1], nodes, stay)
    x, w = _legendre(2 * _LEGENDRE)
    half = min(math.asin(edges[0]), _TAIL / math.sqrt(n[0]))
    density = np.cos(half * x) ** (n[0] - 2) * _normalizer(int(n[0]) - 2)
    return float(1 - half * np.sum(w * density * np.interp(np.sin(half * np.abs(x)), nodes, stay)))


def _step_back(n: int, edge: float, next_edge: float, nodes: _Array, stay: _Array) -> tuple[_Array, _Array]:
    """The probability of staying inside from the look after n blocks on, from that of the look after n + 1."""
    # Below this r no single difference can cross the next bound; above it the probability bends like a root.
    bend = math.sqrt(min(max((next_edge**2 * (n + 1) - 1) / n, 0.0), edge**2))
    at, dense, refine = _grid()
    r = np.concatenate([bend * at, bend + (edge - bend) * at**2])
    turned = np.arctan(math.sqrt(n) * r)
    length = np.sqrt((1 + n * r * r) / (n + 1))
    reach = np.arcsin(np.minimum(1.0, next_edge / length))
    tail = min(math.pi / 2, _TAIL / math.sqrt(n))
    x, w = _legendre(_LEGENDRE)
    total = np.zeros_like(r)
    for centre in (0.0, math.pi):  # sin(angle + turned) is small around each; turned is never negative
        low = np.clip(centre - reach - turned, -tail, tail)
        high = np.clip(centre + reach - turned, -tail, tail)
        some = high > low
        middle, width = (low + high)[some, None] / 2, (high - low)[some, None] / 2
        angle = middle + width * x
        r_next = np.abs(length[some, None] * np.sin(angle + turned[some, None]))
        density = np.exp((n - 1) * np.log(np.cos(angle)))
        total[some] += width[:, 0] * (density * np.interp(r_next, nodes, stay) @ w)
    total *= _normalizer(n - 1)
    refined = [refine @ part for part in np.split(total, 2)]
    return np.concatenate([bend * dense, bend + (edge - bend) * dense**2]), np.concatenate(refined)


@lru_cache(maxsize=2)
def _legendre(count: int) -> tuple[_Array, _Array]:
    x, w = np.polynomial.legendre.leggauss(count)
    return x, w


@lru_cache(maxsize=1)
def _grid() -> tuple[_Array, _Array, _Array]:
    """Chebyshev nodes in [0, 1], a dense grid there, and the matrix that takes values at the first to the second."""
    from numpy.polynomial import chebyshev

    nodes = -np.cos(np.pi * np.arange(_NODES) / (_NODES - 1))
    dense = np.linspace(-1, 1, _DENSE)
    refine = chebyshev.chebvander(dense, _NODES - 1) @ np.linalg.inv(chebyshev.chebvander(nodes, _NODES - 1))
    return (nodes + 1) / 2, (dense + 1) / 2, refine


def _normalizer(power: int) -> float:
    """One over the integral of cos^power from -pi/2 to pi/2."""
    return math.exp(math.lgamma(power / 2 + 1) - math.lgamma((power + 1) / 2)) / math.sqrt(math.pi)
