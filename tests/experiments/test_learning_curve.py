"""Learning curves: what is recovered, when intervals widen, what is flagged, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.errors import AdvisorError
from advisor.experiments.learning_curves import LearningCurve, fit_curve, what_more_data_brings, worth

SIZES = np.array([50.0, 100, 200, 400, 800, 1600])


def width(curve: LearningCurve, which: int = -1) -> float:
    low, high = curve.predictions[which].interval
    return high - low


@pytest.mark.parametrize("exponent", [0.1, 0.2, 0.35, 0.5, 0.65])
@pytest.mark.parametrize("floor", [0.0, 0.05])
def test_an_exact_power_law_is_recovered(exponent: float, floor: float) -> None:
    def law(n: float) -> float:
        return float(1.2 * n**-exponent + floor)

    curve = fit_curve(SIZES, [law(n) for n in SIZES], predict_at=[200, 3200, 6400])
    inside, twice, four_times = curve.predictions
    assert inside.value == pytest.approx(law(200), rel=0.01)
    assert twice.value == pytest.approx(law(3200), rel=0.07)
    assert four_times.value == pytest.approx(law(6400), rel=0.1)
    assert twice.interval[0] < law(3200) < twice.interval[1]
    assert four_times.interval[0] < law(6400) < four_times.interval[1]
    assert not curve.behaviour.ill_behaved
    assert curve.behaviour.falls


def test_a_loss_far_above_one_is_as_good_as_an_error() -> None:
    values = 1.2 * SIZES**-0.35
    small, large = fit_curve(SIZES, values), fit_curve(SIZES, 100 * values, metric="nll")
    assert large.predictions[1].value == pytest.approx(100 * small.predictions[1].value)
    assert large.predictions[1].interval == pytest.approx([100 * edge for edge in small.predictions[1].interval])
    assert "%" not in large.sentence.replace("90 % interval", "")


def test_noise_widens_the_intervals() -> None:
    values = 1.2 * SIZES**-0.35
    random = np.random.default_rng(3)
    clear, noisy = (fit_curve(SIZES, values[:, None] * (1 + sd * random.normal(size=(6, 4)))) for sd in (0.01, 0.2))
    assert width(noisy) > 1.5 * width(clear)
    stated = [fit_curve(SIZES, values, standard_errors=values * error) for error in (0.005, 0.05, 0.2)]
    assert width(stated[0]) < width(stated[1]) < width(stated[2])


def test_intervals_widen_with_the_distance() -> None:
    curve = fit_curve(SIZES, 1.2 * SIZES**-0.35, predict_at=[1600, 3200, 6400, 25600])
    relative = [width(curve, i) / curve.predictions[i].value for i in range(4)]
    assert relative == sorted(relative)
    assert [item.extrapolated for item in curve.predictions] == [1, 2, 4, 16]


def test_three_sizes_give_a_wider_answer_than_twelve() -> None:
    few, many = np.geomspace(100, 1600, 3), np.geomspace(100, 1600, 12)
    narrow, wide = (
        fit_curve(n, 1.2 * n**-0.35, standard_errors=0.02 * n**-0.35, predict_at=[6400]) for n in (many, few)
    )
    assert width(wide) > 1.1 * width(narrow)
    assert "3 sizes say little" in wide.sentence


def test_a_peak_is_flagged_with_its_place() -> None:
    random = np.random.default_rng(0)
    values = np.array([0.5, 0.4, 0.3, 0.42, 0.25, 0.2])[:, None] + random.normal(0, 0.01, (6, 5))
    curve = fit_curve(SIZES, values)
    assert curve.behaviour.peak == 400
    assert curve.behaviour.rises_somewhere
    assert curve.behaviour.ill_behaved
    assert "peak of 42" in curve.sentence
    assert "near 400 examples" in curve.sentence


def test_a_rising_curve_is_flagged_without_a_peak() -> None:
    random = np.random.default_rng(0)
    curve = fit_curve(SIZES, np.linspace(0.2, 0.4, 6)[:, None] + random.normal(0, 0.01, (6, 5)))
    assert curve.behaviour.peak is None
    assert curve.behaviour.rises_somewhere
    assert "rises from 20" in curve.sentence


def test_an_ever_faster_fall_is_flagged_as_not_convex() -> None:
    values = 0.8 / (1 + (SIZES / 800) ** 2)
    curve = fit_curve(SIZES, values, standard_errors=0.01 * values)
    assert curve.behaviour.concave_somewhere
    assert not curve.behaviour.rises_somewhere
    assert "ever faster" in curve.sentence
    assert curve.family == "bent power law"


def test_noise_alone_is_rarely_called_ill_behaved() -> None:
    random = np.random.default_rng(5)
    law = 1.2 * SIZES**-0.35
    flagged = sum(
        fit_curve(SIZES, law[:, None] * (1 + 0.08 * random.normal(size=(6, 4)))).behaviour.ill_behaved
        for _ in range(40)
    )
    assert flagged <= 6  # at an error rate of 0.05 for rises and for bends, 4 are expected; and n is 40


def test_a_flat_curve_is_called_flat_and_promises_nothing() -> None:
    random = np.random.default_rng(1)
    curve = fit_curve(SIZES, 0.2 + random.normal(0, 0.01, (6, 4)))
    assert not curve.behaviour.falls
    assert curve.sentence.startswith("Flat within its noise")
    for more in what_more_data_brings(curve):
        low, high = more.change_interval
        assert low < 0 <= high + 0.005
        assert more.interval[0] < 0.2 < more.interval[1] + 0.01


@given(
    st.permutations(range(6)),
    st.lists(st.floats(0, 2), min_size=6, max_size=6),
)
@settings(max_examples=15, deadline=None)
def test_the_order_of_points_and_runs_changes_no_bit(order: list[int], values: list[float]) -> None:
    table = np.array(values)[:, None] * [1.0, 1.1, 0.95]
    straight = fit_curve(SIZES, table)
    shuffled = fit_curve(SIZES[order], table[order][:, [2, 0, 1]])
    assert shuffled == straight
    for item in straight.predictions:
        assert 0 <= item.interval[0] <= item.value <= item.interval[1]


def test_errors_of_zero_stay_zero_or_above() -> None:
    curve = fit_curve(SIZES, [0.3, 0.1, 0.01, 0, 0, 0], predict_at=[3200, 25600])
    for item in curve.predictions:
        assert 0 <= item.interval[0] <= item.value < 0.01
    nothing = fit_curve(SIZES, np.zeros(6))
    assert nothing.predictions[0].value == pytest.approx(0, abs=1e-3)


def test_a_fitted_curve_survives_json_and_refits_to_the_same_predictions() -> None:
    random = np.random.default_rng(2)
    curve = fit_curve(SIZES, 1.2 * SIZES[:, None] ** -0.35 * (1 + 0.05 * random.normal(size=(6, 4))))
    again = LearningCurve.model_validate_json(curve.model_dump_json())
    assert again == curve
    assert [more.value for more in what_more_data_brings(again)] == [item.value for item in curve.predictions]


def test_a_recipe_is_worth_the_data_that_would_bring_the_baseline_as_far() -> None:
    curve = fit_curve(SIZES, 1.2 * SIZES**-0.35, standard_errors=0.01 * SIZES**-0.35)
    answer = worth(curve, 1.2 * (1.7 * 1600) ** -0.35, standard_error=0.001)
    low, high = answer.interval
    assert answer.factor == pytest.approx(1.7, rel=0.07)
    assert low is not None
    assert high is not None
    assert 1 < low < 1.7 < high < 3
    assert answer.verdict == "worth more"
    assert answer.sentence.startswith("The recipe is worth 1.")


def test_a_worse_recipe_is_worth_less_than_the_data() -> None:
    curve = fit_curve(SIZES, 1.2 * SIZES**-0.35, standard_errors=0.01 * SIZES**-0.35)
    answer = worth(curve, 1.2 * 800**-0.35, standard_error=0.001)
    assert answer.verdict == "worth less"
    assert answer.factor == pytest.approx(0.5, rel=0.07)


def test_a_difference_within_its_noise_is_undecided() -> None:
    curve = fit_curve(SIZES, 1.2 * SIZES**-0.35, standard_errors=0.01 * SIZES**-0.35)
    answer = worth(curve, curve.values[-1] - 0.001, standard_error=0.003)
    low, high = answer.interval
    assert answer.verdict == "undecided"
    assert low is not None
    assert high is not None
    assert low < 1 < high


def test_the_uncertainty_of_the_difference_widens_the_answer() -> None:
    curve = fit_curve(SIZES, 1.2 * SIZES**-0.35, standard_errors=0.01 * SIZES**-0.35)
    answers = [worth(curve, 0.08, standard_error=error).interval for error in (0.0005, 0.004)]
    assert answers[1][0] < answers[0][0] < answers[0][1] < answers[1][1]  # type: ignore[operator]


def test_a_recipe_may_be_compared_at_a_smaller_measured_size() -> None:
    curve = fit_curve(SIZES, 1.2 * SIZES**-0.35, standard_errors=0.01 * SIZES**-0.35)
    answer = worth(curve, 1.2 * 800**-0.35, size=400, standard_error=0.001)
    assert answer.factor == pytest.approx(2, rel=0.07)


def test_on_a_flat_curve_no_amount_of_data_does_as_well() -> None:
    random = np.random.default_rng(1)
    curve = fit_curve(SIZES, 0.2 + random.normal(0, 0.01, (6, 4)))
    better = worth(curve, 0.1, standard_error=0.003)
    assert better.factor is None
    assert better.verdict == "no amount"
    assert better.reach < 0.1
    assert "Beyond the baseline's curve" in better.sentence
    same = worth(curve, 0.2, standard_error=0.005)
    assert same.verdict == "undecided"
    assert same.interval[1] is None
    assert "holds 1" in same.sentence


def test_on_a_rising_curve_a_better_recipe_is_not_worth_less_data() -> None:
    random = np.random.default_rng(0)
    curve = fit_curve(SIZES, np.linspace(0.2, 0.3, 6)[:, None] + random.normal(0, 0.005, (6, 4)))
    better = worth(curve, 0.25, standard_error=0.003)
    assert better.verdict == "no amount"
    worse = worth(curve, 0.35, standard_error=0.003)
    assert worse.verdict == "below the range"
    assert worse.factor is None


def test_what_more_data_brings_names_factor_size_and_interval() -> None:
    curve = fit_curve(SIZES, 1.2 * SIZES**-0.35, standard_errors=0.01 * SIZES**-0.35)
    twice, four_times = what_more_data_brings(curve)
    assert (twice.size, four_times.size) == (3200, 6400)
    assert four_times.value < twice.value < curve.values[-1]
    assert twice.change == pytest.approx(1.2 * (3200**-0.35 - 1600**-0.35), rel=0.15)
    assert twice.change_interval[0] < twice.change < twice.change_interval[1] < 0
    assert twice.sentence.startswith("2 times the data (3200 examples) would bring error to 7.")


@pytest.mark.parametrize(
    ("sizes", "values", "message"),
    [
        ([100, 200], [0.2, 0.1], "at least 3 sizes but got 2; train at more sizes"),
        ([100, 200, 0], [0.2, 0.1, 0.1], "sizes must be positive and finite but got 0; give"),
        ([100, 200, -5], [0.2, 0.1, 0.1], "but got -5; give"),
        ([100, 200, float("nan")], [0.2, 0.1, 0.1], "sizes must be positive and finite but got nan"),
        ([100, 200, 400], [0.2, float("inf"), 0.1], "values must be finite but got inf; leave"),
        ([100, 200, 400], [[0.2, 0.1], [0.2, float("nan")], [0.1, 0.1]], "values must be finite but got nan; leave"),
        ([100, 200, 400], [0.2, -0.1, 0.1], "must not be negative but got -0.1; give"),
        ([100, 200, 400], [0.2, 0.1], r"shape \(3,\) or \(3, runs\).* but got \(2,\); give"),
        ([100, 200, 200], [0.2, 0.1, 0.1], "sizes holds 200 twice; put"),
        ([100, 200, 400], ["a", 0.1, 0.1], "values must be numbers in rows of equal length but got"),
    ],
)
def test_bad_points_are_refused_with_the_value_and_the_next_step(
    sizes: list[float], values: list[float], message: str
) -> None:
    with pytest.raises(AdvisorError, match=message):
        fit_curve(sizes, values)


def test_bad_requests_are_refused_with_the_value_and_the_next_step() -> None:
    values = 1.2 * SIZES**-0.35
    with pytest.raises(AdvisorError, match=r"not negative but got -0\.1; give None"):
        fit_curve(SIZES, values, standard_errors=[-0.1, 0, 0, 0, 0, 0])
    with pytest.raises(AdvisorError, match=r"shape \(6,\) but got \(2,\); give one"):
        fit_curve(SIZES, values, standard_errors=[0.1, 0.1])
    with pytest.raises(AdvisorError, match="positive and finite but got 0; ask"):
        fit_curve(SIZES, values, predict_at=[0])
    curve = fit_curve(SIZES, values)
    with pytest.raises(AdvisorError, match=r"above 1 but got 0\.5; ask for 2 or 4"):
        what_more_data_brings(curve, [0.5])
    with pytest.raises(AdvisorError, match="not measured at size 300; compare at one of 50, 100"):
        worth(curve, 0.1, size=300)
    with pytest.raises(AdvisorError, match="not negative but got nan; give an error or loss"):
        worth(curve, float("nan"))
    with pytest.raises(AdvisorError, match="not negative but got -1; give None"):
        worth(curve, 0.1, standard_error=-1)
    with pytest.raises(AdvisorError, match="at most 16 but got 100"):
        worth(curve, 0.1, most=100)
