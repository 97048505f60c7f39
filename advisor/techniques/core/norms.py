"""Normalization layers that keep running statistics: which they are, and how the statistics are estimated again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from advisor.techniques.core.modes import keeping_modes

if TYPE_CHECKING:
    import torch
    from torch.nn.modules.batchnorm import _NormBase


def tracking_norms(model: torch.nn.Module) -> list[_NormBase]:
    """Batch and instance normalization that keeps a running mean and variance, in the model's order."""
    from torch.nn.modules.batchnorm import _NormBase

    return [module for module in model.modules() if isinstance(module, _NormBase) and module.running_mean is not None]


def estimate_statistics(model: torch.nn.Module, batches: Iterable[torch.Tensor]) -> int:
    """Running statistics of the model's weights as they are: the mean over all batches; returns how many there were.

    batches: inputs (N, ...); of one example there is no variance, so batches of one are passed over. All else is in
    evaluation mode: dropout would give the statistics of another network than the one that predicts.
    """
    import torch

    norms = tracking_norms(model)
    momenta = [norm.momentum for norm in norms]
    count = 0
    with keeping_modes(model), torch.no_grad():
        model.eval()
        for norm in norms:
            norm.train()
            norm.momentum = None  # each batch counts the same
        try:
            for inputs in batches:
                if len(inputs) < 2:
                    continue
                if count == 0:
                    for norm in norms:
                        norm.reset_running_stats()
                model(inputs)
                count += 1
        finally:
            for norm, momentum in zip(norms, momenta, strict=True):
                norm.momentum = momentum
    return count
