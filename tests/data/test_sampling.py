"""Disjoint samples of a training split, and wrong labels."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.data.builtin import load_builtin
from advisor.data.sampling import Sample, sample, with_wrong_labels
from advisor.data.splits import split
from advisor.errors import AdvisorError
from advisor.experiments.spec import Design
from advisor.training.engine import Data
from advisor.training.plan import RunPlan
from tests.training.run_plans import make_plan

DIGITS = load_builtin("digits")


def _train(size: int | None = None) -> np.ndarray:
    return split(DIGITS, Design(), 3, size).train


@settings(max_examples=60, deadline=None)
@given(examples=st.integers(4, 400), parts=st.integers(2, 20), group=st.integers(0, 5), seed=st.integers(0, 9))
def test_samples_of_a_group_are_disjoint_of_one_size_and_leave_out_less_than_one_for_each(
    examples: int, parts: int, group: int, seed: int
) -> None:
    train = 7 * np.arange(examples)
    if examples // parts < 2:
        with pytest.raises(AdvisorError, match=rf"{examples} training examples .* {parts} samples; ask for fewer"):
            sample(train, Sample(group=group, part=0, parts=parts), seed)
        return
    found = [sample(train, Sample(group=group, part=part, parts=parts), seed) for part in range(parts)]
    together = np.concatenate(found)
    assert {len(own) for own in found} == {examples // parts}
    assert len(np.unique(together)) == len(together) > examples - parts
    assert np.isin(together, train).all()


def test_a_sample_is_the_same_every_time_and_another_in_another_group_or_for_another_seed() -> None:
    train, chosen = _train(), Sample(group=1, part=2, parts=4)
    first = sample(train, chosen, 5)
    assert (sample(train, chosen, 5) == first).all()
    for other in (sample(train, Sample(group=0, part=2, parts=4), 5), sample(train, chosen, 6)):
        assert len(other) == len(first)
        assert set(other) != set(first)


@pytest.mark.parametrize("parts", [2, 3, 7])
def test_every_sample_has_the_classes_in_the_training_splits_shares(parts: int) -> None:
    train = _train()
    labels = DIGITS.targets.numpy()
    shares = np.bincount(labels[train], minlength=10) / len(train)
    for group in range(3):
        for part in range(parts):
            own = labels[sample(train, Sample(group=group, part=part, parts=parts), 0)]
            assert np.abs(np.bincount(own, minlength=10) - shares * len(own)).max() < 0.05 * len(own) + 3


def test_the_training_split_itself_is_not_changed_by_sampling() -> None:
    train = _train()
    before = train.copy()
    sample(train, Sample(group=0, part=0, parts=3), 0)[:] = -1
    assert (train == before).all()


def _noisy(index: np.ndarray, share: float, seed: int = 3) -> np.ndarray:
    return with_wrong_labels(DIGITS, DIGITS.targets[torch.from_numpy(index)], index, share, seed).numpy()


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5, 0.9])
def test_the_share_of_wrong_labels_is_what_was_asked_for_and_each_is_another_class(share: float) -> None:
    index = np.arange(len(DIGITS))
    true, noisy = DIGITS.targets.numpy(), _noisy(index, share)
    wrong = noisy != true
    # A share that hits the true class again would lose a tenth of it. Four standard errors either way.
    assert abs(wrong.mean() - share) < 4 * np.sqrt(share * (1 - share) / len(index))
    assert noisy.min() >= 0
    assert noisy.max() <= 9
    moved = np.bincount((noisy - true)[wrong] % 10, minlength=10)
    assert moved[0] == 0
    assert (moved[1:] > 0.6 * moved.sum() / 9).all()


def test_no_share_changes_no_label_and_a_larger_one_keeps_those_of_a_smaller_one() -> None:
    index = np.arange(len(DIGITS))
    true = DIGITS.targets.numpy()
    assert (_noisy(index, 0.0) == true).all()
    less, more = _noisy(index, 0.2), _noisy(index, 0.4)
    assert (more[less != true] == less[less != true]).all()
    assert (more != true).sum() > (less != true).sum()
    assert (_noisy(index, 0.2, seed=4) != less).any()


def test_a_smaller_training_split_has_the_wrong_labels_of_the_larger_one() -> None:
    small, large = _train(60), _train(300)
    assert set(small) < set(large)
    known = dict(zip(large.tolist(), _noisy(large, 0.3).tolist(), strict=True))
    assert [known[row] for row in small.tolist()] == _noisy(small, 0.3).tolist()


def _parts(**changes: object) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Targets and inputs of the three splits as they are trained on."""
    plan = RunPlan.model_validate(make_plan().model_dump() | changes)
    parts = Data(plan, None).parts(plan)
    return {name: part.targets for name, part in parts.items()}, {name: part.inputs for name, part in parts.items()}


def test_wrong_labels_and_samples_leave_validation_and_test_as_they_are() -> None:
    targets, inputs = _parts()
    noisy, same = _parts(data={"builtin": "digits", "train_size": 60, "label_noise": 0.5})
    fewer, smaller = _parts(sample={"group": 0, "part": 1, "parts": 3})
    for name in ("validation", "test"):
        for other, seen in ((noisy, same), (fewer, smaller)):
            assert torch.equal(other[name], targets[name])
            assert torch.equal(seen[name], inputs[name])
    assert (noisy["train"] != targets["train"]).float().mean() > 0.25
    assert torch.equal(same["train"], inputs["train"])
    assert len(fewer["train"]) == 20


def test_what_is_fitted_to_the_data_is_fitted_to_the_sample_alone() -> None:
    wine = {"builtin": "wine"}
    _, whole = _parts(data=wine)
    _, part = _parts(data=wine, sample={"group": 0, "part": 0, "parts": 2})
    assert torch.allclose(part["train"].mean(0), torch.zeros(13), atol=1e-5)
    assert not torch.allclose(part["test"], whole["test"], atol=1e-3)
