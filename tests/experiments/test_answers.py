"""Packed answers: what they keep of a run's outputs."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from advisor.experiments.answers import KEPT_ANSWERS, Answers, keep, keep_losses, pack, unpack
from advisor.experiments.bias_variance import cross_entropy
from advisor.training.metrics import measure


def _outputs(*shape: int, scale: float = 4.0) -> torch.Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(5))


def _ids(n: int, classes: int) -> torch.Tensor:
    return torch.randint(classes, (n,), generator=torch.Generator().manual_seed(6))


def _nll(answers: Answers) -> float:
    """Of log-probabilities and class ids."""
    logs, targets = answers.unpack_outputs(), answers.unpack_targets().astype(np.int64)
    return float(-logs[np.arange(len(logs)), targets].mean())


@pytest.mark.parametrize("scale", [0.1, 3.0, 40.0])
@pytest.mark.parametrize("classes", [2, 10, 200])
def test_packed_class_answers_have_the_cross_entropy_of_the_outputs(classes: int, scale: float) -> None:
    outputs, targets = _outputs(500, classes, scale=scale), _ids(500, classes)
    answers = keep(outputs, targets, "class")
    exact = functional.cross_entropy(outputs.double(), targets).item()
    assert _nll(answers) == pytest.approx(exact, rel=1e-3, abs=1e-3)
    assert answers.unpack_outputs().shape == (500, classes)
    assert (answers.unpack_targets() == targets.numpy()).all()


def test_packed_real_answers_are_the_outputs_in_single_precision() -> None:
    outputs, targets = _outputs(60, 3), _outputs(60, 3, scale=1.0)
    answers = keep(outputs, targets, "real")
    assert (answers.unpack_outputs() == outputs.double().numpy()).all()
    assert (answers.unpack_targets() == targets.double().numpy()).all()


def test_packed_answers_about_several_labels_have_their_cross_entropy() -> None:
    outputs, targets = _outputs(80, 5), (_outputs(80, 5) > 1).float()
    answers = keep(outputs, targets, "multilabel")
    exact = functional.binary_cross_entropy_with_logits(outputs.double(), targets.double()).item()
    assert answers.unpack_outputs().shape == (400, 2)
    assert _nll(answers) == pytest.approx(exact, abs=1e-3)


def test_packed_answers_about_tokens_leave_out_those_that_do_not_count() -> None:
    outputs, targets = _outputs(12, 7, 30), _ids(84, 30).reshape(12, 7)
    targets[:, -2:] = -100
    answers = keep(outputs, targets, "token")
    assert answers.unpack_outputs().shape == (60, 30)
    assert _nll(answers) == pytest.approx(measure(outputs, targets, "token")["nll"], abs=1e-3)


def test_of_many_examples_those_kept_are_spread_over_the_split() -> None:
    outputs, targets = _outputs(3 * KEPT_ANSWERS + 500, 4), torch.arange(3 * KEPT_ANSWERS + 500) // 1000
    answers = keep(outputs, targets, "class")
    shares = np.bincount(answers.unpack_targets().astype(int)) / KEPT_ANSWERS
    assert shares == pytest.approx([2 / 7, 2 / 7, 2 / 7, 1 / 7], abs=0.002)
    assert len(answers.unpack_outputs()) == KEPT_ANSWERS


def test_certain_and_broken_answers_survive() -> None:
    certain = torch.tensor([[1e9, 0.0, -1e9], [float("nan")] * 3])
    values = unpack(pack(certain, "class"))
    assert values[0].tolist() == [0.0, -60_000.0, -60_000.0]
    assert np.isnan(values[1]).all()


def test_answers_survive_json_and_make_a_decomposition_that_adds_up_to_the_loss() -> None:
    targets = _ids(200, 5)
    kept = [keep(_outputs(200, 5) + part * _outputs(200, 5, scale=0.3).flip(0), targets, "class") for part in range(3)]
    again = [Answers.model_validate_json(answers.model_dump_json()) for answers in kept]
    assert again == kept
    logs = np.stack([answers.unpack_outputs() for answers in again])
    found = cross_entropy(logs, again[0].unpack_targets().astype(np.int64))
    assert found.risk.value == pytest.approx(np.mean([_nll(answers) for answers in kept]), abs=2e-3)


def test_losses_are_those_of_each_example_and_average_to_the_nll() -> None:
    outputs, targets = _outputs(300, 7), _ids(300, 7)
    losses = unpack(keep_losses(outputs, targets))
    exact = functional.cross_entropy(outputs, targets, reduction="none").numpy()
    assert losses == pytest.approx(exact, rel=1e-3, abs=1e-3)
