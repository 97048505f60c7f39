"""Which networks a training trains, and a plain loop over a few batches."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import nn

from advisor.techniques import Session, Trained, regularize
from advisor.techniques.core import Technique
from advisor.training import engine
from advisor.training.plan import RunPlan


def count_trainings(monkeypatch: pytest.MonkeyPatch) -> list[RunPlan]:
    """The plans of all networks that are trained from now on, the asked one first."""
    plans: list[RunPlan] = []
    start = engine.Trainee.__init__

    def counted(self: Any, plan: RunPlan, *rest: Any, **settings: Any) -> None:
        plans.append(plan)
        start(self, plan, *rest, **settings)

    monkeypatch.setattr(engine.Trainee, "__init__", counted)
    return plans


def trained(model: nn.Module, asked: list[dict[str, Any]] | None = None) -> Callable[..., Trained]:
    """A `train_once` of a user: always this network; what it is asked for goes to `asked`."""

    def train_once(name: str, **settings: Any) -> Trained:
        if asked is not None:
            asked.append({"name": name, **settings})
        return Trained(model, model)

    return train_once


def plain_loop(
    model: nn.Module,
    techniques: Sequence[Technique],
    *,
    epochs: int = 1,
    inputs: tuple[int, ...] = (5,),
    classes: int = 3,
    **settings: Any,
) -> tuple[Session, torch.Tensor]:
    """Two steps an epoch on random data, to the end; the session and some inputs."""
    generator = torch.Generator().manual_seed(4)
    data = torch.randn(2, 8, *inputs, generator=generator)
    labels = torch.randint(classes, (2, 8), generator=generator)
    batches = list(zip(data, labels, strict=True))
    settings = {"example": data[0][:2], "validation_batches": batches, **settings}
    session = regularize(model, techniques, classes=classes, epochs=epochs, steps_per_epoch=2, **settings)
    optimizer = torch.optim.SGD(session.param_groups(lr=0.1), lr=0.1)
    for _ in range(epochs):
        session.model.train()
        session.epoch_start()
        for batch, target in batches:
            assert session.step(optimizer, batch, target).isfinite()
        session.epoch_end(validation_loss=1.0, validation_metric=0.5)
    session.finish()
    return session, data[0]
