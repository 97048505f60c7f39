"""R-Drop: the divergence by hand and by torch, the stacking, and no stacking where it weighs nothing."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from advisor.techniques import LabelSmoothing, regularize
from advisor.techniques.core import Targets
from advisor.techniques.core.targets import mean_loss
from advisor.techniques.r_drop import RDrop, disagreement
from advisor.training.engine import train
from tests.techniques.runs import make_run
from tests.training.run_plans import make_plan


def symmetric(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """torch's own divergence, both ways, (..., K) logits to (...)."""
    p, q = first.log_softmax(-1), second.log_softmax(-1)
    both = [functional.kl_div(a, b, reduction="none", log_target=True).sum(-1) for a, b in ((p, q), (q, p))]
    return (both[0] + both[1]) / 2


def test_two_answers_by_hand():
    # p = (1/2, 1/2), q = (3/4, 1/4): KL(p||q) = ln(2/sqrt 3), KL(q||p) = 3/4 ln 3 - ln 2.
    outputs = torch.tensor([[0.5, 0.5], [0.75, 0.25]]).log()
    expected = (torch.tensor(2 / 3**0.5).log() + 0.75 * torch.tensor(3.0).log() - torch.tensor(2.0).log()) / 2
    torch.testing.assert_close(disagreement(outputs, Targets("class", torch.eye(2))), expected)


def test_class_targets_take_the_mean_over_examples():
    outputs = torch.randn(12, 5, generator=torch.Generator().manual_seed(0))
    ours = disagreement(outputs, Targets("class", torch.zeros(12, 5)))
    torch.testing.assert_close(ours, symmetric(outputs[:6], outputs[6:]).mean())
    assert disagreement(torch.cat([outputs, outputs]), Targets("class", torch.zeros(24, 5))) == 0


def test_multilabel_targets_compare_each_label_as_a_coin():
    outputs = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    coins = torch.stack([functional.logsigmoid(outputs), functional.logsigmoid(-outputs)], -1)
    ours = disagreement(outputs, Targets("multilabel", torch.zeros(8, 3)))
    torch.testing.assert_close(ours, symmetric(coins[:4], coins[4:]).mean())


def test_tokens_that_do_not_count_are_left_out():
    outputs = torch.randn(4, 5, 7, generator=torch.Generator().manual_seed(0))
    ids = torch.randint(7, (2, 5), generator=torch.Generator().manual_seed(1))
    ids[0, 2:] = -100
    ours = disagreement(outputs, Targets("token", torch.cat([ids, ids])))
    torch.testing.assert_close(ours, symmetric(outputs[:2], outputs[2:])[ids != -100].mean())
    none = torch.full((4, 5), -100)
    assert disagreement(outputs, Targets("token", none)) == 0


def test_half_precision_answers_are_compared_in_float32():
    outputs = torch.randn(4, 3).bfloat16()
    assert disagreement(outputs, Targets("class", torch.zeros(4, 3))).dtype == torch.float32
    assert disagreement(outputs.double(), Targets("class", torch.zeros(4, 3))).dtype == torch.float64


def test_the_loss_is_the_mean_over_both_halves_plus_alpha_times_the_disagreement():
    model = nn.Sequential(nn.Linear(4, 32), nn.Dropout(0.5), nn.Linear(32, 3))
    session = regularize(model, [RDrop(alpha=2.0), LabelSmoothing()], classes=3, epochs=1, steps_per_epoch=1)
    inputs, labels = torch.rand(6, 4), torch.tensor([0, 1, 2, 0, 1, 2])
    stacked, targets = session.batch(inputs, labels)
    assert torch.equal(stacked, torch.cat([inputs, inputs]))
    outputs = session.forward(stacked)
    assert not torch.allclose(outputs[:6], outputs[6:])
    smooth = nn.CrossEntropyLoss(label_smoothing=0.1)
    both = (smooth(outputs[:6], labels) + smooth(outputs[6:], labels)) / 2
    expected = both + 2.0 * symmetric(outputs[:6], outputs[6:]).mean()
    torch.testing.assert_close(session.loss(stacked, targets, outputs), expected)
    torch.testing.assert_close(mean_loss(outputs, targets), both)


def test_alpha_zero_does_not_even_stack():
    technique, inputs, targets = RDrop(alpha=0.0), torch.rand(4, 2), Targets("class", torch.eye(4))
    run = make_run(nn.Linear(1, 1))
    assert technique.batch(run, inputs, targets) == (inputs, targets)
    small_cnn = {"model": {"name": "small_cnn", "arguments": {"width": 4}}}  # with batch normalization
    assert train(make_plan({"r_drop": {"alpha": 0.0}}, **small_cnn)) == train(make_plan(**small_cnn))


def test_a_batch_of_one_can_be_stacked():
    stacked, targets = RDrop().batch(make_run(nn.Linear(1, 1)), torch.rand(1, 2), Targets("class", torch.eye(1)))
    assert len(stacked) == len(targets) == 2
    assert disagreement(torch.rand(2, 1), targets) == 0


def test_real_targets_are_refused():
    assert "r_drop works on class, multilabel, token targets but got real" in (RDrop().refuse("real", (4,)) or "")
    assert pytest.approx(1.0) == RDrop().alpha
