"""Claims about splits and about the statistics of comparing runs, by simulation."""

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold, KFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.neural_network import MLPClassifier

from advisor.experiments.statistics import compare

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# Splits


def test_features_selected_before_the_split_make_noise_predictable() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(60, 2000)), np.repeat([0, 1], 30)

    def select(rows: np.ndarray) -> np.ndarray:
        """The twenty features whose class means differ most among these rows."""
        difference = x[rows][y[rows] == 1].mean(0) - x[rows][y[rows] == 0].mean(0)
        return np.argsort(-np.abs(difference))[:20]

    everything = select(np.arange(60))
    before, inside = [], []
    for train, test in KFold(5, shuffle=True, random_state=0).split(x):
        for features, scores in ((everything, before), (select(train), inside)):
            model = LogisticRegression().fit(x[np.ix_(train, features)], y[train])
            scores.append(model.score(x[np.ix_(test, features)], y[test]))
    assert np.mean(before) > 0.85
    assert np.mean(inside) < 0.75


def test_a_random_split_of_grouped_data_is_optimistic() -> None:
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 10)
    y = generator.integers(2, size=40)[groups]  # a label a person, which nothing predicts
    x = generator.normal(size=(40, 5))[groups] + 0.2 * generator.normal(size=(400, 5))
    model = KNeighborsClassifier(1)
    assert cross_val_score(model, x, y, cv=KFold(5, shuffle=True, random_state=0)).mean() > 0.95
    assert cross_val_score(model, x, y, cv=GroupKFold(5), groups=groups).mean() < 0.65


def test_duplicates_across_splits_reward_memorization() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(300, 8))
    y = (x[:, 0] + 1.5 * generator.normal(size=300) > 0).astype(int)
    memorizer, smooth = KNeighborsClassifier(1).fit(x, y), KNeighborsClassifier(41).fit(x, y)
    fresh = generator.normal(size=(1000, 8))
    truth = (fresh[:, 0] + 1.5 * generator.normal(size=1000) > 0).astype(int)
    mixed = np.vstack([x[:200] + 0.01, fresh[:200]]), np.concatenate([y[:200], truth[:200]])  # half near-duplicates
    assert memorizer.score(*mixed) > smooth.score(*mixed)
    assert memorizer.score(fresh, truth) < smooth.score(fresh, truth)


def test_a_classifier_tells_shifted_splits_apart_and_equal_ones_not() -> None:
    generator = np.random.default_rng(0)
    origin = np.repeat([0, 1], 300)
    equal = generator.normal(size=(600, 5))
    shifted = equal + np.outer(origin, [0, 0, 1.5, 0, 0])
    area = [cross_val_score(LogisticRegression(), x, origin, cv=KFold(5, shuffle=True, random_state=0),
                            scoring="roc_auc").mean() for x in (equal, shifted)]  # fmt: skip
    assert area[0] < 0.6
    assert area[1] > 0.8
    assert np.abs(LogisticRegression().fit(shifted, origin).coef_[0]).argmax() == 2


# Comparing runs


def test_the_best_of_many_noisy_epochs_is_optimistic() -> None:
    generator = np.random.default_rng(0)
    seen = 0.9 + 0.01 * generator.normal(size=(500, 100))  # the true accuracy never moves
    best = seen.max(axis=1).mean() - 0.9
    assert best > 0.02
    assert best > 1.3 * (seen[:, :10].max(axis=1).mean() - 0.9)  # the more epochs, the more luck


def test_more_tuning_wins_between_equals() -> None:
    generator = np.random.default_rng(0)
    tuned = generator.normal(size=(2000, 20)).max(axis=1)
    untuned = generator.normal(size=2000)
    assert (tuned > untuned).mean() > 0.9
    assert (generator.normal(size=(2000, 20)).max(axis=1) > tuned).mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("load", [load_digits, load_breast_cancer])
