"""The peak of a sweep: false alarms and power by simulation, and the right answer for every shape."""

import json
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from advisor.errors import AdvisorError
from advisor.experiments.double_descent import DoubleDescent, compare_pairs, judge_sweep

Array = NDArray[np.float64]

SIZES = np.array([4.0, 8, 16, 32, 64, 128, 256, 512, 1024])
PEAK = np.array([0.40, 0.30, 0.24, 0.28, 0.38, 0.30, 0.22, 0.18, 0.16])
TRAIN = np.array([0.35, 0.25, 0.15, 0.08, 0.005, 0.0, 0.0, 0.0, 0.0])
SHAPES = {
    "flat": np.full(9, 0.3),
    "falling to a plateau": np.array([0.9, 0.6, 0.4, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3]),
    "rising to a plateau": np.array([0.3, 0.5, 0.7, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9]),
    "u": np.array([0.6, 0.45, 0.35, 0.3, 0.3, 0.35, 0.45, 0.6, 0.6]),
}


def sweep(
    means: Array,
    *,
    blocks: int = 8,
    noise: float | Array = 0.01,
    seed: int = 0,
    random: Any = None,
    law: str = "normal",
) -> Array:
    """Test values (sizes, blocks): the means, a level of each block, and noise of each training."""
    random = random or np.random.default_rng(seed)
    if law == "normal":
        drawn = random.standard_normal((len(means), blocks))
    else:  # few trainings go far astray
        drawn = random.standard_t(2, (len(means), blocks))
    spread = np.broadcast_to(np.asarray(noise, dtype=np.float64), (len(means),))[:, None]
    values: Array = means[:, None] + random.normal(0, 0.03, blocks) + spread * drawn
    return values


def judge(test: Array, **options: Any) -> DoubleDescent:
    train = np.repeat(TRAIN[:, None], test.shape[1], axis=1)
    return judge_sweep(SIZES, test, train, **options)


def highest_share(simulations: int, level: float = 0.05) -> float:
    """Three Monte-Carlo standard errors above the level."""
    return level + 3 * math.sqrt(level * (1 - level) / simulations)


@pytest.mark.parametrize("blocks", [3, 6])
@pytest.mark.parametrize("shape", list(SHAPES))
def test_chance_alone_gives_a_peak_in_at_most_5_percent_of_sweeps(shape: str, blocks: int) -> None:
    random = np.random.default_rng(blocks)
    simulations = 200
    peaks = sum(judge(sweep(SHAPES[shape], blocks=blocks, random=random)).shape == "peak" for _ in range(simulations))
    assert peaks / simulations <= highest_share(simulations)


@pytest.mark.parametrize(("law", "blocks"), [("normal", 3), ("normal", 8), ("heavy", 8)])
def test_noise_that_grows_towards_the_middle_is_not_taken_for_a_peak(law: str, blocks: int) -> None:
    random = np.random.default_rng(1)
    simulations = 300
    noise = np.array([0.01, 0.01, 0.02, 0.05, 0.1, 0.05, 0.02, 0.01, 0.01])
    means = np.array([0.1, 0.5, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9])  # the rise is real: one false fall makes a peak
    peaks = sum(
        judge(sweep(means, blocks=blocks, noise=noise, random=random, law=law)).shape == "peak"
        for _ in range(simulations)
    )
    assert peaks / simulations <= highest_share(simulations)


def test_pairs_without_adjustment_would_see_peaks_in_noise() -> None:
    random = np.random.default_rng(2)
    simulations, peaks = 200, 0
    limit = stats.t.ppf(0.975, 3)
    for _ in range(simulations):
        test = sweep(SHAPES["flat"], blocks=4, random=random)
        differences = test[None] - test[:, None]  # [i, j]: size j minus size i, in each block
        spread = differences.std(axis=2, ddof=1) + np.eye(9)
        t = 2 * differences.mean(axis=2) / spread
        peaks += any((t[:j, j] > limit).any() and (t[j, j + 1 :] < -limit).any() for j in range(1, 8))
    assert peaks / simulations > highest_share(simulations)


@pytest.mark.parametrize("blocks", [3, 6, 8])
def test_a_real_double_descent_is_found_at_its_place(blocks: int) -> None:
    random = np.random.default_rng(3)
    found = [judge(sweep(PEAK, blocks=blocks, random=random)) for _ in range(100)]
    peaks = [one.peak for one in found if one.peak]
    assert len(peaks) >= 90
    assert all(peak.interval[0] <= 64 <= peak.interval[1] for peak in peaks)
    assert sum(peak.first_minimum_at == 16 for peak in peaks) >= 90
    assert all(one.peak_at_interpolation for one in found if one.peak)


