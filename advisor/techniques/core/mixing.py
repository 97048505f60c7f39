"""What mixing techniques share: who is mixed with whom, and how much of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.techniques.core.run import Run

if TYPE_CHECKING:
    import numpy as np
    import torch


def draw_lam(generator: torch.Generator, alpha: float) -> float:
    """lam from Beta(alpha, alpha), in [0, 1]; 1 where alpha is 0, the limit that leaves examples alone."""
    import numpy as np

    if alpha == 0:
        return 1.0
    # torch's Beta takes no generator; the seed of ours serves numpy's, with no copy from the device.
    return float(np.random.default_rng(generator.initial_seed()).beta(alpha, alpha))


def host_draws(generator: torch.Generator, purpose: int) -> np.random.Generator:
    """Random numbers of this step on the host; another `purpose` is another stream, and none is that of `draw_lam`."""
    import numpy as np

    return np.random.default_rng([purpose, generator.initial_seed()])


def is_chosen(generator: torch.Generator, probability: float) -> bool:
    """Whether a batch is mixed, with this probability."""
    return probability >= 1 or bool(host_draws(generator, 1).random() < probability)


def draw_partners(run: Run, generator: torch.Generator, count: int) -> torch.Tensor:
    """(count,) indices of the examples' partners, a random permutation.

    In a batch that is stacked several times over, the copies of an example get the copies of one partner.
    """
    import torch

    size = count // run.copies
    permutation = torch.randperm(size, generator=generator, device=generator.device)
    return stacked_partners(permutation, run.copies)


def stacked_partners(permutation: torch.Tensor, copies: int) -> torch.Tensor:
    """The same partners within each copy of a batch. permutation: (N,) indices; returns (copies * N,)."""
    import torch

    if copies == 1:
        return permutation
    return torch.cat([permutation + len(permutation) * copy for copy in range(copies)])
