"""Power: with which probability so many blocks find an effect, and how many a wanted power needs."""

import math

import numpy as np
from numpy.typing import NDArray

from advisor.contract import Frozen
from advisor.errors import AdvisorError
from advisor.experiments.boundary import bound
from advisor.words import change, metric_title

MOST_BLOCKS = 500
WANTED_POWER = 0.8
SHOWN = (5, 8, 12, 20, 30, 50, 80, 120, 200)
SURE = 0.8  # one-sided level of the upper limit of a pilot's standard deviation (Browne 1995)


class PowerPoint(Frozen):
    """Of a campaign of at most so many blocks that may end early; `least`: where the spread is at its upper limit."""

    blocks: int
    power: float
    least: float


class PowerCurve(Frozen):
    """What a pilot says about one arm. Effects and deviations are in the metric's units."""

    arm: str
    metric: str
    effect: float
    sd: float  # of the paired differences
    sd_upper: float
    pilot_blocks: int
    points: tuple[PowerPoint, ...]
    blocks_needed: int | None  # None: more than MOST_BLOCKS
    blocks_needed_at_most: int | None  # with the upper limit of the spread
    sentence: str


def power_of(effect: float, n: int, p_bound: float, ratio: float = 0.0) -> float:
    """Of a two-sided t-test on n differences with this bound on its p-value.

    effect: in standard deviations of the differences. ratio: test over training examples where splits are resampled.
    """
    from scipy import stats

    critical = float(stats.t.isf(p_bound / 2, n - 1)) * math.sqrt(1 + n * ratio)
    shift = effect * math.sqrt(n)
    power = float(stats.nct.sf(critical, n - 1, shift) + stats.nct.cdf(-critical, n - 1, shift))
    # Far out scipy's series gives nan; there the normal distribution is near enough.
    return power if math.isfinite(power) else float(stats.norm.sf(critical - shift))


def needed(effect: float, level: float, *, more_than: int = 1, ratio: float = 0.0) -> int | None:
    """The smallest horizon above `more_than` whose last look has the wanted power; None: more than MOST_BLOCKS.

    Bounds between a few horizons are interpolated.
    """
    known = [(horizon, bound(level, horizon)) for horizon in (10, 40, 160)]

    def enough(horizon: int) -> bool:
        limit = np.exp(np.interp(np.log(horizon), np.log([h for h, _ in known]), np.log([b for _, b in known])))
        return power_of(effect, horizon, float(limit), ratio) >= WANTED_POWER

    low, high = max(2, more_than), MOST_BLOCKS
    if not enough(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def power_curve(
    arm: str, differences: NDArray[np.float64], *, metric: str, minimum_effect: float, alpha: float, ratio: float = 0.0
) -> PowerCurve:
    """What the differences of a pilot, (blocks,), say about campaigns to come.

    Raises:
        AdvisorError: fewer than three blocks, no spread, no minimum effect, values that are not finite.
    """
    from scipy import stats

    n = len(differences)
    if n < 3 or not np.isfinite(differences).all() or not np.ptp(differences) > 0:
        raise AdvisorError(
            f"A pilot of {arm!r} needs at least 3 blocks with finite differences that vary, but got "
            f"{differences.tolist()}; raise max_blocks or the size of the test split."
        )
    if minimum_effect <= 0:
        raise AdvisorError("Power is about finding an effect; set minimum_effect to the smallest that matters.")
    sd = float(differences.std(ddof=1))
    upper = sd * math.sqrt((n - 1) / float(stats.chi2.isf(SURE, n - 1)))
    points = tuple(
        PowerPoint(
            blocks=blocks,
            power=power_of(minimum_effect / sd, blocks, bound(alpha, blocks), ratio),
            least=power_of(minimum_effect / upper, blocks, bound(alpha, blocks), ratio),
        )
        for blocks in SHOWN
    )
    likely, most = (needed(minimum_effect / spread, alpha, ratio=ratio) for spread in (sd, upper))
    size = change(minimum_effect, metric).lstrip("+")
    text = f"{arm}: differences in {metric_title(metric)} vary by {change(sd, metric).lstrip('+')} between blocks"
    if likely is None:
        text += f"; even {MOST_BLOCKS} blocks would not find a change of {size} with power {WANTED_POWER:g}."
    else:
        upto = f"over {MOST_BLOCKS}" if most is None else str(most)
        text += (
            f"; about {likely} blocks find a change of {size} with power {WANTED_POWER:g}, {upto} if the spread is at "
            f"the upper {100 * SURE:.0f} % limit that {n} blocks leave."
        )
    return PowerCurve(
        arm=arm, metric=metric, effect=minimum_effect, sd=sd, sd_upper=upper, pilot_blocks=n, points=points,
        blocks_needed=likely, blocks_needed_at_most=most, sentence=text,
    )  # fmt: skip
