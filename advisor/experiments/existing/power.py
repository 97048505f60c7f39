"""What a t statistic says of new runs: the chance that the next one is better, and how many runs find an effect.

Both follow from the noncentral t distribution, under normal run-to-run noise. The chance that one method beats the
other on a new run is what Bouthillier et al. (2021) ask for instead of a mean difference.
"""

import math
from collections.abc import Callable

import numpy as np

from advisor.curves import FloatArray

POWER = 0.8
MEANINGFUL = 0.75  # Bouthillier et al. 2021
MOST_RUNS = 1000
_NODES = 1000


def noncentral_cdf(t: float, degrees: float, center: float) -> float:
    """P(T <= t) of the noncentral t distribution with noncentrality `center`; also where t is huge."""
    return _cdf(t, _deviations(degrees), center)


def _deviations(degrees: float) -> FloatArray:
    """Equally likely values of S, the sample standard deviation over the true one."""
    from scipy import special

    at = (np.arange(_NODES) + 0.5) / _NODES
    deviations: FloatArray = np.sqrt(2 * special.gammaincinv(degrees / 2, at) / degrees)
    return deviations


def _cdf(t: float, deviations: FloatArray, center: float) -> float:
    # T = (Z + center) / S: the mean of P(Z <= t s - center) over the values s of S.
    from scipy import special

    return float(special.ndtr(t * deviations - center).mean())


def chance_positive(
    value: float, standard_error: float, degrees: float, new_sd: float, *, alpha: float = 0.05
) -> tuple[float, tuple[float, float]]:
    """The chance that a new difference is above 0, and its interval.

    `value` is the mean difference, of `standard_error` above 0; `new_sd` that of a single new difference. The
    interval inverts the noncentral t distribution: exact for paired runs, Welch's approximation otherwise.
    """
    from scipy import special

    t = value / standard_error
    shrink = standard_error / new_sd
    deviations = _deviations(degrees)
    low, high = (_center(t, deviations, tail) for tail in (1 - alpha / 2, alpha / 2))
    return float(special.ndtr(t * shrink)), (float(special.ndtr(low * shrink)), float(special.ndtr(high * shrink)))


def _center(t: float, deviations: FloatArray, probability: float) -> float:
    """The noncentrality under which P(T <= t) is `probability`, by bisection: it falls as the centre grows."""
    reach = 10 * abs(t) + 50
    low, high = -reach, reach
    for _ in range(40):
        middle = (low + high) / 2
        if _cdf(t, deviations, middle) > probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def pairs_needed(effect: float, sd: float, *, alpha: float = 0.05) -> int | None:
    """The fewest pairs whose paired t test finds `effect` with power 0.8; None above 1,000.

    `effect` and the standard deviation `sd` of the differences are above 0.
    """
    return _fewest(lambda n: _power(effect * math.sqrt(n) / sd, n - 1, alpha))


def runs_needed(effect: float, sd_a: float, sd_b: float, *, alpha: float = 0.05) -> int | None:
    """The fewest runs per side whose Welch test finds `effect` with power 0.8; None above 1,000.

    `effect` and at least one of the standard deviations are above 0.
    """
    total = sd_a**2 + sd_b**2
    share = total**2 / (sd_a**4 + sd_b**4)
    return _fewest(lambda n: _power(effect * math.sqrt(n / total), (n - 1) * share, alpha))


def _power(center: float, degrees: float, alpha: float) -> float:
    from scipy import stats

    limit = float(stats.t.ppf(1 - alpha / 2, degrees))
    return 1 - noncentral_cdf(limit, degrees, center) + noncentral_cdf(-limit, degrees, center)


def _fewest(power: Callable[[int], float]) -> int | None:
    low, high = 1, MOST_RUNS
    if power(high) < POWER:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle) >= POWER else (middle, high)
    return high
