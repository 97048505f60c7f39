"""What is trained in which epoch, what frozen layers keep, and that all is as before afterwards."""

import pytest
import torch
from torch import nn

from advisor.errors import AdvisorError
from advisor.techniques import Session, regularize
from advisor.techniques.gradual_unfreezing import GradualUnfreezing, trained_levels
from tests.techniques.test_ema import batches


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2), nn.Flatten(),
        nn.Linear(2 * 16, 3),
    )  # fmt: skip


def epoch(session: Session, optimizer: torch.optim.Optimizer) -> set[str]:
    """Train one epoch; returns which modules changed."""
    before = {name: tensor.clone() for name, tensor in session.model.state_dict().items()}
    session.epoch_start()
    session.model.train()
    for batch in batches(2):
        session.step(optimizer, *batch)
    session.epoch_end(validation_loss=1.0)
    after = session.model.state_dict()
    return {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}


def test_one_more_level_from_the_top_is_trained_after_each_period() -> None:
    session = regularize(network(), [GradualUnfreezing(epochs_per_block=2)], classes=3, epochs=6, steps_per_epoch=2)
    optimizer = torch.optim.AdamW(session.param_groups(), lr=0.1, weight_decay=0.1)
    changed = [epoch(session, optimizer) for _ in range(6)]
    # Statistics of batch normalization count as a change: frozen ones keep them.
    assert changed == [
        {"6"},
        {"6"},
        {"3", "4", "6"},
        {"3", "4", "6"},
        {"0", "1", "3", "4", "6"},
        {"0", "1", "3", "4", "6"},
    ]


@pytest.mark.parametrize(("number", "expected"), [(0, 1), (1, 1), (2, 1), (3, 2), (8, 3), (9, 4), (99, 4)])
def test_the_number_of_trained_levels_grows_to_all(number: int, expected: int) -> None:
    assert trained_levels(number, 4, 3) == expected


def test_frozen_normalization_uses_its_statistics_and_is_in_training_mode_outside_its_pass() -> None:
    model = network()
    session = regularize(model, [GradualUnfreezing()], classes=3, epochs=1, steps_per_epoch=1)
    session.epoch_start()
    model.train()
    inputs = torch.randn(4, 2, 5, 5)
    frozen = model[1](inputs)
    assert model[1].training
    model[1].eval()
    assert torch.equal(model[1](inputs), frozen)
    assert not model[1].training


def test_a_failed_pass_leaves_the_mode_as_it_was() -> None:
    model = network()
    session = regularize(model, [GradualUnfreezing()], classes=3, epochs=1, steps_per_epoch=1)
    session.epoch_start()
    model.train()
    with pytest.raises(RuntimeError):
        model[1](torch.randn(4, 7, 5, 5))
    assert model[1].training


def test_what_the_user_froze_stays_frozen_and_restore_brings_everything_back() -> None:
    model = network()
    model[0].weight.requires_grad_(False)
    before = [parameter.requires_grad for parameter in model.parameters()]
    session = regularize(model, [GradualUnfreezing()], classes=3, epochs=3, steps_per_epoch=2)
    optimizer = torch.optim.SGD(session.param_groups(), lr=0.1)
    kept = model[0].weight.clone()
    for _ in range(3):
        epoch(session, optimizer)
    assert torch.equal(model[0].weight, kept)
    session.epoch_start()
    session.restore()
    assert [parameter.requires_grad for parameter in model.parameters()] == before
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_restore_in_the_middle_unfreezes_all() -> None:
    model = network()
    session = regularize(model, [GradualUnfreezing()], classes=3, epochs=3, steps_per_epoch=2)
    groups = session.param_groups()
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    session.epoch_start()
    assert [parameter.requires_grad for parameter in model.parameters()] == [False] * 8 + [True] * 2
    session.restore()
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_zero_freezes_nothing_and_needs_no_depth() -> None:
    session = regularize(
        nn.Linear(2, 2), [GradualUnfreezing(epochs_per_block=0)], classes=2, epochs=1, steps_per_epoch=1
    )
    session.epoch_start()
    assert all(parameter.requires_grad for parameter in session.model.parameters())


def test_a_network_without_depth_is_refused() -> None:
    with pytest.raises(AdvisorError, match="gradual_unfreezing finds no depth in Linear: looked for"):
        regularize(nn.Linear(2, 2), [GradualUnfreezing()], classes=2, epochs=1, steps_per_epoch=1)