def test_least_squares_on_random_features_peaks_where_it_begins_to_interpolate() -> None:
    widths = np.array([5, 10, 20, 30, 40, 50, 80, 160, 320])
    test, train = np.empty((9, 8)), np.empty((9, 8))
    for block in range(8):
        random = np.random.default_rng(block)
        x = random.normal(0, 1, (540, 10)) / np.sqrt(10)
        y = x.sum(axis=1) + random.normal(0, 0.5, 540)
        hidden = np.maximum(x @ random.normal(0, 1, (10, 320)), 0)
        for i, width in enumerate(widths):
            features = hidden[:, :width]
            fitted = features @ np.linalg.lstsq(features[:40], y[:40], rcond=None)[0]  # the least of all that fit
            train[i, block] = np.mean((fitted[:40] - y[:40]) ** 2)
            test[i, block] = np.log10(np.mean((fitted[40:] - y[40:]) ** 2))  # the noise of the error itself is skewed
    found = judge_sweep(widths, test, train, metric="log error", threshold=1e-6, user_size=320)
    assert found.shape == "peak"
    assert found.peak is not None
    assert found.peak.interval[0] <= 40 <= found.peak.interval[1]
    assert found.interpolation.at == 40
    assert found.peak_at_interpolation is True
    assert found.side == "after"


def test_the_interval_of_a_blurred_peak_holds_the_true_one() -> None:
    random = np.random.default_rng(4)
    blurred = np.array([0.40, 0.30, 0.24, 0.36, 0.37, 0.38, 0.22, 0.18, 0.16])
    peaks = [judge(sweep(blurred, noise=0.02, random=random)).peak for _ in range(200)]
    found = [peak for peak in peaks if peak]
    assert len(found) > 150
    assert np.mean([peak.interval[0] <= 128 <= peak.interval[1] for peak in found]) >= 0.95
    assert np.mean([peak.at == 128 for peak in found]) < 0.9  # so the interval is needed
    assert len({peak.interval for peak in found}) > 1


def test_intervals_hold_for_all_pairs_at_once() -> None:
    random = np.random.default_rng(5)
    simulations = 300
    truth = PEAK[None, :] - PEAK[:, None]
    missed = 0
    for _ in range(simulations):
        found = compare_pairs(sweep(PEAK, random=random), 0.05)
        missed += bool((np.abs(found.difference - truth) > found.critical * found.error).any())
    assert missed / simulations <= highest_share(simulations)


def test_the_second_minimum_is_compared_with_the_first() -> None:
    deeper = judge(sweep(PEAK)).peak
    assert deeper is not None
    assert deeper.second_is_better is True
    assert deeper.second_minus_first.mean == pytest.approx(-0.08, abs=0.02)
    assert deeper.second_minus_first.interval[1] < 0
    worse = judge(sweep(np.array([0.40, 0.20, 0.10, 0.28, 0.48, 0.40, 0.35, 0.32, 0.30]))).peak
    assert worse is not None
    assert worse.second_is_better is False
    same = judge(sweep(np.array([0.40, 0.30, 0.20, 0.28, 0.48, 0.35, 0.28, 0.24, 0.20]))).peak
    assert same is not None
    assert same.second_is_better is None
    assert same.second_minus_first.interval[0] < 0 < same.second_minus_first.interval[1]


@pytest.mark.parametrize(
    ("means", "shape", "words"),
    [
        (SHAPES["flat"], "flat", "no two sizes differ"),
        (np.linspace(0.6, 0.1, 9), "falling", "It still falls at the end, width 1024"),
        (np.geomspace(0.1, 0.6, 9), "rising", "The lowest mean is at width 4."),
        (np.array([0.6, 0.5, 0.4, 0.3, 0.2, 0.3, 0.4, 0.5, 0.6]), "u_shape", "No second descent"),
        (PEAK, "peak", "Double descent"),
    ],
)
def test_each_shape_has_its_name_and_its_advice(means: Array, shape: str, words: str) -> None:
    found = judge(sweep(means))
    assert found.shape == shape
    assert words in found.sentence
    assert (found.peak is not None) == (shape == "peak")
    assert (found.p_value <= 0.05) == (shape == "peak")
    if shape != "peak":
        assert found.peak_at_interpolation is None
        assert f"less than about {found.detectable:.2g} would count as noise" in found.sentence


def test_sizes_that_are_not_told_from_the_best_leave_the_cheapest_of_them() -> None:
    means = SHAPES["falling to a plateau"] - 0.012 * (SIZES == 128)
    plateau = judge(sweep(means))
    assert plateau.cheapest_as_good == 32
    assert "The lowest mean is at width 128, from which 32 is not told apart: take the cheaper one" in plateau.sentence
    assert judge(sweep(SHAPES["flat"])).cheapest_as_good == 4
    assert judge(sweep(np.linspace(0.6, 0.1, 9))).cheapest_as_good == 1024


@pytest.mark.parametrize(
    ("user_size", "side", "words"),
    [
        (8.0, "before", "somewhat larger is worse"),
        (64.0, "at", "the worst place: go towards 1024, or regularize more"),
        (1024.0, "after", "do not shrink it into the peak"),
    ],
)
def test_the_users_model_is_placed_against_the_peak(user_size: float, side: str, words: str) -> None:
    found = judge(sweep(PEAK), user_size=user_size)
    assert found.side == side
    assert words in found.sentence


def test_without_a_peak_the_user_is_on_no_side() -> None:
    assert judge(sweep(SHAPES["flat"]), user_size=64).side is None


