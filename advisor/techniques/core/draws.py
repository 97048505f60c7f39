"""Random numbers inside a model: from the run's own stream, and in a batched program from that of each run in it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from advisor.techniques.core.run import Run

if TYPE_CHECKING:
    import torch


def uniform(run: Run, name: str, like: torch.Tensor) -> torch.Tensor:
    """Numbers from [0, 1) of the shape of `like`, an activation, from the stream of this name."""
    import torch

    if run.stack is None:
        return torch.rand(like.shape, generator=run.generator(name), device=like.device)
    numbers: torch.Tensor = _uniform_class().apply(like, run.stack, name)
    return numbers


@functools.cache
def _uniform_class() -> type[torch.autograd.Function]:
    import torch

    class Uniform(torch.autograd.Function):
        """Draws below the batching, where each run's numbers are its own."""

        @staticmethod
        def forward(like: torch.Tensor, stack: list[Run], name: str) -> torch.Tensor:
            return torch.rand(like.shape, generator=stack[0].generator(name), device=like.device)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: torch.Tensor) -> None:
            ctx.mark_non_differentiable(output)

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            return None, None, None

        @staticmethod
        def vmap(info: Any, in_dims: Any, like: torch.Tensor, stack: list[Run], name: str) -> tuple[torch.Tensor, int]:
            shape = like.movedim(in_dims[0], 0).shape[1:]
            draw: Callable[[Run], torch.Tensor] = lambda run: torch.rand(  # noqa: E731
                shape, generator=run.generator(name), device=like.device
            )
            return torch.stack([draw(run) for run in stack]), 0

    return Uniform
