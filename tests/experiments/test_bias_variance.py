"""Bias and variance against their definitions, against exact truths, and the coverage of the intervals."""

import json
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special, stats

from advisor.errors import AdvisorError
from advisor.experiments.bias_variance import (
    BiasVarianceCurve,
    Decomposition,
    Estimate,
    ZeroOne,
    advice,
    cross_entropy,
    curve,
    label_noise_entropy,
    squared,
    zero_one,
)

Array = NDArray[np.float64]


def draw_logs(seed: int, *shape: int, scale: float = 1.0) -> Array:
    logits = np.random.default_rng(seed).normal(0, scale, shape)
    result: Array = special.log_softmax(logits, axis=-1)
    return result


def covers(estimate: Estimate, truth: float) -> bool:
    return estimate.interval[0] <= truth <= estimate.interval[1]


def lowest_coverage(simulations: int, level: float = 0.95) -> float:
    """Three Monte-Carlo standard errors below the level."""
    return level - 3 * math.sqrt(level * (1 - level) / simulations)


@pytest.mark.parametrize("soft", [False, True])
def test_risk_is_noise_plus_bias_plus_variance_corrected_or_not(soft: bool) -> None:
    logs = draw_logs(1, 2, 4, 30, 5)
    targets: Any = np.exp(draw_logs(2, 30, 5)) if soft else np.arange(30) % 5
    found = cross_entropy(logs, targets)
    assert found.risk.value == pytest.approx(found.noise + found.bias.value + found.variance.value, rel=1e-12)
    assert found.risk.value == pytest.approx(found.noise + found.uncorrected_bias + found.uncorrected_variance)
    assert (found.noise > 0) == soft
    assert found.lead.value == pytest.approx(found.variance.value - found.bias.value)


def test_uncorrected_terms_are_the_divergences_of_the_definition() -> None:
    logs, shares = draw_logs(3, 5, 12, 4), np.exp(draw_logs(4, 12, 4))
    average = np.exp(logs.mean(axis=0))
    average /= average.sum(axis=1, keepdims=True)
    found = cross_entropy(logs, shares)
    assert found.uncorrected_bias == pytest.approx(special.rel_entr(shares, average).sum(axis=1).mean())
    assert found.uncorrected_variance == pytest.approx(special.rel_entr(average, np.exp(logs)).sum(axis=2).mean())
    assert found.noise == pytest.approx(np.mean([stats.entropy(row) for row in shares]))


def test_the_corrected_variance_is_the_textbook_jackknife_of_each_group() -> None:
    logs = draw_logs(5, 2, 4, 9, 3)

    def plug_in(group: Array) -> float:
        return float(-special.logsumexp(group.mean(axis=0), axis=1).mean())

    pseudo = [[4 * plug_in(group) - 3 * plug_in(np.delete(group, r, axis=0)) for r in range(4)] for group in logs]
    found = cross_entropy(logs, np.zeros(9, dtype=int))
    assert found.variance.value == pytest.approx(np.mean(pseudo))


def test_squared_loss_gives_the_unbiased_variance_of_disjoint_splits() -> None:
    random = np.random.default_rng(6)
    values, targets = random.normal(0, 1, (3, 4, 20)), random.normal(0, 1, 20)
    found = squared(values, targets)
    assert found.variance.value == pytest.approx(np.var(values, axis=1, ddof=1).mean())
    assert found.risk.value == pytest.approx(np.mean((values - targets) ** 2))
    assert found.bias.value == pytest.approx(found.risk.value - found.variance.value)
    outputs = squared(values[..., None], targets[:, None])
    assert outputs == found


@pytest.mark.parametrize("splits", [3, 5])
def test_the_correction_brings_cross_entropy_nearer_to_the_exact_truth(splits: int) -> None:
    # A network is one of two with probability 1/2, so that truth and expectations can be written out.
    kinds = draw_logs(7, 2, 6, 3, scale=2.0)
    targets = np.array([0, 1, 2, 0, 1, 2])
    truth = float(-special.logsumexp(kinds.mean(axis=0), axis=1).mean())
    corrected = uncorrected = 0.0
    for firsts in range(splits + 1):
        found = cross_entropy(kinds[[0] * firsts + [1] * (splits - firsts)], targets)
        chance = stats.binom.pmf(firsts, splits, 0.5)
        corrected += chance * found.variance.value
        uncorrected += chance * found.uncorrected_variance
    assert uncorrected < truth
    assert abs(corrected - truth) < 0.5 * abs(uncorrected - truth)


