"""The paired comparison against scipy, and its error rates by simulation."""

import numpy as np
import pytest
from scipy import stats

from advisor.experiments.statistics import compare, judge


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


@pytest.mark.parametrize(
    ("differences", "direction", "minimum_effect", "identical", "verdict"),
    [
        ([0.10, 0.11, 0.09, 0.10], "max", 0.005, False, "helps"),
        ([0.10, 0.11, 0.09, 0.10], "min", 0.005, False, "hurts"),
        ([-0.10, -0.11, -0.09], "min", 0.005, False, "helps"),
        ([0.10, -0.11, 0.09, -0.10], "max", 0.005, False, "undecided"),
        ([0.0010, 0.0011, 0.0009, 0.0010], "max", 0.005, False, "equivalent"),  # wins over the sign
        ([0.0, 0.0, 0.0], "max", 0.005, True, "equivalent"),
        ([0.0, 0.0, 0.0], "max", 0.005, False, "undecided"),  # no spread to judge by
        ([0.02, 0.02, 0.02], "max", 0.005, False, "undecided"),
        ([0.02, float("nan"), 0.02], "max", 0.005, False, "undecided"),
    ],
)
def test_the_verdict_follows_the_interval(
    differences: list[float], direction: str, minimum_effect: float, identical: bool, verdict: str
) -> None:
    comparison = compare(differences, metric="accuracy", alpha=0.05)
    given, sentence = judge(
        comparison,
        direction=direction,
        minimum_effect=minimum_effect,
        identical=identical,  # type: ignore[arg-type]
    )
    assert given == verdict
    assert sentence.lower().startswith(verdict)
    assert f"{len(differences)} " in sentence


@pytest.mark.parametrize("arms", [1, 4])
def test_false_verdicts_over_all_arms_stay_below_the_error_rate(arms: int) -> None:
    random = np.random.default_rng(7)
    campaigns = 1500
    wrong = 0
    for _ in range(campaigns):
        shared = random.normal(0, 1, 6)  # one baseline for all arms, so that their differences are correlated
        verdicts = [
            judge(
                compare(random.normal(0, 1, 6) - shared, metric="nll", alpha=0.05, arms=arms),
                direction="min",
                minimum_effect=0.0,
                identical=False,
            )[0]
            for _ in range(arms)
        ]
        wrong += any(verdict in {"helps", "hurts"} for verdict in verdicts)
    upper = stats.binomtest(wrong, campaigns).proportion_ci(0.999).low
    assert upper <= 0.05, f"{wrong} of {campaigns} campaigns had a false verdict"
