"""How data is cut: disjoint, stratified, nested by train_size, statistics from training alone."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.data import Dataset, load, split, standardized
from advisor.errors import AdvisorError
from advisor.experiments.spec import DataSpec, Design


def make_dataset(counts: list[int]) -> Dataset:
    targets = torch.cat([torch.full((count,), label) for label, count in enumerate(counts)])
    names = tuple(str(label) for label in range(len(counts)))
    return Dataset(torch.arange(len(targets)).float().unsqueeze(1), targets, "class", names)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(12, 60), min_size=2, max_size=5), st.integers(0, 1000))
def test_splits_are_disjoint_complete_and_hold_each_class_within_one_of_its_share(counts, seed):
    dataset = make_dataset(counts)
    splits = split(dataset, Design(), seed, None)
    together = np.concatenate([splits.train, splits.validation, splits.test])
    assert sorted(together) == list(range(sum(counts)))
    labels = dataset.targets.numpy()
    for part in (splits.train, splits.validation, splits.test):
        share = np.array(counts) * len(part) / sum(counts)
        assert (np.abs(np.bincount(labels[part], minlength=len(counts)) - share) <= 2).all()


def test_the_same_seed_cuts_the_same_and_another_seed_otherwise():
    dataset = load(DataSpec(builtin="wine"), None)
    first, again, other = (split(dataset, Design(), seed, None) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.train, again.train)
    assert not np.array_equal(first.test, other.test)


def test_a_smaller_training_split_is_part_of_a_larger_one_and_leaves_the_others_alone():
    dataset = load(DataSpec(builtin="digits"), None)
    small, large = split(dataset, Design(), 0, 100), split(dataset, Design(), 0, 400)
    assert (len(small.train), len(large.train)) == (100, 400)
    assert set(small.train) < set(large.train)
    np.testing.assert_array_equal(small.test, large.test)
    np.testing.assert_array_equal(small.validation, large.validation)


def test_given_splits_are_kept_and_missing_ones_cut_from_train():
    whole = make_dataset([50, 50])
    given_splits = {"train": np.arange(0, 80), "test": np.arange(80, 100)}
    dataset = Dataset(whole.inputs, whole.targets, "class", whole.labels, given_splits)
    splits = split(dataset, Design(validation_fraction=0.25), 0, None)
    assert splits.sizes == {"train": 60, "validation": 20, "test": 20}
    assert set(splits.test) == set(range(80, 100))


def test_standardization_uses_the_training_rows_only():
    dataset = load(DataSpec(builtin="breast_cancer"), None)
    train = split(dataset, Design(), 0, 50).train
    rows = dataset.inputs.numpy().astype(np.float64)
    expected = (rows - rows[train].mean(0)) / rows[train].std(0)
    np.testing.assert_allclose(standardized(dataset, train).numpy(), expected, rtol=1e-4, atol=1e-5)
    digits = load(DataSpec(builtin="digits"), None)
    assert standardized(digits, train) is digits.inputs


def test_a_train_size_beyond_the_data_is_refused_with_what_there_is():
    with pytest.raises(AdvisorError, match="train_size 150 is more than the 98 examples left"):
        split(load(DataSpec(builtin="wine"), None), Design(), 0, 150)


def test_a_class_left_without_training_examples_is_refused():
    with pytest.raises(AdvisorError, match="No training example of class '2'"):
        split(make_dataset([100, 100, 1]), Design(), 0, 10)


def test_too_little_data_is_refused():
    with pytest.raises(AdvisorError, match="The validation split would hold 1 of 5"):
        split(make_dataset([3, 2]), Design(test_fraction=0.4, validation_fraction=0.2), 0, None)
