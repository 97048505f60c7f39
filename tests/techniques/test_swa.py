"""Which weights are averaged, with which learning rate, and the batch statistics afterwards."""

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, update_bn

from advisor.errors import AdvisorError
from advisor.techniques import regularize
from advisor.techniques.core.norms import estimate_statistics
from advisor.techniques.swa import Swa, decaying, first_step
from tests.techniques.runs import make_run
from tests.techniques.test_ema import batches, convolutional


@pytest.mark.parametrize("mode", ["constant", "own"])
def test_weights_and_batch_statistics_equal_those_of_torch(mode: str) -> None:
    model, data = convolutional(), batches(3)
    technique = Swa(start=0.5, learning_rate=mode)
    session = regularize(model, [technique], classes=3, epochs=6, steps_per_epoch=3, train_batches=data)
    optimizer = torch.optim.SGD(session.param_groups(), lr=0.1)
    reference = AveragedModel(model)
    for epoch in range(6):
        session.model.train()
        session.epoch_start()
        for batch in data:
            session.step(optimizer, *batch)
        if epoch >= 2:  # ends at half of the training, and all ends that follow
            reference.update_parameters(model)
        session.epoch_end(validation_loss=1.0)
    momentum, flags = model[1].momentum, [module.training for module in model.modules()]
    final = session.finish()
    update_bn([inputs for inputs, _ in data], reference)
    for name, expected in reference.module.state_dict().items():
        torch.testing.assert_close(final.state_dict()[name], expected)
    assert model[1].momentum == momentum
    assert flags[0]
    assert not any(module.training for module in model.modules())


def test_the_statistics_are_those_of_a_network_without_dropout_and_batches_of_one_are_passed_over() -> None:
    torch.manual_seed(0)
    inputs = torch.randn(64, 3)
    model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(3))
    modes = [module.training for module in model.modules()]
    assert estimate_statistics(model, [inputs, inputs[:1]]) == 1
    torch.testing.assert_close(model[1].running_mean, inputs.mean(0))
    torch.testing.assert_close(model[1].running_var, inputs.var(0))
    assert [module.training for module in model.modules()] == modes
    assert estimate_statistics(model, [inputs[:1]]) == 0
    torch.testing.assert_close(model[1].running_mean, inputs.mean(0))


@pytest.mark.parametrize(("start", "first"), [(0.0, 5), (0.5, 25), (0.55, 30), (0.7, 35), (1.0, 50)])
def test_averaging_begins_at_the_first_end_of_an_epoch_from_its_start(start: float, first: int) -> None:
    assert first_step(start, 10, 5) == first


def test_the_learning_rate_follows_the_schedule_and_then_its_own() -> None:
    run = make_run(nn.Linear(1, 1), epochs=4, steps_per_epoch=2)

    def factors(**settings: object) -> list[float | None]:
        technique = Swa(start=0.5, lr_factor=0.2, **settings)
        found = []
        for run.step in range(8):
            found.append(technique.schedule(run, 0.7))
        return found

    assert factors() == [0.7] * 4 + [0.2] * 4
    assert factors(learning_rate="own") == [0.7] * 8
    assert factors(learning_rate="decaying") == pytest.approx([0.7] * 4 + [0.101, 0.002] * 2)
    assert decaying(6, 7) == pytest.approx(0.01)


def test_a_loop_that_sets_its_own_learning_rate_keeps_it_until_the_averaging() -> None:
    session = regularize(nn.Linear(2, 2), [Swa(start=0.5)], classes=2, epochs=2, steps_per_epoch=2)
    optimizer = torch.optim.SGD(session.param_groups(), lr=0.4)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    used = []
    session.epoch_start()
    for _ in range(4):
        session.step(optimizer, torch.ones(2, 2), torch.tensor([0, 1]))
        used.append(optimizer.param_groups[0]["lr"])
        scheduler.step()
    assert used == [0.4, 0.2, 0.2, 0.2]


def test_missing_training_data_is_refused_before_the_first_step() -> None:
    session = regularize(convolutional(), [Swa()], classes=3, epochs=2, steps_per_epoch=2)
    with pytest.raises(AdvisorError, match="swa needs train data after the training; pass `train_batches="):
        session.epoch_start()


def test_batches_that_are_used_up_are_refused() -> None:
    data = batches(2)
    spent = iter([])
    session = regularize(convolutional(), [Swa(start=0.5)], classes=3, epochs=1, steps_per_epoch=2, train_batches=spent)
    optimizer = torch.optim.SGD(session.param_groups(), lr=0.1)
    session.epoch_start()
    for batch in data:
        session.step(optimizer, *batch)
    with pytest.raises(AdvisorError, match="swa got no training batch of two or more examples"):
        session.finish()


@pytest.mark.parametrize("other", ["ema", "early_stopping", "snapshot_ensemble"])
def test_what_would_undo_the_average_is_refused(other: str) -> None:
    from advisor.techniques import build_techniques

    with pytest.raises(AdvisorError, match="conflict"):
        build_techniques({"swa": {}, other: {}})
