"""Metrics against scikit-learn and plain numpy, on random inputs and on degenerate ones."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from advisor.errors import AdvisorError
from advisor.experiments.spec import METRICS
from advisor.training.metrics import (
    TokenSums,
    adaptive_calibration_error,
    calibration_error,
    measure,
    metric_names,
    token_metrics,
    token_sums,
)
from advisor.training.metrics.catalogue import NEED_CORRUPTIONS
from advisor.training.metrics.fits import check_metric
from advisor.training.metrics.ranking import areas

SEEDS = st.integers(0, 10_000)
# How scores lie: free, on few values so that many tie, all equal, far out, and all of one sign.
SCORES = st.sampled_from(["free", "ties", "constant", "extreme", "certain"])


def draw_scores(random: np.random.Generator, form: str, shape: tuple[int, ...]) -> np.ndarray:
    scores = random.normal(size=shape) * 2
    if form == "ties":
        return np.round(scores)
    if form == "constant":
        return np.zeros(shape)
    if form == "extreme":
        return np.clip(scores * 12, -15, 15)  # beyond a gap of 36 scikit-learn clips the probabilities
    return np.abs(scores) if form == "certain" else scores


def quietly(function: Callable[..., Any], *arguments: Any, **settings: Any) -> float:
    """scikit-learn's value without its warnings about degenerate inputs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(function(*arguments, **settings))


def assert_equal(ours: dict[str, float], expected: dict[str, float]) -> None:
    for name, value in expected.items():
        assert ours[name] == pytest.approx(value, abs=1e-6, nan_ok=True), name


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(3, 7), st.integers(2, 60), st.integers(1, 7), SCORES)
def test_metrics_of_several_classes_agree_with_scikit_learn(seed, classes, examples, occurring, form):
    random = np.random.default_rng(seed)
    logits = draw_scores(random, form, (examples, classes))
    labels = random.integers(min(occurring, classes), size=examples)
    probabilities = torch.from_numpy(logits).log_softmax(1).exp().numpy()
    one_hot = np.eye(classes)[labels]
    predicted = logits.argmax(1)
    ours = measure(torch.from_numpy(logits), torch.from_numpy(labels), "class")
    assert_equal(
        ours,
        {
            "accuracy": reference.accuracy_score(labels, predicted),
            "balanced_accuracy": quietly(reference.balanced_accuracy_score, labels, predicted),
            "nll": reference.log_loss(labels, probabilities, labels=range(classes)),
            "brier": sum(reference.mean_squared_error(one_hot[:, k], probabilities[:, k]) for k in range(classes)),
            "f1": reference.f1_score(labels, predicted, average="macro"),
            "f1_macro": reference.f1_score(labels, predicted, average="macro"),
            "auroc": quietly(reference.roc_auc_score, labels, probabilities, multi_class="ovr", labels=range(classes)),
            "average_precision": quietly(reference.average_precision_score, one_hot, probabilities),
        },
    )


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(2, 60), st.sampled_from(["both", "only 0", "only 1"]), SCORES)
def test_of_two_classes_the_second_is_the_positive_one_as_in_scikit_learn(seed, examples, occurring, form):
    random = np.random.default_rng(seed)
    logits = draw_scores(random, form, (examples, 2))
    labels = random.integers(2, size=examples) if occurring == "both" else np.full(examples, occurring == "only 1") + 0
    probabilities = torch.from_numpy(logits).log_softmax(1).exp().numpy()
    score = probabilities[:, 1]
    predicted = logits.argmax(1)
    ours = measure(torch.from_numpy(logits), torch.from_numpy(labels), "class")
    assert_equal(
        ours,
        {
            "balanced_accuracy": quietly(reference.balanced_accuracy_score, labels, predicted),
            "f1": quietly(reference.f1_score, labels, predicted),
            "f1_macro": quietly(reference.f1_score, labels, predicted, average="macro"),
            "auroc": quietly(reference.roc_auc_score, labels, score),
            "average_precision": quietly(reference.average_precision_score, labels, score),
            "nll": reference.log_loss(labels, probabilities, labels=[0, 1]),
            "brier": 2 * reference.brier_score_loss(labels, score, labels=[0, 1]),
        },
    )


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(2, 6), st.integers(2, 60), st.sampled_from(["none", "empty", "full"]), SCORES)
def test_metrics_of_label_sets_agree_with_scikit_learn(seed, labels, examples, column, form):
    random = np.random.default_rng(seed)
    logits = draw_scores(random, form, (examples, labels))
    actual = random.integers(2, size=(examples, labels))
    if column != "none":
        actual[:, 0] = column == "full"
    probabilities = torch.from_numpy(logits).sigmoid().numpy()
    predicted = (logits > 0).astype(int)
    ours = measure(torch.from_numpy(logits), torch.from_numpy(actual).float(), "multilabel")
    flat = np.stack([torch.from_numpy(-logits).sigmoid().numpy().ravel(), probabilities.ravel()], 1)
    assert_equal(
        ours,
        {
            "accuracy": reference.accuracy_score(actual, predicted),
            "label_accuracy": 1 - reference.hamming_loss(actual, predicted),
            "f1": quietly(reference.f1_score, actual, predicted, average="macro"),
            "f1_micro": quietly(reference.f1_score, actual, predicted, average="micro"),
            "auroc": quietly(reference.roc_auc_score, actual, probabilities, average="macro"),
            "average_precision": quietly(reference.average_precision_score, actual, probabilities),
            "nll": reference.log_loss(actual.ravel(), flat, labels=[0, 1]),
            "brier": reference.brier_score_loss(actual.ravel(), probabilities.ravel(), labels=[0, 1]),
        },
    )


