"""The paired comparison against scipy, and its error rates by simulation."""

from typing import Literal

import numpy as np
import pytest
from scipy import stats

from advisor.experiments.assess import followed, skewness_notes
from advisor.experiments.boundary import bound
from advisor.experiments.sequential import Rule, follow
from advisor.experiments.statistics import Outlook, compare, judge


def test_mean_interval_and_p_value_agree_with_scipys_paired_t_test() -> None:
    random = np.random.default_rng(1)
    arm, baseline = random.normal(0.5, 1, 9), random.normal(0, 1, 9)
    ours = compare(arm - baseline, metric="nll", alpha=0.05)
    reference = stats.ttest_rel(arm, baseline)
    low, high = reference.confidence_interval(0.95)
    assert ours.mean == pytest.approx((arm - baseline).mean())
    assert ours.interval == pytest.approx((low, high))
    assert ours.p_value == pytest.approx(reference.pvalue)


def test_arms_widen_the_interval_and_raise_the_p_value() -> None:
    differences = [0.1, 0.3, 0.2, 0.25]
    one, four = (compare(differences, metric="nll", alpha=0.05, arms=arms) for arms in (1, 4))
    assert one.interval is not None
    assert four.interval is not None
    assert four.interval[0] < one.interval[0] < one.interval[1] < four.interval[1]
    assert four.p_value == pytest.approx(4 * (one.p_value or 0))
    assert four.level == pytest.approx(0.9875)


def test_resampled_splits_get_nadeau_and_bengios_variance() -> None:
    differences = [0.1, 0.3, 0.2, 0.25]
    plain = compare(differences, metric="nll", alpha=0.05)
    corrected = compare(differences, metric="nll", alpha=0.05, test_train_ratio=1 / 3)
    assert plain.interval is not None
    assert corrected.interval is not None
    widening = (corrected.interval[1] - corrected.interval[0]) / (plain.interval[1] - plain.interval[0])
    assert widening == pytest.approx(np.sqrt((1 / 4 + 1 / 3) / (1 / 4)))


def _judged(
    differences: list[float],
    direction: Literal["min", "max"] = "max",
    *,
    identical: bool = False,
    minimum: float = 0.005,
    early: bool = True,
) -> tuple[str, str, Outlook]:
    rule = Rule(alpha=0.05, horizon=len(differences), minimum_effect=minimum, early=early)
    course = follow({"arm": differences}, rule, identical={"arm": [identical] * len(differences)})["arm"]
    comparison = followed(compare(differences[: course.blocks], metric="accuracy", alpha=0.05), course)
    return judge(comparison, course, rule, direction=direction)


@pytest.mark.parametrize(
    ("differences", "direction", "identical", "verdict"),
    [
        ([0.10, 0.11, 0.09, 0.10], "max", False, "helps"),
        ([0.10, 0.11, 0.09, 0.10], "min", False, "hurts"),
        ([-0.10, -0.11, -0.09], "min", False, "helps"),
        ([0.10, -0.11, 0.09, -0.10], "max", False, "undecided"),
        ([0.0010, 0.0011, 0.0009, 0.0010], "max", False, "equivalent"),  # wins over the sign
        ([0.0, 0.0, 0.0], "max", True, "equivalent"),
        ([0.0, 0.0, 0.0], "max", False, "undecided"),  # no spread to judge by
        ([0.02, 0.02, 0.02], "max", False, "undecided"),
        ([0.02, float("nan"), 0.02], "max", False, "undecided"),
    ],
)
def test_the_verdict_follows_the_interval(
    differences: list[float], direction: Literal["min", "max"], identical: bool, verdict: str
) -> None:
    given, sentence, _ = _judged(differences, direction, identical=identical)
    assert given == verdict
    assert sentence.lower().startswith(verdict)


def test_the_chance_of_a_better_new_pair_counts_the_uncertainty_of_the_mean() -> None:
    differences = [0.03, -0.01, 0.02, 0.0, 0.01, -0.02]
    mean, sd = np.mean(differences), np.std(differences, ddof=1)
    expected = stats.t.cdf(mean / (sd * np.sqrt(7 / 6)), 5)
    assert _judged(differences, early=False)[2].probability_better == pytest.approx(expected)
    assert _judged(differences, "min", early=False)[2].probability_better == pytest.approx(1 - expected)


def test_power_and_blocks_needed_agree_with_simulation() -> None:
    random = np.random.default_rng(4)
    differences = random.normal(size=20)
    differences = (0.01 * (differences - differences.mean()) / differences.std(ddof=1) + 0.004).tolist()
    _, sentence, seen = _judged(differences, minimum=0.005, early=False)
    assert seen.power is not None
    assert seen.blocks_needed is not None
    assert str(seen.blocks_needed) in sentence
    for blocks, limit, power in ((20, 0.05, seen.power), (seen.blocks_needed, bound(0.05, seen.blocks_needed), 0.8)):
        simulated = random.normal(0.5, 1, size=(4000, blocks))
        p = stats.ttest_1samp(simulated, 0, axis=1).pvalue
        assert (p <= limit).mean() == pytest.approx(power, abs=0.03)


def test_what_hundreds_of_blocks_would_not_find_is_said_so() -> None:
    differences = [0.03, -0.03, 0.02, -0.02, 0.01, -0.0101]
    assert "even 500 would not" in _judged(differences, minimum=0.0)[1]


def test_skewed_differences_are_said_to_be_so() -> None:
    random = np.random.default_rng(6)
    skewed = compare((random.exponential(size=20) ** 1.5).tolist(), metric="nll", alpha=0.05)
    assert "skewed" in skewness_notes(skewed)[0]
    quiet = [skewness_notes(compare(random.normal(size=20).tolist(), metric="nll", alpha=0.05)) for _ in range(50)]
    assert sum(map(bool, quiet)) <= 4
    assert skewness_notes(compare([0.1, 0.1, 5.0], metric="nll", alpha=0.05)) == ()
