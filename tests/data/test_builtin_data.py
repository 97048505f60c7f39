"""The built-in sets, their fingerprints and their cards."""

import numpy as np
import pytest
import torch

from advisor.data import Dataset, inspect, load
from advisor.experiments.spec import BUILTIN_DATA, DataSpec, Design


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [("digits", (1797, 1, 8, 8), 10), ("breast_cancer", (569, 30), 2), ("wine", (178, 13), 3)],
)
def test_a_built_in_set_has_its_known_size(name, shape, classes):
    assert name in BUILTIN_DATA
    dataset = load(DataSpec(builtin=name), None)
    assert (tuple(dataset.inputs.shape), dataset.classes, dataset.kind) == (shape, classes, "class")
    assert sum(dataset.card.class_counts.values()) == len(dataset.inputs)


def test_digits_lie_between_zero_and_one():
    inputs = load(DataSpec(builtin="digits"), None).inputs
    assert (inputs.min().item(), inputs.max().item()) == (0.0, 1.0)


def test_inspect_tells_what_a_driver_needs_and_counts_train_size():
    told = inspect(DataSpec(builtin="digits", train_size=200), None, Design(test_fraction=0.5))
    assert told["sizes"] == {"train": 200, "validation": 359, "test": 898}
    assert (told["kind"], told["classes"], told["input_shape"]) == ("class", 10, [1, 8, 8])
    assert told["fingerprint"] == load(DataSpec(builtin="digits"), None).fingerprint


def test_the_fingerprint_depends_on_content_shape_and_splits():
    def fingerprint(inputs: torch.Tensor, given: dict[str, np.ndarray] | None = None) -> str:
        return Dataset(inputs, torch.tensor([0, 1, 0, 1]), "class", ("a", "b"), given).fingerprint

    same = fingerprint(torch.zeros(4, 6))
    assert same == fingerprint(torch.zeros(4, 6))
    others = [
        fingerprint(torch.zeros(4, 2, 3)),
        fingerprint(torch.zeros(4, 6) + torch.eye(4, 6)),
        fingerprint(torch.zeros(4, 6), {"train": np.arange(4)}),
    ]
    assert len({same, *others}) == 4


def test_the_card_counts_exact_copies_and_those_across_given_splits():
    inputs = torch.tensor([[1.0], [2.0], [1.0], [1.0], [3.0]])
    given = {"train": np.array([0, 1, 2]), "test": np.array([3, 4])}
    dataset = Dataset(inputs, torch.tensor([0, 1, 0, 0, 1]), "class", ("a", "b"), given)
    assert (dataset.card.exact_duplicates, dataset.card.shared_between_splits) == (2, 1)
    assert "leakage" in dataset.notes[0]