def test_the_correction_makes_squared_loss_exactly_unbiased() -> None:
    kinds = np.array([[0.0, 1.0, 5.0], [2.0, -1.0, 4.0]])
    targets = np.array([1.0, 1.0, 1.0])
    truth_variance = float(np.var(kinds, axis=0).mean())
    truth_bias = float(((kinds.mean(axis=0) - targets) ** 2).mean())
    variance = bias = uncorrected = 0.0
    for firsts in range(4):
        found = squared(kinds[[0] * firsts + [1] * (3 - firsts)], targets)
        chance = stats.binom.pmf(firsts, 3, 0.5)
        variance += chance * found.variance.value
        bias += chance * found.bias.value
        uncorrected += chance * found.uncorrected_variance
    assert variance == pytest.approx(truth_variance)
    assert bias == pytest.approx(truth_bias)
    assert uncorrected == pytest.approx(truth_variance * 2 / 3)


def test_intervals_for_cross_entropy_cover_the_truth() -> None:
    random = np.random.default_rng(8)
    simulations, features, classes = 200, 4, 3
    best = random.normal(0, 0.5, (features, classes))

    def sample(networks: int, examples: int) -> tuple[Array, NDArray[np.int64]]:
        """Linear networks whose weights scatter around 0.7 times the best ones, and labels drawn from the best."""
        x = random.normal(0, 1, (examples, features))
        weights = 0.7 * best + random.normal(0, 0.6, (networks, features, classes))
        logs: Array = special.log_softmax(x @ weights, axis=-1)
        return logs, (x @ best + random.gumbel(size=(examples, classes))).argmax(axis=1)

    truth = cross_entropy(*sample(500, 4000))
    drawn = [sample(5, 60) for _ in range(simulations)]
    found = [cross_entropy(*one) for one in drawn]
    for name in ("risk", "bias", "variance", "lead"):
        share = np.mean([covers(getattr(one, name), getattr(truth, name).value) for one in found])
        assert share >= lowest_coverage(simulations), name
    # An interval over test examples alone misses the truth far more often, so that the check above can fail.
    plug_in = [-special.logsumexp(logs.mean(axis=0), axis=1) * 5 / 4 for logs, _ in drawn]
    reach = [abs(one.mean() - truth.variance.value) / (one.std(ddof=1) / math.sqrt(60)) for one in plug_in]
    assert np.mean(np.array(reach) <= stats.t.ppf(0.975, 59)) < lowest_coverage(simulations)


@pytest.mark.parametrize(("groups", "splits"), [(1, 3), (1, 5), (3, 4), (3, 2)])
def test_intervals_cover_the_truth_where_groups_cut_one_pool_again(groups: int, splits: int) -> None:
    random = np.random.default_rng(9)
    simulations, size, features = 200, 20, 5

    def world(count: int) -> tuple[Array, Array]:
        x = random.normal(0, 1, (count, features))
        return x, x.sum(axis=1) + 0.7 * np.cos(2 * x[:, 0]) + random.normal(0, 0.5, count)

    def fit(x: Array, y: Array) -> Any:
        """Ridge regression on each training sample, (..., size, features)."""
        moments = np.swapaxes(x, -1, -2) @ x + 0.5 * np.eye(features)
        return np.linalg.solve(moments, np.swapaxes(x, -1, -2) @ y[..., None])[..., 0]

    many_x, many_y = world(800 * size)
    test_x, test_y = world(10_000)
    truth = squared(fit(many_x.reshape(800, size, features), many_y.reshape(800, size)) @ test_x.T, test_y)
    covered = {"risk": 0, "bias": 0, "variance": 0, "lead": 0}
    for _ in range(simulations):
        pool_x, pool_y = world(splits * size)
        cuts = np.stack([random.permutation(splits * size).reshape(splits, size) for _ in range(groups)])
        test_x, test_y = world(60)
        found = squared(fit(pool_x[cuts], pool_y[cuts]) @ test_x.T, test_y)
        for name in covered:
            covered[name] += covers(getattr(found, name), getattr(truth, name).value)
    assert min(covered.values()) / simulations >= lowest_coverage(simulations), covered


