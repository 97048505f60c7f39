"""Weights kept beside a training: an average over its course, and tensors that a model holds for a while."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from advisor.errors import AdvisorError
from advisor.techniques.core.norms import tracking_norms

if TYPE_CHECKING:
    import torch


def tensors_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Copies of all parameters and buffers by name, those that are not part of the state among them."""
    return {name: tensor.detach().clone() for name, tensor in (*model.named_parameters(), *model.named_buffers())}


@contextlib.contextmanager
def holding(model: torch.nn.Module, tensors: dict[str, torch.Tensor]) -> Iterator[None]:
    """The model with these tensors (see `tensors_of`); its own come back afterwards, the very same memory."""
    places = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    own = {name: places[name].data for name in tensors}
    try:
        for name, tensor in tensors.items():
            places[name].data = tensor
        yield
    finally:
        for name, tensor in own.items():
            places[name].data = tensor


class AveragedWeights:
    """A copy of a model, in evaluation mode, whose weights are an average of the model's over a training.

    Averaged are the parameters and the running statistics of normalization, so that these fit the averaged weights
    about as well as the model's fit its own. All other buffers are copied when the average is looked at.
    """

    def __init__(self, model: torch.nn.Module, technique: str) -> None:
        """The average begins as the model is now; `technique` is whose average it is, for messages.

        Raises:
            AdvisorError: the model cannot be copied.
        """
        self.updates = 0
        self._source = model
        self._average = _copy(model, technique).requires_grad_(False).eval()
        self._pairs = [*zip(self._average.parameters(), model.parameters(), strict=True)]
        for kept, norm in zip(tracking_norms(self._average), tracking_norms(model), strict=True):
            for name in ("running_mean", "running_var"):
                self._pairs.append((getattr(kept, name), getattr(norm, name)))

    def update(self, decay: float) -> None:
        """Keep `decay` of the average, in [0, 1), and take the rest from the model; with 0 it is the model exactly."""
        import torch

        with torch.no_grad():
            if decay == 0:
                for average, source in self._pairs:
                    average.copy_(source)
            else:
                averages, sources = zip(*self._pairs, strict=True)
                torch._foreach_lerp_(averages, [source.detach() for source in sources], 1 - decay)
        self.updates += 1

    @property
    def model(self) -> torch.nn.Module:
        """The averaged model."""
        import torch

        averaged = {id(average) for average, _ in self._pairs}
        with torch.no_grad():
            for copied, source in zip(self._average.buffers(), self._source.buffers(), strict=True):
                if id(copied) not in averaged:
                    copied.copy_(source)
        return self._average

    def put_into(self, model: torch.nn.Module) -> None:
        """Give the model the averaged weights and statistics."""
        import torch

        with torch.no_grad():
            for average, source in self._pairs:
                source.copy_(average)


def _copy(model: torch.nn.Module, technique: str) -> torch.nn.Module:
    """A deep copy that shares the hooks, which may hold on to a whole training."""
    memo: dict[int, Any] = {}
    for module in model.modules():
        for hooks in (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks):
            memo |= {id(hook): hook for hook in hooks.values()}
    try:
        return copy.deepcopy(model, memo)
    except (RuntimeError, TypeError) as error:
        raise AdvisorError(
            f"{technique} keeps a copy of the model, but {type(model).__name__} cannot be copied: "
            f"{str(error).splitlines()[0]} Keep only parameters, buffers and plain values on its modules."
        ) from error