def test_the_log_likelihood_of_what_was_held_impossible_is_exact_where_scikit_learn_clips_it():
    assert measure(torch.tensor([[1000.0, 0.0]]), torch.tensor([1]), "class")["nll"] == 1000.0
    assert measure(torch.tensor([[1000.0]]), torch.tensor([[0]]), "multilabel")["nll"] == 1000.0


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(2, 60), st.integers(1, 3))
def test_regression_metrics_agree_with_scikit_learn(seed, examples, columns):
    random = np.random.default_rng(seed)
    targets, predictions = random.normal(size=(2, examples, columns))
    ours = measure(torch.from_numpy(predictions), torch.from_numpy(targets), "real")
    assert_equal(
        ours,
        {
            "rmse": reference.root_mean_squared_error(targets, predictions),
            "mae": reference.mean_absolute_error(targets, predictions),
            "r2": reference.r2_score(targets, predictions),
        },
    )


def test_a_constant_target_scores_as_in_scikit_learn():
    targets = torch.ones(5)
    assert measure(torch.ones(5, 1), targets, "real")["r2"] == reference.r2_score(np.ones(5), np.ones(5)) == 1.0
    assert measure(torch.zeros(5, 1), targets, "real")["r2"] == reference.r2_score(np.ones(5), np.zeros(5)) == 0.0


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(1, 80))
def test_calibration_error_agrees_with_a_loop_over_the_bins(seed, examples):
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet([0.5, 0.5, 0.5], size=examples)
    labels = random.integers(3, size=examples)
    confidence, correct = probabilities.max(1), probabilities.argmax(1) == labels
    expected = 0.0
    for low, high in zip(np.arange(15) / 15, np.arange(1, 16) / 15, strict=True):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            expected += inside.mean() * abs(confidence[inside].mean() - correct[inside].mean())
    ours = calibration_error(torch.from_numpy(probabilities), torch.from_numpy(labels))
    assert ours == pytest.approx(expected, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(1, 80))
def test_adaptive_calibration_error_agrees_with_a_loop_over_equal_stretches(seed, examples):
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet([0.5, 0.5, 0.5], size=examples)
    labels = random.integers(3, size=examples)
    confidence, correct = probabilities.max(1), probabilities.argmax(1) == labels
    expected = 0.0
    for stretch in np.array_split(np.argsort(confidence), 15):
        if len(stretch):
            expected += len(stretch) / examples * abs(confidence[stretch].mean() - correct[stretch].mean())
    ours = adaptive_calibration_error(torch.from_numpy(probabilities), torch.from_numpy(labels))
    assert ours == pytest.approx(expected, abs=1e-6)


def test_columns_ranked_in_parts_are_those_ranked_at_once(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    scores = torch.rand(9, 7, generator=generator, dtype=torch.float64)
    positive = torch.rand(9, 7, generator=generator) > 0.5
    whole = areas(scores, positive)
    monkeypatch.setattr("advisor.training.metrics.ranking.CHUNK_ENTRIES", 20)
    parts = areas(scores, positive)
    assert torch.equal(parts.auroc, whole.auroc)
    assert torch.equal(parts.average_precision, whole.average_precision)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(2, 60), SCORES, st.sampled_from(["class", "multilabel"]))
def test_no_metric_depends_on_the_order_of_the_examples(seed, examples, form, kind):
    random = np.random.default_rng(seed)
    logits = torch.from_numpy(draw_scores(random, form, (examples, 3)))
    size = (examples,) if kind == "class" else (examples, 3)
    targets = torch.from_numpy(random.integers(2, size=size))
    order = torch.from_numpy(random.permutation(examples))
    assert_equal(measure(logits[order], targets[order], kind), measure(logits, targets, kind))


def test_label_calibration_is_that_of_the_likelier_side_of_each_label():
    certain = measure(torch.full((4, 2), -50.0), torch.zeros(4, 2), "multilabel")
    assert certain["ece"] == pytest.approx(0.0, abs=1e-12)
    wrong = measure(torch.full((4, 2), -50.0), torch.ones(4, 2), "multilabel")
    assert wrong["ece"] == wrong["adaptive_ece"] == pytest.approx(1.0)