@pytest.mark.parametrize("groups", [1, 2])
def test_two_splits_in_few_groups_say_nothing_about_other_samples(groups: int) -> None:
    found = cross_entropy(draw_logs(10, groups, 2, 50, 3, scale=3.0), np.zeros(50, dtype=int))
    assert found.covers == "test examples"
    assert advice(found).dominant == "undecided"
    assert "at least 3" in advice(found).sentence


def test_error_shares_have_intervals_that_cover_and_never_shrink_to_a_point() -> None:
    random = np.random.default_rng(20)
    hits = 0
    for _ in range(300):
        wrong = random.random(60) < 0.05  # the same answers of 3 networks
        answers = np.repeat(np.eye(2)[wrong.astype(int)][None], 3, axis=0)
        found = zero_one(np.log(0.05 + 0.9 * answers), np.zeros(60, dtype=int))
        assert found.bias.interval[0] < found.bias.interval[1]
        hits += covers(found.bias, 0.05)
    assert hits / 300 >= lowest_coverage(300)


def noisy_networks(spread: float, offset: float, *, seed: int = 11) -> Decomposition:
    random = np.random.default_rng(seed)
    targets = random.normal(0, 1, 200)
    return squared(targets + offset + random.normal(0, spread, (1, 5, 200)), targets)


def test_advice_names_what_dominates_and_what_acts_on_it() -> None:
    scattered, shifted = noisy_networks(1.0, 0.1), noisy_networks(0.1, 1.0)
    assert advice(scattered).dominant == "variance"
    assert "ensemble" in advice(scattered).sentence
    assert f"{scattered.variance.value:.3g}" in advice(scattered).sentence
    assert advice(shifted).dominant == "bias"
    assert "larger model" in advice(shifted).sentence
    assert "1 group of 5 disjoint samples, 200 examples" in advice(shifted).sentence


def test_advice_does_not_decide_where_the_interval_holds_0() -> None:
    even = noisy_networks(1.0, 1.0)
    assert covers(even.lead, 0.0)
    assert advice(even).dominant == "undecided"
    assert "holds 0" in advice(even).sentence


def test_known_noise_is_taken_out_of_the_bias() -> None:
    random = np.random.default_rng(12)
    truth = random.normal(0, 1, 400)
    values = truth + random.normal(0, 0.3, (2, 5, 400))
    found = squared(values, truth + random.normal(0, 1.0, 400))
    assert advice(found).dominant == "bias"  # one label an example cannot tell noise from bias
    assert "If the labels are noisy" in advice(found).sentence
    assert advice(found, noise=1.0).dominant == "noise"
    with pytest.raises(AdvisorError, match="A noise of 5 is not between 0 and"):
        advice(found, noise=5.0)


def test_noise_of_labels_is_the_entropy_of_what_a_label_may_be() -> None:
    assert label_noise_entropy(0.2, 5) == pytest.approx(stats.entropy([0.8, 0.05, 0.05, 0.05, 0.05]))
    assert label_noise_entropy(0.0, 2) == 0.0
    with pytest.raises(AdvisorError, match=r"1\.5"):
        label_noise_entropy(1.5, 5)


@pytest.mark.parametrize("classes", [2, 4])
def test_zero_one_terms_follow_the_main_prediction(classes: int) -> None:
    logs, labels = draw_logs(13, 7, 60, classes), np.random.default_rng(14).integers(0, classes, 60)
    found = zero_one(logs, labels)
    bias = unbiased = biased = variance = 0.0
    for answers, scores, label in zip(logs.argmax(axis=2).T, logs.mean(axis=0), labels, strict=True):
        counts = np.bincount(answers, minlength=classes)
        top = np.flatnonzero(counts == counts.max())
        main = top[scores[top].argmax()]
        differ = float(np.mean(answers != main))
        variance += differ / 60
        bias += (main != label) / 60
        unbiased += differ / 60 if main == label else 0.0
        biased += float(np.mean(answers == label)) / 60 if main != label else 0.0
    assert found.bias.value == pytest.approx(bias)
    assert found.variance.value == pytest.approx(variance)
    assert found.unbiased_variance.value == pytest.approx(unbiased)
    assert found.biased_variance.value == pytest.approx(biased)
    assert found.risk.value == pytest.approx(bias + unbiased - biased)
    assert found.risk.value == pytest.approx(np.mean(logs.argmax(axis=2) != labels))
    if classes == 2:
        assert found.variance.value == pytest.approx(unbiased + biased)


