"""Dose and response: plateau, peak, effect and edge, with error rates by simulation; isotonic fits by an oracle."""

import numpy as np
import pytest
from scipy import stats

from advisor.errors import AdvisorError
from advisor.experiments.dose_response import DoseResponse, assess_dose_response, isotonic, spacing

GEOMETRIC = [0.0, 0.01, 0.03, 0.1, 0.3, 1.0]
LINEAR = [0.0, 0.1, 0.2, 0.3, 0.4]


def sweep(
    strengths: list[float], curve: list[float], *, seed: int, blocks: int = 6, noise: float = 0.01
) -> dict[float, list[float]]:
    """strength -> one value a block: the block's own level, the curve, and noise."""
    random = np.random.default_rng(seed)
    table = random.normal(0.7, 0.05, (blocks, 1)) + np.array(curve) + random.normal(0, noise, (blocks, len(curve)))
    return {strength: column.tolist() for strength, column in zip(strengths, table.T, strict=True)}


def parabola(strengths: list[float], peak: float, drop: float) -> list[float]:
    """0.2 at the peak, falling by `drop` for each squared factor of e from it; 0 at the baseline."""
    return [0.0, *(0.2 - drop * np.log(s / peak) ** 2 for s in strengths[1:])]


def test_a_clear_peak_is_the_best_the_recommended_and_inside_its_interval() -> None:
    values = sweep(GEOMETRIC, parabola(GEOMETRIC, 0.1, 0.03), seed=1)
    found = assess_dose_response(values, metric="accuracy", direction="max")
    assert (found.scale, found.shape, found.effect) == ("log", "quadratic", "better")
    assert found.best == found.recommended == 0.1
    assert 0 not in found.plateau
    assert found.edge is None
    assert found.peak is not None
    assert found.peak.interval[0] < 0.1 < found.peak.interval[1]
    assert "best is 0.1 (+2" in found.sentence


def test_of_a_loss_the_same_data_with_the_sign_turned_gives_the_same_answer() -> None:
    values = sweep(GEOMETRIC, parabola(GEOMETRIC, 0.1, 0.03), seed=1)
    turned = {strength: [-value for value in row] for strength, row in values.items()}
    up = assess_dose_response(values, metric="nll", direction="max")
    down = assess_dose_response(turned, metric="nll", direction="min")
    assert (down.plateau, down.recommended, down.effect) == (up.plateau, up.recommended, up.effect)
    assert down.p_value == up.p_value
    assert down.strengths[3].change == pytest.approx(-up.strengths[3].change)
    assert up.peak is not None
    assert down.peak is not None
    assert down.peak.interval == pytest.approx(up.peak.interval)


def test_the_plateau_holds_the_truly_best_strength_as_often_as_stated() -> None:
    repeats, missed, wide = 150, 0, 0
    curve = [0.0, 0.10, 0.19, 0.20, 0.19, 0.0]
    for seed in range(repeats):
        values = sweep(GEOMETRIC, curve, seed=seed, blocks=5, noise=0.02)
        found = assess_dose_response(values, metric="accuracy", direction="max", draws=499)
        missed += 0.1 not in found.plateau
        wide += len(found.plateau) > 4
    assert wide < repeats / 10  # 0 and 1 are far below the best
    assert missed / repeats <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / repeats)


def test_the_plateau_of_equal_strengths_holds_each_one_as_often_as_stated_even_where_their_noise_differs() -> None:
    repeats, missed, blocks = 150, 0, 5
    scale = np.array([0.02, 0.02, 0.02, 0.02, 0.02, 0.002])
    for seed in range(repeats):
        random = np.random.default_rng(seed)
        table = random.normal(0, 1, (blocks, 1)) + random.normal(0, 1, (blocks, 6)) * scale
        values = dict(zip(GEOMETRIC, table.T.tolist(), strict=True))
        found = assess_dose_response(values, metric="accuracy", direction="max", draws=499)
        missed += 1.0 not in found.plateau
    assert missed / repeats <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / repeats)


