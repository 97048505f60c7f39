"""Random numbers inside a model: from the run's own stream, and in a batched program from that of each run in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.techniques.core.run import Run

if TYPE_CHECKING:
    import torch


def uniform(run: Run, name: str, like: torch.Tensor) -> torch.Tensor:
    """Numbers from [0, 1) of the shape of `like`, an activation, from the stream of this name.

    In a batched program `like` is (K, ...), and each run draws its own row.
    """
    import torch

    if run.stack is None:
        return torch.rand(like.shape, generator=run.generator(name), device=like.device)
    return torch.stack(
        [torch.rand(like.shape[1:], generator=each.generator(name), device=like.device) for each in run.stack]
    )
