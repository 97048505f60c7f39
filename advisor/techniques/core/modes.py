"""Passes of a model in another mode or with other random numbers, that leave both as they were."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from advisor.techniques.core.run import Run

if TYPE_CHECKING:
    import torch


@contextlib.contextmanager
def keeping_modes(model: torch.nn.Module) -> Iterator[None]:
    """Put every module's own training flag back afterwards; a frozen batch normalization stays frozen."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def answer_in_evaluation(model: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """The model's answer in evaluation mode, without gradient; its modes stay as they were."""
    import torch

    with keeping_modes(model), torch.no_grad():
        answer: torch.Tensor = model.eval()(inputs)
    return answer


@contextlib.contextmanager
def own_randomness(run: Run, name: str) -> Iterator[None]:
    """Draws inside come from the streams of this step and a global state of this name's; outside none is shifted.

    Entered again within the step the same numbers come again.
    """
    import torch

    device = run.generator(name).device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        run.streams.seed_global(name, run.step, everything=False)
        run.streams.restart()
        try:
            yield
        finally:
            run.streams.restart()