@pytest.mark.parametrize("blocks", [3, 8])
def test_without_an_effect_one_is_found_no_more_often_than_stated(blocks: int) -> None:
    repeats, wrong = 150, 0
    for seed in range(repeats):
        values = sweep(GEOMETRIC, [0.0] * 6, seed=1000 + seed, blocks=blocks, noise=0.02)
        found = assess_dose_response(values, metric="accuracy", direction="max", draws=499)
        wrong += found.effect != "not shown"
        assert (found.effect != "not shown") == ((found.p_value or 1) <= 0.05)
        assert found.effect == "better" or found.recommended == 0
    assert wrong / repeats <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / repeats)


def test_the_peaks_interval_holds_the_true_peak_as_often_as_stated() -> None:
    repeats, missed, known = 150, 0, 0
    for seed in range(repeats):
        values = sweep(GEOMETRIC, parabola(GEOMETRIC, 0.15, 0.02), seed=seed, blocks=5, noise=0.03)
        found = assess_dose_response(values, metric="accuracy", direction="max", draws=99)
        if found.peak is not None:
            known += 1
            missed += not found.peak.interval[0] <= 0.15 <= found.peak.interval[1]
    assert known > repeats / 2
    assert missed / repeats <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / repeats)


def test_with_two_strengths_apart_the_plateau_is_hsus() -> None:
    # Between two arms the comparison with the best is a one-sided paired t test, whose critical value is known.
    values = sweep([0.0, 0.1, 0.2], [0.0, -5.0, 0.015], seed=3, blocks=8)
    difference = np.array(values[0.2]) - np.array(values[0.0])
    t = difference.mean() / (difference.std(ddof=1) / np.sqrt(8))
    found = assess_dose_response(values, metric="nll", direction="max")
    assert t > stats.t.ppf(1 - 0.05 / 2, 7) + 0.3  # beyond Bonferroni's bound as well
    assert found.plateau == (0.2,)


def test_at_the_ends_of_the_peaks_interval_a_t_test_of_the_slope_is_at_its_critical_value() -> None:
    random = np.random.default_rng(13)
    values: dict[float, list[float]] = {strength: [] for strength in GEOMETRIC}
    for _ in range(6):
        curve = parabola(GEOMETRIC, 0.1 * np.exp(random.normal(0, 0.5)), 0.03 + 0.01 * random.random())
        for strength, value in zip(GEOMETRIC, curve, strict=True):
            values[strength].append(value + random.normal(0, 0.01))
    found = assess_dose_response(values, metric="accuracy", direction="max")
    assert found.peak is not None
    positive = GEOMETRIC[1:]
    fits = np.polyfit(np.log(positive), [values[strength] for strength in positive], 2)
    for end in found.peak.interval:
        slopes = fits[1] + 2 * fits[0] * np.log(end)
        assert abs(stats.ttest_1samp(slopes, 0).statistic) == pytest.approx(stats.t.ppf(0.975, 5), rel=1e-6)


def test_the_intervals_of_many_blocks_hold_together_as_dunnetts_do() -> None:
    blocks = 60
    values = sweep(GEOMETRIC, [0.0] * 6, seed=12, blocks=blocks)
    found = assess_dose_response(values, metric="nll", direction="max", draws=20_000)
    item = found.strengths[1]
    assert item.interval is not None
    error = (np.array(values[item.strength]) - np.array(values[0.0])).std(ddof=1) / np.sqrt(blocks)
    critical = (item.interval[1] - item.interval[0]) / 2 / error
    equal = stats.multivariate_t(shape=np.full((5, 5), 0.5) + 0.5 * np.eye(5), df=39, seed=0)
    assert equal.cdf([critical] * 5, lower_limit=[-critical] * 5) == pytest.approx(0.95, abs=0.01)


