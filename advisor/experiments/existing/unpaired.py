"""The difference of two means without pairs: Welch's t interval, or one run against several under a stated assumption.

Welch, B. L. (1947): the variances of the two sides may differ. With one run on a side its variance cannot be
estimated; the other side's then stands for both (the pooled t test, with the degrees of freedom of that side alone).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from advisor.curves import FloatArray
from advisor.experiments.existing.model import Method


@dataclass(frozen=True)
class Difference:
    """An estimated mean difference. `new_sd` is the standard deviation of the difference of two new runs.

    Without any spread, or with one run a side, `standard_error` is 0 and `interval` and `p_value` are None.
    """

    method: Method
    value: float
    standard_error: float
    degrees: float
    new_sd: float
    interval: tuple[float, float] | None = None
    p_value: float | None = None


def difference_of_means(a: Sequence[float], b: Sequence[float], *, alpha: float = 0.05) -> Difference:
    """Mean of `b` minus mean of `a`, each with at least one finite value.

    A two-sided interval of level 1 - alpha where at least one side has two runs that differ.
    """
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    value = float(y.mean() - x.mean())
    if len(x) == 1 and len(y) == 1:
        return Difference("none", value, 0.0, 0.0, 0.0)
    if len(x) > 1 and len(y) > 1:
        parts = _variance(x) / len(x), _variance(y) / len(y)
        error = math.sqrt(sum(parts))
        new_sd = math.sqrt(_variance(x) + _variance(y))
        below = parts[0] ** 2 / (len(x) - 1) + parts[1] ** 2 / (len(y) - 1)
        degrees = sum(parts) ** 2 / below if below else 0.0
        method: Method = "Welch t"
    else:
        several = x if len(x) > 1 else y
        error = math.sqrt(_variance(several) * (1 + 1 / len(several)))
        new_sd = math.sqrt(2 * _variance(several))
        degrees, method = float(len(several) - 1), "pooled t"
    if not error or not degrees:
        return Difference(method, value, 0.0, 0.0, 0.0)
    from scipy import stats

    half = float(stats.t.ppf(1 - alpha / 2, degrees)) * error
    p_value = 2 * float(stats.t.sf(abs(value) / error, degrees))
    return Difference(method, value, error, degrees, new_sd, (value - half, value + half), p_value)


def _variance(values: FloatArray) -> float:
    """The sample variance; 0 where equal values differ by rounding alone."""
    scale = max(1e-300, float(np.abs(values).max()))
    return float(values.var(ddof=1)) if np.ptp(values) > 1e-12 * scale else 0.0