def test_the_worst_group_is_the_least_accurate_of_those_that_have_examples():
    logits = torch.eye(2)[torch.tensor([0, 0, 1, 1, 1])]
    labels = torch.tensor([0, 0, 1, 1, 0])
    groups = torch.tensor([0, 3, 3, 5, 5])
    assert measure(logits, labels, "class", groups=groups)["worst_group_accuracy"] == 0.5
    assert "worst_group_accuracy" not in measure(logits, labels, "class")


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(1, 6), st.integers(1, 9), st.integers(2, 7))
def test_token_metrics_agree_with_scikit_learn_on_the_tokens_that_count(seed, examples, length, vocabulary):
    random = np.random.default_rng(seed)
    logits = random.normal(size=(examples, length, vocabulary)) * 3
    ids = random.integers(vocabulary, size=(examples, length))
    ids[random.random(ids.shape) < 0.3] = -100
    ids[0, 0] = 1
    counted = ids != -100
    probabilities = torch.from_numpy(logits).softmax(-1).numpy()[counted]
    nll = reference.log_loss(ids[counted], probabilities, labels=range(vocabulary))
    ours = measure(torch.from_numpy(logits), torch.from_numpy(ids), "token")
    accuracy = reference.accuracy_score(ids[counted], logits.argmax(-1)[counted])
    assert_equal(ours, {"nll": nll, "accuracy": accuracy})
    assert ours["perplexity"] == pytest.approx(math.exp(nll), rel=1e-6)


def test_token_sums_of_batches_add_up_to_those_of_the_whole(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    logits, ids = torch.randn(6, 5, 11, generator=generator), torch.randint(11, (6, 5), generator=generator)
    ids[2] = -100
    monkeypatch.setattr("advisor.training.metrics.tokens.CHUNK_ENTRIES", 30)
    parts = token_sums(logits[:2], ids[:2]) + token_sums(logits[2:], ids[2:])
    whole = measure(logits, ids, "token")
    assert token_metrics(parts) == pytest.approx(whole)
    assert set(whole) == set(metric_names("token"))


def test_without_tokens_that_count_there_is_no_metric_and_perplexity_may_be_infinite():
    nothing = measure(torch.zeros(2, 3, 4), torch.full((2, 3), -100), "token")
    assert all(math.isnan(value) for value in nothing.values())
    assert token_metrics(TokenSums(nll=1e6, hits=0, tokens=1))["perplexity"] == math.inf


@pytest.mark.parametrize(
    ("kind", "outputs", "targets"),
    [
        ("class", [[1.0, math.nan], [0.0, 1.0]], torch.tensor([0, 1])),
        ("multilabel", [[1.0, math.inf], [0.0, 1.0]], torch.eye(2)),
        ("real", [[1.0], [math.inf]], torch.zeros(2)),
        ("token", [[[1.0, math.nan]], [[0.0, 1.0]]], torch.tensor([[0], [1]])),
    ],
)
def test_outputs_that_are_not_finite_make_every_metric_nan(kind, outputs, targets):
    values = measure(torch.tensor(outputs), targets, kind)
    assert set(values) == set(metric_names(kind))
    assert all(math.isnan(value) for value in values.values())


def test_every_metric_of_the_spec_is_measured_and_some_alone_where_asked():
    measured = {
        *measure(torch.eye(3), torch.arange(3), "class", groups=torch.arange(3)),
        *measure(torch.arange(3.0), torch.arange(3.0), "real"),
        *measure(torch.eye(3), torch.eye(3), "multilabel"),
        *measure(torch.eye(3), torch.arange(3), "token"),
    }
    assert measured == set(METRICS) - NEED_CORRUPTIONS
    assert list(measure(torch.eye(3), torch.arange(3), "class", names=("nll", "accuracy"))) == ["accuracy", "nll"]


@pytest.mark.parametrize("name", sorted(NEED_CORRUPTIONS))
def test_a_metric_that_only_damaged_test_examples_have_cannot_be_the_one_that_decides(name):
    kind = "real" if name.endswith("rmse") else "class"
    with pytest.raises(AdvisorError, match=f"'{name}' is measured on test examples alone"):
        check_metric(name, kind, grouped=False)
    check_metric(name.removeprefix("corrupted_"), kind, grouped=False)


def test_the_values_of_the_first_version_are_kept_to_the_bit():
    logits = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(40) % 3
    double = logits.double()
    probabilities = double.log_softmax(1).exp()
    values = measure(logits, labels, "class")
    assert values["nll"] == torch.nn.functional.nll_loss(double.log_softmax(1), labels).item()
    assert values["brier"] == (probabilities - torch.eye(3)[labels].double()).square().sum(1).mean().item()
    assert values["ece"] == calibration_error(probabilities, labels)
    assert list(values)[:5] == ["accuracy", "balanced_accuracy", "nll", "brier", "ece"]
    residual = (double - double.roll(1, 0)).square().sum(0)
    assert measure(logits, logits.roll(1, 0), "real")["rmse"] == (residual / 40).sqrt().mean().item()