def test_ties_of_the_main_prediction_go_to_the_more_probable_class() -> None:
    logs = np.log([[[0.9, 0.1], [0.6, 0.4]], [[0.4, 0.6], [0.1, 0.9]]])  # (2 runs, 2 examples, 2 classes)
    found = zero_one(logs, np.array([0, 1]))
    assert found.bias.value == 0.0
    assert found.unbiased_variance.value == 0.5


def test_a_curve_tells_from_where_variance_leads() -> None:
    random = np.random.default_rng(15)
    targets = random.normal(0, 1, 150)

    def at(epoch: float) -> tuple[float, Array]:
        return epoch, targets * epoch / 4 + random.normal(0, epoch / 4, (1, 5, 150))

    found = curve([at(4), at(1), at(2), at(3)], targets, loss="squared")
    assert [point.at for point in found.points] == [1, 2, 3, 4]
    assert found.most_variance_at == 4
    assert found.variance_leads_from == 3
    risks = {point.at: point.decomposition.risk.value for point in found.points}
    assert found.lowest_risk_at == min(risks, key=lambda epoch: risks[epoch])


def test_a_curve_names_the_place_that_is_wrong() -> None:
    good, bad = draw_logs(16, 3, 5, 2), draw_logs(16, 3, 5, 2)
    bad[0, 0, 0] = -np.inf
    with pytest.raises(AdvisorError, match=r"At width 64: .*the first -inf at"):
        curve([(32, good), (64, bad)], np.zeros(5, dtype=int), unit="width")
    with pytest.raises(AdvisorError, match="got 0"):
        curve([], np.zeros(5, dtype=int))


LABELS = np.zeros(4, dtype=int)


@pytest.mark.parametrize(
    ("logs", "targets", "message"),
    [
        (draw_logs(17, 1, 4, 2), LABELS, "at least 2 splits"),
        (draw_logs(17, 3, 1, 2), LABELS[:1], "2 examples"),
        (draw_logs(17, 4, 2), LABELS, "2 axes but need 4"),
        (np.exp(draw_logs(17, 3, 4, 2)), LABELS, "log_softmax"),
        (draw_logs(17, 3, 4, 2), LABELS + 2, "0 to 1"),
        (draw_logs(17, 3, 4, 2), LABELS + 0.5, "whole class ids"),
        (draw_logs(17, 3, 4, 2), LABELS[:3], r"\(4,\)"),
        (draw_logs(17, 3, 4, 2), np.full((4, 2), 0.7), "a sum is off by 0.4"),
    ],
)
def test_what_is_no_set_of_networks_is_refused_with_the_next_step(logs: Array, targets: Any, message: str) -> None:
    with pytest.raises(AdvisorError, match=message):
        cross_entropy(logs, targets)


def test_equal_networks_have_no_variance() -> None:
    logs = np.repeat(draw_logs(18, 1, 10, 3), 4, axis=0)
    found = cross_entropy(logs, np.arange(10) % 3)
    assert found.variance.value == pytest.approx(0.0, abs=1e-12)
    assert found.bias.value == pytest.approx(found.risk.value)
    assert advice(found).dominant == "bias"


def test_results_are_the_same_bits_and_survive_json() -> None:
    logs, labels = draw_logs(19, 2, 3, 8, 3), np.arange(8) % 3
    found = cross_entropy(logs, labels)
    assert found.id == cross_entropy(logs.copy(), labels).id
    assert Decomposition.model_validate(json.loads(found.model_dump_json())) == found
    errors = zero_one(logs, labels)
    assert ZeroOne.model_validate(json.loads(errors.model_dump_json())) == errors
    whole = curve([(1, logs)], labels)
    assert BiasVarianceCurve.model_validate(json.loads(whole.model_dump_json())) == whole