def test_epochs_and_training_sizes_have_their_own_advice() -> None:
    epochs = judge(sweep(PEAK), axis="epochs", user_size=16)
    assert "stop near 16, or go on past" in epochs.sentence
    train = np.repeat(np.array([0.0, 0, 0, 0, 0, 0.05, 0.1, 0.15, 0.2])[:, None], 8, axis=1)
    data = judge_sweep(SIZES, sweep(PEAK), train, axis="training_size", user_size=16)
    assert data.interpolation.at == 64  # the most data that is still fitted
    assert data.interpolation.interval == (64, 128)
    assert data.peak_at_interpolation is True
    assert "Interpolation (a train error of at most 0.01) ends at training size 64" in data.sentence
    assert "somewhat more data hurts" in data.sentence


def test_interpolation_begins_where_half_of_the_blocks_fit() -> None:
    train = np.repeat(TRAIN[:, None], 8, axis=1)
    train[3, :2] = 0.0  # two blocks fit earlier
    train[4, 7] = 0.2  # one later
    found = judge_sweep(SIZES, sweep(PEAK), train).interpolation
    assert found.at == 64
    assert found.interval == (16, 128)
    assert found.blocks_fitted == 8
    assert found.coverage == pytest.approx(1 - 2 * stats.binom.pmf(0, 8, 0.5))


def test_a_sweep_that_never_interpolates_says_so() -> None:
    found = judge_sweep(SIZES, sweep(PEAK), np.full((9, 8), 0.2))
    assert found.interpolation.at is None
    assert found.interpolation.interval == (1024, None)
    assert found.peak_at_interpolation is None
    assert "Only 0 of 8 blocks reach a train error of at most 0.01" in found.sentence


def test_a_sweep_that_interpolates_from_the_start_has_an_open_end() -> None:
    found = judge_sweep(SIZES, sweep(PEAK), np.zeros((9, 8)))
    assert found.interpolation.interval == (None, 4)
    assert found.peak_at_interpolation is False
    assert "away from the peak" in found.sentence


def test_label_noise_explains_a_peak_or_makes_its_absence_doubtful() -> None:
    assert "With 20 % label noise a peak is expected" in judge(sweep(PEAK), label_noise=0.2).sentence
    assert "would be no surprise" in judge(sweep(SHAPES["flat"]), label_noise=0.2).sentence
    assert "label noise" not in judge(sweep(SHAPES["flat"]), label_noise=0.0).sentence


GOOD = sweep(PEAK)
LEVEL = np.full((9, 8), 0.1)
HOLE = np.where(np.arange(72).reshape(9, 8) == 21, np.nan, GOOD)


@pytest.mark.parametrize(
    ("sizes", "test", "train", "options", "message"),
    [
        (SIZES[:4], GOOD[:4], LEVEL[:4], {}, "5 to 200 sizes but got 4"),
        (SIZES[::-1], GOOD, LEVEL, {}, "sort them"),
        (SIZES, GOOD[:8], LEVEL, {}, r"test has the shape \(8, 8\) but the sweep has 9 sizes"),
        (SIZES, GOOD, LEVEL[:, :3], {}, r"train_error has the shape \(9, 3\)"),
        (SIZES, GOOD[:, :2], LEVEL[:, :2], {}, "with 2 blocks; train every size in at least 3"),
        (SIZES, HOLE, LEVEL, {}, "1 values that are not finite, the first nan at size 16 in block 5"),
        (SIZES, GOOD, HOLE, {}, "train_error holds 1 values"),
        (SIZES, np.repeat(PEAK[:, None], 8, axis=1), LEVEL, {}, "its own seed"),
        (SIZES, GOOD, LEVEL, {"label_noise": 20}, "give 0.2 for 20 %"),
        (SIZES, GOOD, LEVEL, {"user_size": -1}, "user_size is a positive size but got -1"),
        (SIZES, GOOD, LEVEL, {"alpha": 0.001}, "0.0078, the finest that 8 blocks resolve"),
        (SIZES, GOOD, LEVEL, {"threshold": -0.1}, "at least 0 but got -0.1"),
    ],
)
def test_what_is_no_sweep_is_refused_with_the_next_step(
    sizes: Array, test: Array, train: Array, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(AdvisorError, match=message):
        judge_sweep(sizes, test, train, **options)


def test_what_a_block_does_to_all_sizes_changes_nothing() -> None:
    test = sweep(PEAK)
    moved = judge(test + np.random.default_rng(6).normal(0, 5, 8))
    first, second = judge(test).peak, moved.peak
    assert first is not None
    assert second is not None
    assert second.interval == first.interval
    assert second.rise.mean == pytest.approx(first.rise.mean)
    assert second.rise.interval == pytest.approx(first.rise.interval)


@pytest.mark.parametrize("blocks", [3, 8, 14])
def test_results_are_the_same_bits_and_survive_json(blocks: int) -> None:
    test = sweep(PEAK, blocks=blocks)
    found = judge(test, user_size=64, label_noise=0.1)
    assert found.shape == "peak"
    assert found.id == judge(test.copy(), user_size=64, label_noise=0.1).id
    assert DoubleDescent.model_validate(json.loads(found.model_dump_json())) == found
