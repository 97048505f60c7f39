"""Unpaired differences, chances on new runs and the number of runs: against scipy, and their error rates."""

import numpy as np
import pytest
from scipy import integrate, stats

from advisor.experiments.existing.power import chance_positive, noncentral_cdf, pairs_needed, runs_needed
from advisor.experiments.existing.unpaired import difference_of_means


def test_welchs_interval_agrees_with_scipy() -> None:
    random = np.random.default_rng(3)
    a, b = random.normal(0, 1, 4), random.normal(1, 3, 9)
    ours = difference_of_means(a.tolist(), b.tolist())
    reference = stats.ttest_ind(b, a, equal_var=False)
    assert ours.interval == pytest.approx(tuple(reference.confidence_interval(0.95)))
    assert ours.p_value == pytest.approx(reference.pvalue)
    assert ours.degrees == pytest.approx(reference.df)


def test_a_side_without_spread_leaves_the_other_ones_degrees_of_freedom() -> None:
    ours = difference_of_means([1.0, 1.0, 1.0], [2.0, 2.5, 3.5])
    assert ours.degrees == pytest.approx(2)
    assert difference_of_means([1.0, 1.0], [2.0, 2.0]).interval is None
    assert difference_of_means([0.1 + 0.2] * 3, [0.3] * 3).interval is None  # differ by rounding alone


@pytest.mark.parametrize("degrees", [1.0, 2.0, 4.7, 30.0])
@pytest.mark.parametrize("center", [-2.0, 0.0, 3.0])
def test_the_noncentral_t_distribution_agrees_with_scipy(degrees: float, center: float) -> None:
    for t in (-3.0, 0.0, 0.5, 2.5, 15.0):
        assert noncentral_cdf(t, degrees, center) == pytest.approx(stats.nct.cdf(t, degrees, center), abs=1e-3)


def test_the_noncentral_t_distribution_is_right_where_scipys_gives_up() -> None:
    def weighted(s: float) -> float:
        return float(stats.norm.cdf(15.0 * s - 40.0) * stats.chi.pdf(s * np.sqrt(2), 2) * np.sqrt(2))

    expected = integrate.quad(weighted, 0, 8)[0]
    assert noncentral_cdf(15.0, 2.0, 40.0) == pytest.approx(expected, abs=1e-3)


def test_a_huge_t_statistic_gives_a_chance_and_no_warning() -> None:
    chance, (low, high) = chance_positive(1.0, 1e-7, 1.0, 1.4e-7)
    assert chance == pytest.approx(1.0)
    assert 0.99 < low <= high <= 1.0


@pytest.mark.parametrize(("n", "paired"), [(3, False), (8, True)])
def test_the_interval_of_the_chance_holds_the_true_one_as_often_as_it_says(n: int, paired: bool) -> None:
    random = np.random.default_rng(n)
    repeats, hits = 200, 0
    truth = stats.norm.cdf(0.5 / np.sqrt(2))
    for _ in range(repeats):
        a, b = random.normal(0, 1, n), random.normal(0.5, 1, n)
        if paired:
            sd = float((b - a).std(ddof=1))
            _, (low, high) = chance_positive(float((b - a).mean()), sd / np.sqrt(n), n - 1, sd)
        else:
            found = difference_of_means(a.tolist(), b.tolist())
            _, (low, high) = chance_positive(found.value, found.standard_error, found.degrees, found.new_sd)
        hits += low <= truth <= high
    agreement = stats.binomtest(hits, repeats, 0.95)
    assert agreement.pvalue > 0.001 or hits / repeats > 0.95, f"{hits} of {repeats}"


def test_ten_pairs_find_one_deviation_and_thirty_four_half_of_one() -> None:
    assert pairs_needed(1.0, 1.0) == 10
    assert pairs_needed(0.5, 1.0) == 34
    assert pairs_needed(0.001, 1.0) is None


def test_seventeen_runs_a_side_find_one_deviation_and_sixty_four_half_of_one() -> None:
    assert runs_needed(1.0, 1.0, 1.0) == 17
    assert runs_needed(0.5, 1.0, 1.0) == 64


def test_the_planned_number_of_runs_has_the_power_that_it_promises() -> None:
    random = np.random.default_rng(5)
    n = runs_needed(1.0, 0.5, 1.2)
    assert n is not None
    a, b = random.normal(0, 0.5, (4000, n)), random.normal(1.0, 1.2, (4000, n))
    found = int((stats.ttest_ind(b, a, axis=1, equal_var=False).pvalue < 0.05).sum())
    low, high = stats.binomtest(found, 4000).proportion_ci(0.999)
    assert low <= 0.8 + 0.04
    assert high >= 0.8
