"""How many runs a two-sided t-test of fixed size on independent runs needs."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

MOST = 20_000


def runs_needed(values: NDArray[np.float64], *, power: float, alpha: float, equivalence: float | None = None) -> int:
    """Of both arms together, at the effect and the spread of these runs; 2 * MOST where even so many do not do.

    values: (2, runs). equivalence: show that the effect is smaller than this (two one-sided tests) instead of that
    there is one.
    """
    sd = math.sqrt(values.var(axis=1, ddof=1).mean())
    effect = abs(float(values[1].mean() - values[0].mean()))
    n = 2
    while n < MOST:
        error, freedom = sd * math.sqrt(2 / n), 2 * n - 2
        critical = float(stats.t.isf(alpha / 2, freedom))
        if equivalence is not None:
            found = 1 - 2 * float(stats.nct.sf((equivalence - critical * error) / error, freedom, effect / error))
        else:
            found = float(stats.nct.sf(critical, freedom, effect / error))
        if found >= power:
            return 2 * n
        n += max(1, n // 100)
    return 2 * MOST
