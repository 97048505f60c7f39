"""The rules of `advisor.experiments.sequential` on thousands of simulated campaigns at once."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from advisor.experiments.boundary import bound, weights
from advisor.experiments.sequential import FUTILE, Rule, follow

Array = NDArray[np.float64]
GOING, EFFECT, EQUIVALENT, FUTILE_CODE = 0, 1, 2, 3
CODES = {"": GOING, "effect": EFFECT, "equivalent": EQUIVALENT, "futile": FUTILE_CODE}


class Campaigns(NamedTuple):
    """What became of each arm of each campaign, arrays (campaigns, arms)."""

    settled: NDArray[np.int64]  # GOING: undecided at the last block
    stop: NDArray[np.int64]  # blocks
    sign: Array  # of the mean when it was settled
    low: Array
    high: Array


def run(differences: Array, rule: Rule, *, futility: bool = True) -> Campaigns:
    """Follow campaigns. differences: (campaigns, arms, blocks), as many blocks as the horizon."""
    campaigns, arms, blocks = differences.shape
    n = np.arange(1, blocks + 1)
    mean = np.cumsum(differences, 2) / n
    shifted = differences - differences[:, :, :1]
    squares = np.cumsum(shifted**2, 2) - np.cumsum(shifted, 2) ** 2 / n
    spread = np.maximum.accumulate(differences, 2) - np.minimum.accumulate(differences, 2) > 1e-12
    sd = np.where(spread, np.sqrt(np.maximum(squares, 0) / np.maximum(n - 1, 1)), 0.0)
    ratio = rule.test_train_ratio or 0.0
    error = sd * np.sqrt(1 / n + ratio)
    at, weight = rule.at(), weights(rule.horizon) if rule.early else np.ones(1)
    last = np.array([math.nan, *(bound(rule.alpha / left, rule.horizon) if rule.early else rule.alpha / left
                                 for left in range(1, arms + 1))])  # fmt: skip
    settled = np.zeros((campaigns, arms), dtype=np.int64)
    stop = np.full((campaigns, arms), blocks, dtype=np.int64)
    smallest = np.full((campaigns, arms), np.inf)
    lows, highs = np.full((arms + 1, campaigns, arms), -np.inf), np.full((arms + 1, campaigns, arms), np.inf)
    low, high = np.full((campaigns, arms), -np.inf), np.full((campaigns, arms), np.inf)
    for place, count in enumerate(at):
        m, s = mean[:, :, count - 1], error[:, :, count - 1]
        with np.errstate(divide="ignore", invalid="ignore"):
            p = np.where(s > 0, 2 * stats.t.sf(np.abs(m) / s, count - 1), 1.0)
        going = settled == GOING
        smallest = np.where(going, np.minimum(smallest, p / weight[place]), smallest)
        share = np.where(going, (settled != EFFECT).sum(1)[:, None], 0)
        while True:  # Holm
            left = (settled != EFFECT).sum(1)
            still = settled == GOING
            share = np.where(still, left[:, None], share)
            candidates = np.where(still, smallest, np.inf)
            best = candidates.argmin(1)
            rejected = candidates[np.arange(campaigns), best] <= np.where(left > 0, last[left], -1)
            if not rejected.any():
                break
            settled[rejected, best[rejected]] = EFFECT
            stop[rejected, best[rejected]] = count
        ends = np.zeros((arms + 1, campaigns, arms, 2))
        for left in range(1, arms + 1):
            half = np.where(s > 0, stats.t.isf(min(1.0, last[left] * weight[place]) / 2, count - 1) * s, np.inf)
            lows[left], highs[left] = np.maximum(lows[left], m - half), np.minimum(highs[left], m + half)
            crossed = lows[left] > highs[left]
            ends[left, :, :, 0] = np.where(crossed, m - half, lows[left])
            ends[left, :, :, 1] = np.where(crossed, m + half, highs[left])
        now = np.take_along_axis(ends, share[None, :, :, None], 0)[0]
        low, high = np.where(going, now[:, :, 0], low), np.where(going, now[:, :, 1], high)
        inside = going & (s > 0) & (low >= -rule.minimum_effect) & (high <= rule.minimum_effect)
        settled[inside], stop[inside] = EQUIVALENT, count
        if rule.early and futility and count < rule.horizon:
            with np.errstate(divide="ignore", invalid="ignore"):
                level = np.where(share > 0, last[np.maximum(share, 1)], 0.5)
                half = stats.t.isf(level / 2, blocks - 1) * sd[:, :, count - 1] * math.sqrt(1 / blocks + ratio)
                wide = (1 - count / blocks) * sd[:, :, count - 1] * math.sqrt(1 / count + 1 / (blocks - count))
                chance = stats.t.sf((half - m) / wide, count - 1) + stats.t.cdf((-half - m) / wide, count - 1)
                room = rule.minimum_effect - half
                fits = stats.t.cdf((room - m) / wide, count - 1) - stats.t.cdf((-room - m) / wide, count - 1)
                chance = chance + np.where(room > 0, fits, 0.0)
            given_up = (settled == GOING) & (s > 0) & (chance < FUTILE)
            settled[given_up], stop[given_up] = FUTILE_CODE, count
    sign = np.sign(np.take_along_axis(mean, stop[:, :, None] - 1, 2)[:, :, 0])
    return Campaigns(settled, stop, sign, low, high)


def check(differences: Array, rule: Rule) -> None:
    """Assert that `follow` decides these campaigns in the same way."""
    fast = run(differences, rule)
    for campaign, values in enumerate(differences):
        slow = follow({str(arm): row.tolist() for arm, row in enumerate(values)}, rule)
        for arm in range(len(values)):
            course = slow[str(arm)]
            assert CODES[course.settled] == fast.settled[campaign, arm], (campaign, arm, course)
            assert course.blocks == fast.stop[campaign, arm], (campaign, arm, course)
            if course.interval is not None:
                assert np.allclose(course.interval, (fast.low[campaign, arm], fast.high[campaign, arm]))
