"""Following differences: when arms are settled, what their intervals hold, and how often verdicts are false."""

import math

import numpy as np
import pytest
from scipy import stats

from advisor.experiments.sequential import Rule, follow

RULE = Rule(alpha=0.05, horizon=20, minimum_effect=0.0)


def _noise(seed: int, blocks: int = 20) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=blocks)


def test_a_large_effect_ends_at_the_first_look_and_what_follows_is_not_looked_at() -> None:
    values = [*(5 + 0.1 * _noise(1, 5)), *[-100.0] * 15]
    course = follow({"arm": values}, RULE)["arm"]
    assert (course.settled, course.blocks) == ("effect", 5)
    assert course.interval is not None
    assert 0 < course.interval[0] < 5 < course.interval[1]
    assert course.p_value is not None
    assert course.p_value <= 0.05


def test_the_prefix_decides_whatever_comes_later() -> None:
    values = (_noise(2) + 1.2).tolist()
    whole = follow({"arm": values}, RULE)["arm"]
    assert whole.settled == "effect"
    assert follow({"arm": values[: whole.blocks]}, RULE)["arm"] == whole
    assert follow({"arm": values[: whole.blocks - 1]}, RULE)["arm"].settled == ""


def test_a_single_look_gives_the_ordinary_paired_t_interval() -> None:
    values = _noise(3, 6) + 0.4
    course = follow({"arm": values.tolist()}, Rule(alpha=0.05, horizon=6, minimum_effect=0.0, early=False))["arm"]
    reference = stats.ttest_1samp(values, 0)
    assert course.interval == pytest.approx(tuple(reference.confidence_interval(0.95)))
    assert course.p_value == pytest.approx(reference.pvalue)


def test_equivalence_needs_the_interval_inside_and_wins_over_the_sign() -> None:
    small = (0.1 + 0.01 * _noise(4)).tolist()
    assert follow({"arm": small}, Rule(alpha=0.05, horizon=20, minimum_effect=0.5))["arm"].settled == "equivalent"
    assert follow({"arm": small}, RULE)["arm"].settled == "effect"


def test_an_arm_without_prospects_is_given_up_and_a_promising_one_is_not() -> None:
    values = _noise(5)
    hopeless = follow({"arm": (values - values.mean()).tolist()}, RULE)["arm"]
    assert hopeless.settled == "futile"
    assert hopeless.blocks < 20
    promising = follow({"arm": (values[:10] + 0.7).tolist()}, RULE)["arm"]
    assert promising.settled == ""


def test_arms_that_are_settled_leave_their_share_of_the_error_to_the_others() -> None:
    strong, weak = (3 + 0.1 * _noise(6)).tolist(), (0.66 + _noise(7)).tolist()
    alone = follow({"weak": weak}, RULE)["weak"]
    beside = follow({"weak": weak, "strong": strong}, RULE)["weak"]
    both = follow({"weak": weak, "other": (-np.array(weak) * 0.01 + _noise(8)).tolist()}, RULE)["weak"]
    assert alone.settled == beside.settled == "effect"
    assert alone.blocks == beside.blocks, "the strong arm settles at the first look"
    assert both.level == pytest.approx(0.975)


def test_a_block_without_a_value_is_no_look_and_no_difference() -> None:
    values: list[float | None] = [*(2 + 0.3 * _noise(9, 12)).tolist()]
    values[2] = None
    course = follow({"arm": values}, RULE)["arm"]
    assert course.blocks == 6
    assert course.looks[0].n == 5


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_difference_that_is_not_finite_ends_the_arm_undecided(bad: float) -> None:
    course = follow({"arm": [1.0, bad, *_noise(10).tolist()]}, RULE)["arm"]
    assert (course.settled, course.blocks, course.interval) == ("not finite", 2, None)


def test_equal_differences_have_no_interval_and_settle_nothing() -> None:
    course = follow({"arm": [0.02] * 20}, RULE)["arm"]
    assert (course.settled, course.interval, course.p_value) == ("", None, None)


def test_an_arm_identical_to_the_baseline_settles_at_the_first_look() -> None:
    course = follow({"arm": [0.0] * 20}, RULE, identical={"arm": [True] * 20})["arm"]
    assert (course.settled, course.blocks) == ("identical", 5)
    course = follow({"arm": [0.0] * 20}, RULE, identical={"arm": [True, False] * 10})["arm"]
    assert course.settled == ""


def test_resampled_splits_widen_the_interval_as_nadeau_and_bengio_say() -> None:
    values = (_noise(11, 5) + 0.3).tolist()
    narrow, wide = (
        follow({"arm": values}, Rule(alpha=0.05, horizon=5, minimum_effect=0, test_train_ratio=ratio))["arm"].interval
        for ratio in (None, 1 / 3)
    )
    assert narrow is not None
    assert wide is not None
    assert (wide[1] - wide[0]) / (narrow[1] - narrow[0]) == pytest.approx(math.sqrt((1 / 5 + 1 / 3) * 5))


@pytest.mark.parametrize("arms", [1, 3])
def test_false_verdicts_over_all_looks_and_arms_stay_below_the_error_rate(arms: int) -> None:
    random, campaigns, rule = np.random.default_rng(12), 600, Rule(alpha=0.2, horizon=8, minimum_effect=0.0)
    wrong = 0
    for _ in range(campaigns):
        shared = random.normal(size=8)  # one baseline for all arms, so that their differences are correlated
        found = follow({str(arm): (random.normal(size=8) - shared).tolist() for arm in range(arms)}, rule)
        wrong += any(course.settled == "effect" for course in found.values())
    assert stats.binomtest(wrong, campaigns).proportion_ci(0.999).low <= 0.2, f"{wrong} of {campaigns}"
    assert wrong > 0.05 * campaigns, "the test has to be able to reject"


def test_intervals_hold_at_the_stop() -> None:
    random, campaigns, effect = np.random.default_rng(13), 500, 0.8
    rule = Rule(alpha=0.2, horizon=10, minimum_effect=0.0)
    held = 0
    for _ in range(campaigns):
        interval = follow({"arm": (random.normal(size=10) + effect).tolist()}, rule)["arm"].interval
        assert interval is not None
        held += interval[0] <= effect <= interval[1]
    assert stats.binomtest(held, campaigns).proportion_ci(0.999).high >= 0.8
