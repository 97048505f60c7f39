"""Selective prediction against the mean over every order in which tied examples could be answered."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.training.metrics import measure
from advisor.training.metrics.selective import risk_coverage_area, selective_accuracy


def all_orders(confidence: list[float], correct: list[int]) -> list[list[int]]:
    """The correctness of the examples in each order of falling confidence."""
    orders = itertools.permutations(range(len(confidence)))
    falling = [order for order in orders if all(confidence[a] >= confidence[b] for a, b in itertools.pairwise(order))]
    return [[correct[place] for place in order] for order in falling]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.4, 0.5, 0.7, 0.9, 1.0]), st.integers(0, 1)), min_size=1, max_size=6))
def test_both_values_are_the_means_over_all_orders_of_tied_examples(examples):
    confidence, correct = [one for one, _ in examples], [one for _, one in examples]
    areas, kept = [], []
    for order in all_orders(confidence, correct):
        areas.append(np.mean([1 - np.mean(order[:answered]) for answered in range(1, len(order) + 1)]))
        kept.append(np.mean(order[: next(n for n in range(1, len(order) + 1) if 10 * n >= 8 * len(order))]))
    tensors = torch.tensor(confidence, dtype=torch.float64), torch.tensor(correct, dtype=torch.float64)
    assert risk_coverage_area(*tensors) == pytest.approx(np.mean(areas), abs=1e-12)
    assert selective_accuracy(*tensors) == pytest.approx(np.mean(kept), abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 200))
def test_without_ties_they_are_those_of_a_loop_over_the_coverages(seed, examples):
    random = np.random.default_rng(seed)
    confidence, correct = random.permutation(examples) / examples, random.integers(2, size=examples)
    ordered = correct[np.argsort(-confidence)]
    risks = [(1 - ordered[: count + 1]).mean() for count in range(examples)]
    tensors = torch.from_numpy(confidence), torch.from_numpy(correct).double()
    assert risk_coverage_area(*tensors) == pytest.approx(np.mean(risks), abs=1e-12)
    assert selective_accuracy(*tensors) == pytest.approx(ordered[: math.ceil(examples * 4 / 5)].mean(), abs=1e-12)


def test_the_ends_are_no_risk_all_risk_and_the_error_rate_of_a_confidence_that_tells_nothing():
    confidence, right = torch.tensor([0.9, 0.8, 0.7, 0.6], dtype=torch.float64), torch.ones(4, dtype=torch.float64)
    assert (risk_coverage_area(confidence, right), selective_accuracy(confidence, right)) == (0.0, 1.0)
    assert (risk_coverage_area(confidence, 1 - right), selective_accuracy(confidence, 1 - right)) == (1.0, 0.0)
    flat, some = torch.full((4,), 0.5, dtype=torch.float64), torch.tensor([1.0, 0, 0, 0], dtype=torch.float64)
    assert (risk_coverage_area(flat, some), selective_accuracy(flat, some)) == (0.75, 0.25)
    empty = torch.empty(0, dtype=torch.float64)
    assert math.isnan(risk_coverage_area(empty, empty))
    assert math.isnan(selective_accuracy(empty, empty))


def test_a_class_task_has_both_beside_its_other_metrics():
    logits = torch.tensor([[4.0, 0.0], [3.0, 0.0], [2.0, 0.0], [1.0, 0.0], [0.5, 0.0]])
    values = measure(logits, torch.tensor([0, 0, 0, 0, 1]), "class")
    assert values["accuracy"] == 0.8
    assert values["selective_accuracy"] == 1.0  # the wrong one is the least confident
    assert values["aurc"] == pytest.approx(0.2 / 5)
    assert "aurc" not in measure(logits, torch.eye(2)[torch.zeros(5).long()], "multilabel")
