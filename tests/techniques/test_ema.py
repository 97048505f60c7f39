"""The average that is kept beside a training, what is evaluated, and what the model holds in the end."""

import functools

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from advisor.errors import AdvisorError
from advisor.techniques import regularize
from advisor.techniques.core.weights import AveragedWeights
from advisor.techniques.ema import Ema, decay_at
from advisor.training.engine import train
from tests.training.run_plans import make_plan


def convolutional() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3))


def batches(count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(5)
    return [
        (torch.randn(6, 1, 8, 8, generator=generator), torch.randint(3, (6,), generator=generator))
        for _ in range(count)
    ]


@pytest.mark.parametrize("every", [1, 2])
def test_weights_and_batch_statistics_equal_those_of_torch(every: int) -> None:
    model = convolutional()
    technique = Ema(decay=0.9, warm_up=False, every_steps=every)
    session = regularize(model, [technique], classes=3, epochs=1, steps_per_epoch=6)
    optimizer = torch.optim.SGD(session.param_groups(), lr=0.1)
    reference = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    session.model.train()
    session.epoch_start()
    for number, batch in enumerate(batches(6)):
        session.step(optimizer, *batch)
        if (number + 1) % every == 0:
            reference.update_parameters(model)
    average = session.eval_model()
    assert average is not model
    for name, expected in reference.module.state_dict().items():
        if "num_batches" not in name:
            torch.testing.assert_close(average.state_dict()[name], expected)


def test_a_buffer_that_is_no_running_statistic_is_copied_as_it_is() -> None:
    model = nn.Linear(2, 2)
    model.register_buffer("mask", torch.tensor([0.0, -torch.inf]))
    average = AveragedWeights(model, "ema")
    average.update(0.0)
    model.mask.fill_(-torch.inf)
    average.update(0.9)
    assert torch.equal(average.model.mask, torch.full((2,), -torch.inf))


def test_the_decay_rises_to_its_value_and_the_first_update_keeps_nothing() -> None:
    assert [decay_at(n, 0.5, warm_up=True) for n in (0, 1, 2, 8, 100)] == [0.0, 2 / 11, 3 / 12, 0.5, 0.5]
    assert [decay_at(n, 0.5, warm_up=False) for n in (0, 1, 2)] == [0.0, 0.5, 0.5]


def test_the_average_is_in_the_model_at_the_end_and_training_never_saw_it() -> None:
    plain, averaged = (
        regularize(convolutional(), techniques, classes=3, epochs=1, steps_per_epoch=5)
        for techniques in ([], [Ema(decay=0.8)])
    )
    for session in (plain, averaged):
        optimizer = torch.optim.SGD(session.param_groups(), lr=0.1)
        session.model.train()
        session.epoch_start()
        for batch in batches(5):
            session.step(optimizer, *batch)
        session.epoch_end(validation_loss=1.0)
    for own, other in zip(plain.model.parameters(), averaged.model.parameters(), strict=True):
        assert torch.equal(own, other)
    kept = {name: tensor.clone() for name, tensor in averaged.eval_model().state_dict().items()}
    assert averaged.run.evaluated is averaged.eval_model()
    final = averaged.finish()
    assert final is averaged.model
    for name, tensor in final.state_dict().items():
        assert torch.equal(tensor, kept[name]), name


def test_early_stopping_keeps_the_average_of_the_best_epoch() -> None:
    quick = {"lr": 0.1, "data": {"builtin": "digits", "train_size": 40}}
    both = {"ema": {"decay": 0.9}, "early_stopping": {"patience_epochs": 2}}
    many = train(make_plan(both, epochs=30, **quick))
    few = train(make_plan({"ema": {"decay": 0.9}}, epochs=many.kept_epoch + 1, **quick))
    assert many.kept_epoch < many.epochs_run - 1 < 29
    assert few.test == many.test


def test_hooks_are_shared_with_the_copy_and_what_they_hold_is_not_copied() -> None:
    held = torch.Generator()  # stands for a whole run
    model = nn.Linear(2, 2)

    def hook(holds: torch.Generator, module: nn.Module, inputs: object, output: torch.Tensor) -> torch.Tensor:
        assert holds is held
        return output + 1

    model.register_forward_hook(functools.partial(hook, held))
    average = AveragedWeights(model, "ema")
    average.update(0.0)
    inputs = torch.randn(3, 2)
    assert torch.equal(average.model(inputs), model(inputs))


def test_a_model_that_cannot_be_copied_is_refused() -> None:
    model = nn.Linear(2, 2)
    model.last = model(torch.ones(1, 2))  # a tensor with a history
    session = regularize(model, [Ema()], classes=2, epochs=1, steps_per_epoch=1)
    with pytest.raises(AdvisorError, match="ema keeps a copy of the model, but Linear cannot be copied: Only Tensors"):
        session.epoch_start()