def test_harm_alone_is_said_and_nothing_is_recommended() -> None:
    values = sweep(LINEAR, [0.0, -0.05, -0.1, -0.2, -0.3], seed=4)
    found = assess_dose_response(values, metric="accuracy", direction="max")
    assert (found.effect, found.recommended, found.best) == ("worse", 0.0, 0.0)
    assert found.shape in ("falling", "quadratic")
    assert "some hurt it" in found.sentence


def test_a_best_at_the_largest_strength_asks_for_larger_ones_in_the_grids_spacing() -> None:
    values = sweep([0.0, 0.01, 0.1, 1.0], [0.0, 0.05, 0.1, 0.2], seed=5)
    found = assess_dose_response(values, metric="accuracy", direction="max")
    assert (found.edge, found.next_strengths) == ("high", (10.0, 100.0))
    assert "try 10 and 100 next" in found.sentence
    linear = sweep(LINEAR, [0.0, 0.05, 0.1, 0.15, 0.2], seed=5)
    assert assess_dose_response(linear, metric="accuracy", direction="max").next_strengths == (0.5, 0.6)


def test_what_extends_the_grid_respects_the_largest_strength_that_is_allowed() -> None:
    linear = sweep(LINEAR, [0.0, 0.05, 0.1, 0.15, 0.2], seed=5)
    cut = [assess_dose_response(linear, metric="accuracy", direction="max", upper=upper) for upper in (0.55, 0.45, 0.4)]
    assert [found.next_strengths for found in cut] == [(0.5,), (0.425,), ()]
    assert [found.edge for found in cut] == ["high", "high", None]


def test_a_best_at_the_smallest_strength_of_a_geometric_grid_asks_for_smaller_ones() -> None:
    values = sweep([0.0, 0.01, 0.1, 1.0], [0.0, 0.2, 0.1, 0.0], seed=6)
    found = assess_dose_response(values, metric="accuracy", direction="max")
    assert (found.edge, found.next_strengths) == ("low", (0.001, 0.0001))
    linear = sweep(LINEAR, [0.0, 0.2, 0.1, 0.0, -0.1], seed=6)
    assert assess_dose_response(linear, metric="accuracy", direction="max").edge is None


def test_the_recommended_strength_is_the_plateaus_centre() -> None:
    values = sweep(GEOMETRIC, [0.0, 0.05, 0.2, 0.2, 0.2, 0.05], seed=7, noise=0.005)
    found = assess_dose_response(values, metric="accuracy", direction="max")
    assert found.plateau == (0.03, 0.1, 0.3)
    assert found.recommended == 0.1
    even = assess_dose_response(
        sweep(GEOMETRIC, [0.0, 0.05, 0.2, 0.2, 0.05, 0.0], seed=7, noise=0.005), metric="accuracy", direction="max"
    )
    assert even.plateau == (0.03, 0.1)
    assert even.recommended == 0.03


@pytest.mark.parametrize(
    ("curve", "shape"),
    [([0.0, 0.02, 0.05, 0.2, 0.21], "rising"), ([0.0, -0.2, -0.21, -0.22, -0.22], "falling")],
)
def test_the_shape_is_the_one_that_predicts_a_left_out_block(curve: list[float], shape: str) -> None:
    found = assess_dose_response(sweep(LINEAR, curve, seed=8, noise=0.004), metric="nll", direction="max")
    errors = {fit.shape: fit.error for fit in found.fits}
    assert found.shape == shape
    assert errors[found.shape] == min(errors.values())
    assert [item.fitted for item in found.strengths] == pytest.approx(curve, abs=0.02)


def test_the_isotonic_fit_is_the_closest_rising_sequence() -> None:
    random = np.random.default_rng(9)
    for _ in range(20):
        y = random.normal(0, 1, 7)
        fitted = isotonic(y)
        assert (np.diff(fitted) >= 0).all()
        # The min-max formula of Robertson, Wright & Dykstra (1988) is another way to the same answer.
        oracle = [max(min(y[a : b + 1].mean() for b in range(i, 7)) for a in range(i + 1)) for i in range(7)]
        assert fitted == pytest.approx(np.array(oracle))