def test_nll_tells_arms_apart_with_fewer_runs_than_accuracy(load) -> None:  # type: ignore[no-untyped-def]
    data = load()
    x = (data.data - data.data.mean(0)) / (data.data.std(0) + 1e-9)
    nll, accuracy = [], []
    for seed in range(8):
        order = np.random.default_rng(seed).permutation(len(x))
        train, test = order[:200], order[200:500]
        weak, strong = (LogisticRegression(C=c, max_iter=60).fit(x[train], data.target[train]) for c in (1.0, 0.02))
        nll.append(log_loss(data.target[test], weak.predict_proba(x[test]), labels=weak.classes_)
                   - log_loss(data.target[test], strong.predict_proba(x[test]), labels=strong.classes_))  # fmt: skip
        accuracy.append(weak.score(x[test], data.target[test]) - strong.score(x[test], data.target[test]))

    def resolution(differences: list[float]) -> float:
        return float(abs(np.mean(differences)) / np.std(differences, ddof=1))

    assert resolution(nll) > 1.5 * resolution(accuracy)


def test_pairing_blocks_narrows_the_interval() -> None:
    data = load_digits()
    first, second = [], []
    for seed in range(12):
        order = np.random.default_rng(seed).permutation(len(data.target))
        train, test = order[:300], order[300:500]
        for c, scores in ((1.0, first), (0.3, second)):
            model = LogisticRegression(C=c, max_iter=50).fit(data.data[train] / 16, data.target[train])
            scores.append(model.score(data.data[test] / 16, data.target[test]))
    paired = np.var(np.subtract(first, second), ddof=1)
    unpaired = np.var(first, ddof=1) + np.var(second, ddof=1)
    assert paired < 0.7 * unpaired
    correlation = np.corrcoef(first, second)[0, 1]
    assert correlation > 0.3
    assert paired == pytest.approx((1 - correlation) * unpaired, rel=0.3)


@pytest.mark.parametrize(("n", "half"), [(3, 2.48), (5, 1.24), (10, 0.72)])
def test_a_t_interval_of_three_pairs_is_two_and_a_half_deviations_wide(n: int, half: float) -> None:
    generator = np.random.default_rng(0)
    covered, ratios = 0, []
    for _ in range(1000):
        differences = generator.normal(size=n)
        interval = compare(differences, metric="accuracy", alpha=0.05).interval
        assert interval is not None
        covered += interval[0] <= 0 <= interval[1]
        ratios.append((interval[1] - interval[0]) / 2 / np.std(differences, ddof=1))
    assert np.mean(ratios) == pytest.approx(half, abs=0.01)
    assert covered / 1000 == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(("effect", "n"), [(1.0, 10), (0.5, 34)])
def test_ten_pairs_see_one_deviation_and_thirty_four_see_half_of_one(effect: float, n: int) -> None:
    def power(pairs: int) -> float:
        differences = effect + np.random.default_rng(0).normal(size=(20_000, pairs))
        return float((stats.ttest_1samp(differences, 0, axis=1).pvalue < 0.05).mean())

    assert power(n) > 0.795
    assert power(n - 2) < 0.8


def test_test_set_size_limits_the_resolution_of_accuracy() -> None:
    generator = np.random.default_rng(0)
    for n, points in ((10_000, 0.3), (100, 3.0)):
        scatter = 100 * (generator.binomial(n, 0.9, size=4000) / n).std()
        assert scatter == pytest.approx(points, rel=0.05)


def test_one_of_twenty_null_arms_is_often_significant() -> None:
    p = stats.ttest_1samp(np.random.default_rng(0).normal(size=(2000, 20, 8)), 0, axis=2).pvalue
    assert (p.min(axis=1) < 0.05).mean() == pytest.approx(0.64, abs=0.03)
    assert (20 * p.min(axis=1) < 0.05).mean() < 0.065


