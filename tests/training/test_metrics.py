"""Metrics against scikit-learn and a plain numpy reference."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from advisor.experiments.spec import METRICS
from advisor.training.metrics import calibration_error, measure, metric_names


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 7), st.integers(3, 60))
def test_classification_metrics_agree_with_scikit_learn(seed, classes, examples):
    random = np.random.default_rng(seed)
    logits = random.normal(size=(examples, classes)) * 2
    labels = random.integers(classes, size=examples)
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    ours = measure(torch.from_numpy(logits), torch.from_numpy(labels), "class")
    predicted = logits.argmax(1)
    recalls = reference.recall_score(labels, predicted, labels=np.unique(labels), average="macro", zero_division=0)
    assert ours["accuracy"] == pytest.approx(reference.accuracy_score(labels, predicted), abs=1e-6)
    assert ours["balanced_accuracy"] == pytest.approx(recalls, abs=1e-6)
    expected = reference.log_loss(labels, probabilities, labels=range(classes))
    assert ours["nll"] == pytest.approx(expected, abs=1e-6)
    one_hot = np.eye(classes)[labels]
    columns = [reference.mean_squared_error(one_hot[:, k], probabilities[:, k]) for k in range(classes)]
    assert ours["brier"] == pytest.approx(sum(columns), abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 60), st.integers(1, 3))
def test_regression_metrics_agree_with_scikit_learn(seed, examples, columns):
    random = np.random.default_rng(seed)
    targets, predictions = random.normal(size=(2, examples, columns))
    ours = measure(torch.from_numpy(predictions), torch.from_numpy(targets), "real")
    assert ours["rmse"] == pytest.approx(reference.root_mean_squared_error(targets, predictions), abs=1e-6)
    assert ours["mae"] == pytest.approx(reference.mean_absolute_error(targets, predictions), abs=1e-6)
    assert ours["r2"] == pytest.approx(reference.r2_score(targets, predictions), abs=1e-6)


def test_a_constant_target_scores_as_in_scikit_learn():
    targets = torch.ones(5)
    assert measure(torch.ones(5, 1), targets, "real")["r2"] == reference.r2_score(np.ones(5), np.ones(5)) == 1.0
    assert measure(torch.zeros(5, 1), targets, "real")["r2"] == reference.r2_score(np.ones(5), np.zeros(5)) == 0.0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 80))
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


def test_outputs_that_are_not_finite_make_every_metric_nan():
    values = measure(torch.tensor([[1.0, math.nan], [0.0, 1.0]]), torch.tensor([0, 1]), "class")
    assert set(values) == set(metric_names("class"))
    assert all(math.isnan(value) for value in values.values())


def test_every_metric_of_the_spec_is_measured():
    measured = {
        *measure(torch.eye(3), torch.arange(3), "class"),
        *measure(torch.arange(3.0), torch.arange(3.0), "real"),
    }
    assert measured == set(METRICS)