@pytest.mark.parametrize(
    ("strengths", "scale"),
    [
        ([0, 0.001, 0.01, 0.1], "log"),
        ([0, 0.1, 0.2, 0.3], "linear"),
        ([0, 1e-4, 3e-4, 1e-3, 3e-3], "log"),
        ([0, 0.1, 1.0], "log"),
        ([0, 0.1, 0.2], "linear"),
        ([0, 0.1, 0.3, 0.5], "linear"),
    ],
)
def test_the_scale_is_the_one_in_which_the_grid_is_even(strengths: list[float], scale: str) -> None:
    assert spacing(strengths) == scale


def test_equal_values_in_all_blocks_show_nothing() -> None:
    values = {strength: [0.5, 0.6, 0.7] for strength in LINEAR}
    found = assess_dose_response(values, metric="accuracy", direction="max")
    assert (found.effect, found.p_value, found.recommended, found.shape) == ("not shown", None, 0.0, "flat")
    assert found.plateau == tuple(LINEAR)
    assert len(found.notes) == 4
    assert found.peak is None


def test_one_strength_without_spread_is_noted_and_the_others_are_judged() -> None:
    values = sweep(LINEAR, [0.0, 0.05, 0.2, 0.1, 0.0], seed=10)
    values[0.4] = [value + 0.01 for value in values[0.0]]
    found = assess_dose_response(values, metric="accuracy", direction="max")
    assert found.effect == "better"
    assert found.strengths[4].interval is None
    assert [note.startswith("strength 0.4") for note in found.notes] == [True]


def test_the_same_values_give_the_same_result_in_any_order() -> None:
    values = sweep(GEOMETRIC, parabola(GEOMETRIC, 0.1, 0.03), seed=1)
    first = assess_dose_response(values, metric="accuracy", direction="max")
    again = assess_dose_response(dict(reversed(values.items())), metric="accuracy", direction="max")
    assert first == again
    assert DoseResponse.model_validate_json(first.model_dump_json()) == first


def test_resampled_splits_widen_the_intervals() -> None:
    values = sweep(LINEAR, [0.0, 0.05, 0.2, 0.1, 0.0], seed=10)
    plain, wide = (
        assess_dose_response(values, metric="accuracy", direction="max", test_train_ratio=ratio).strengths[2].interval
        for ratio in (None, 1 / 3)
    )
    assert plain is not None
    assert wide is not None
    assert (wide[1] - wide[0]) / (plain[1] - plain[0]) == pytest.approx(np.sqrt((1 / 6 + 1 / 3) / (1 / 6)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "strength 0"),
        ({0.1: [1.0, 2.0], 0.2: [1.0, 2.0]}, "strength 0"),
        ({0.0: [1.0, 2.0], 0.2: [1.0, 2.0]}, "2 to 15 strengths beside 0 but got 1"),
        ({0.0: [1.0, 2.0], -0.2: [1.0, 2.0], 1.0: [1.0, 2.0]}, "strength cannot be -0.2"),
        ({0.0: [1.0], 0.2: [1.0], 1.0: [1.0]}, "at least 2 blocks but got 1"),
        ({0.0: [1.0, 2.0], 0.2: [1.0], 1.0: [1.0, 2.0]}, "'0.2' has 1 blocks"),
        ({0.0: [1.0, 2.0], 0.2: [1.0, float("inf")], 1.0: [1.0, 2.0]}, "'0.2' in block 1 is inf"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_its_value(values: dict[float, list[float]], message: str) -> None:
    with pytest.raises(AdvisorError, match=message):
        assess_dose_response(values, metric="accuracy", direction="max")


def test_too_few_draws_for_the_error_rate_are_refused() -> None:
    values = sweep(LINEAR, [0.0, 0.05, 0.2, 0.1, 0.0], seed=10)
    with pytest.raises(AdvisorError, match=r"draws is 10, too few for alpha 0.01; allow at least 1000"):
        assess_dose_response(values, metric="accuracy", direction="max", alpha=0.01, draws=10)