def test_stopping_at_the_first_significant_look_raises_false_positives() -> None:
    differences = np.random.default_rng(0).normal(size=(1000, 40))
    stopped = np.zeros(1000, dtype=bool)
    for n in range(3, 41):
        stopped |= stats.ttest_1samp(differences[:, :n], 0, axis=1).pvalue < 0.05
    once = (stats.ttest_1samp(differences, 0, axis=1).pvalue < 0.05).mean()
    assert once == pytest.approx(0.05, abs=0.02)
    assert stopped.mean() > 4 * once


def test_a_plain_t_test_on_resampled_splits_is_too_sure() -> None:
    generator = np.random.default_rng(0)
    plain, corrected = [], []
    for _ in range(250):
        x = generator.normal(size=(60, 2))
        y = x.sum(axis=1) + generator.normal(size=60)
        differences = []
        for _ in range(15):
            order = generator.permutation(60)
            train, test = order[:45], order[45:]
            # Two models that are equally good by symmetry: one sees the first feature, one the second.
            slope = (x[train] * y[train, None]).sum(0) / (x[train] ** 2).sum(0)
            errors = ((y[test, None] - x[test] * slope) ** 2).mean(axis=0)
            differences.append(errors[0] - errors[1])
        plain.append(compare(differences, metric="mse", alpha=0.05).p_value)
        corrected.append(compare(differences, metric="mse", alpha=0.05, test_train_ratio=1 / 3).p_value)
    assert np.mean(np.less(plain, 0.05)) > 0.25
    assert np.mean(np.less(corrected, 0.05)) < 0.5 * np.mean(np.less(plain, 0.05))


def test_the_split_varies_results_more_than_the_initialisation() -> None:
    data = load_digits()

    def score(split: int, initialisation: int) -> float:
        order = np.random.default_rng(split).permutation(len(data.target))
        train, test = order[:150], order[150:450]
        model = MLPClassifier((32,), max_iter=40, learning_rate_init=0.01, random_state=initialisation)
        model.fit(data.data[train] / 16, data.target[train])
        return float(model.score(data.data[test] / 16, data.target[test]))

    by_split = [score(seed, 0) for seed in range(12)]
    by_initialisation = [score(0, seed) for seed in range(12)]
    assert np.std(by_split) > np.std(by_initialisation)


def test_a_reused_test_set_can_be_climbed_without_learning() -> None:
    generator = np.random.default_rng(0)
    n = 1000
    reused, fresh = generator.integers(2, size=n), generator.integers(2, size=n)  # labels are coin flips
    guesses_reused, guesses_fresh = (generator.integers(2, size=(500, n)) for _ in range(2))
    kept = (guesses_reused == reused).mean(axis=1) > 0.5
    vote_reused, vote_fresh = guesses_reused[kept].mean(0) > 0.5, guesses_fresh[kept].mean(0) > 0.5
    assert (vote_reused == reused).mean() > 0.62
    assert (vote_fresh == fresh).mean() < 0.55


def test_ece_of_calibrated_predictions_is_above_zero_and_falls_with_n() -> None:
    generator = np.random.default_rng(0)

    def ece(n: int, bins: int) -> float:
        confidence = generator.uniform(0.5, 1, size=n)
        right = generator.uniform(size=n) < confidence  # calibrated by construction
        index = np.minimum((confidence * bins).astype(int), bins - 1)
        return sum(abs((right[index == b] - confidence[index == b]).sum()) for b in range(bins)) / n

    small, large, many = (
        np.mean([ece(n, bins) for _ in range(30)]) for n, bins in ((200, 15), (20_000, 15), (200, 60))
    )
    assert small > 0.04
    assert large < 0.01
    assert many > 1.5 * small


def test_cross_validation_scatters_less_than_one_holdout() -> None:
    generator = np.random.default_rng(0)
    holdout, folds = [], []
    for _ in range(25):
        x = generator.normal(size=(200, 5))
        y = (x[:, 0] + generator.normal(size=200) > 0).astype(int)
        scores = cross_val_score(NearestCentroid(), x, y, cv=KFold(5))
        holdout.append(scores[0])
        folds.append(scores.mean())
    assert np.std(folds) < 0.7 * np.std(holdout)
