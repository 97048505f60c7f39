"""Muon for the hidden weights and AdamW for all else, as one optimizer (Jordan et al. 2024; Liu et al. 2025).

Muon replaces the update of a matrix by the nearest orthogonal one, so that all directions are learned alike. That fits
weights between hidden layers; embeddings, the first and the last layer, biases and normalization stay with AdamW.

One learning rate serves both: Muon's update is scaled to the size that AdamW's has (0.2 sqrt(max(rows, columns)), Liu
et al. 2025), so a learning rate and a weight decay tuned for "adamw" carry over. Momentum is 0.95 with Nesterov's step.
Weight decay is decoupled in both. Kernels of convolutions count as matrices (out, in * positions).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from advisor.errors import AdvisorError
from advisor.techniques.core.places import embeddings, layers

if TYPE_CHECKING:
    import torch

MOMENTUM = 0.95


def hidden_weights(model: torch.nn.Module) -> list[torch.nn.Parameter]:
    """The matrices and kernels of linear and convolutional layers, without those of the first layer and the last.

    With an embedding below it the first layer is a hidden one. Left out are tables of embeddings, also where a layer
    shares them, and whatever a module holds without being such a layer.
    """
    from torch import nn

    tables = {id(parameter) for table in embeddings(model) for parameter in table.parameters(recurse=False)}
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.MultiheadAttention)
    ordered = [layer for layer in layers(model) if isinstance(layer, kinds)]
    hidden = ordered[0 if tables else 1 : -1]
    found = {id(parameter): parameter for layer in hidden for parameter in layer.parameters() if parameter.ndim >= 2}
    return [parameter for parameter in found.values() if id(parameter) not in tables]


def build_muon(lr: float, groups: list[dict[str, Any]], model: torch.nn.Module) -> torch.optim.Optimizer:
    """The combined optimizer; each group is split into hidden weights and the rest, and keeps its other settings.

    Raises:
        AdvisorError: no group holds a hidden weight.
    """
    hidden = {id(parameter) for parameter in hidden_weights(model)}
    split: list[dict[str, Any]] = []
    for group in groups:
        for is_hidden in (True, False):
            members = [parameter for parameter in group["params"] if (id(parameter) in hidden) == is_hidden]
            if members:
                split.append({**group, "params": members, "muon": is_hidden})
    if not any(group["muon"] for group in split):
        raise AdvisorError(
            f"muon finds nothing to work on in {type(model).__name__}: looked for linear and convolutional layers "
            "between the first layer and the last, and what is trained has none. Use optimizer: adamw, or a deeper "
            "model."
        )
    return _optimizer_class()(split, {"lr": lr, "weight_decay": 0.0, "muon": False})


def _as_matrix(tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """A kernel as a matrix (out, ...) that shares its memory, in the order in which `like` lies there."""
    if tensor.ndim == 2:
        return tensor
    if not like.is_contiguous():  # channels last
        tensor = tensor.movedim(1, -1)
    return tensor.reshape(len(tensor), -1)


@functools.cache
def _optimizer_class() -> type[torch.optim.Optimizer]:
    """The class, made once and only where torch is there."""
    import torch

    class MuonWithAdamW(torch.optim.Optimizer):
        """Two optimizers behind one list of groups; those with `muon` go to the one, the others to the other."""

        def __init__(self, groups: list[dict[str, Any]], defaults: dict[str, Any]) -> None:
            super().__init__(groups, defaults)
            self._parts: list[torch.optim.Optimizer] = []
            self._pairs: list[tuple[dict[str, Any], dict[str, Any]]] = []  # (our group, the part's own)
            settings: dict[str, Any] = {"momentum": MOMENTUM, "nesterov": True, "adjust_lr_fn": "match_rms_adamw"}
            hidden, rest = self._sides()
            matrices = [[torch.nn.Parameter(_as_matrix(p.detach(), p)) for p in g["params"]] for g in hidden]
            self._add(torch.optim.Muon, hidden, matrices, settings)
            self._add(torch.optim.AdamW, rest, [g["params"] for g in rest], {"fused": True})

        def _sides(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
            return [g for g in self.param_groups if g["muon"]], [g for g in self.param_groups if not g["muon"]]

        def _add(
            self,
            kind: Callable[..., torch.optim.Optimizer],
            groups: list[dict[str, Any]],
            members: list[list[torch.nn.Parameter]],
            settings: dict[str, Any],
        ) -> None:
            if groups:
                inner = [{"params": own} for own in members]
                self._parts.append(kind(inner, lr=self.defaults["lr"], weight_decay=0.0, **settings))
                self._pairs += zip(groups, self._parts[-1].param_groups, strict=True)

        def step(self, closure: Callable[[], Any] | None = None) -> Any:
            """One step of both, with the learning rates and the weight decay that our groups have now."""
            loss = None
            if closure is not None:
                with torch.enable_grad():
                    loss = closure()
            for group, own in self._pairs:
                own["lr"], own["weight_decay"] = group["lr"], group["weight_decay"]
                if group["muon"]:
                    for parameter, matrix in zip(group["params"], own["params"], strict=True):
                        gradient = parameter.grad
                        # Anew at each step: a technique may have put other memory under the parameter.
                        matrix.data = _as_matrix(parameter.data, parameter)
                        assert matrix.data_ptr() == parameter.data_ptr(), "the update must reach the parameter"
                        matrix.grad = None if gradient is None else _as_matrix(gradient, parameter)
            for part in self._parts:
                part.step()
            return loss

        def state_dict(self) -> dict[str, Any]:
            """The state of both parts, and our groups."""
            return {**super().state_dict(), "parts": [part.state_dict() for part in self._parts]}

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            """Bring back what `state_dict` gave."""
            super().load_state_dict({key: value for key, value in state_dict.items() if key != "parts"})
            for part, state in zip(self._parts, state_dict["parts"], strict=True):
                part.load_state_dict(state)
            inner = [group for part in self._parts for group in part.param_groups]
            hidden, rest = self._sides()
            self._pairs = list(zip([*hidden, *rest], inner, strict=True))

    return MuonWithAdamW
