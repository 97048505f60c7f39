"""The forward pass of many perceptrons of one shape at once, layer by layer, with their weights stacked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.errors import AdvisorError

if TYPE_CHECKING:
    import torch

Tensors = dict[str, "torch.Tensor"]


def grouped_answer(model: torch.nn.Module, parameters: Tensors, inputs: torch.Tensor) -> torch.Tensor:
    """What each run's network answers, (K, N, outputs).

    model: the first run's, a Sequential of flattening, linear layers, layer normalization and ReLU; in training mode or
    not, with the hooks that techniques put before its layers. parameters: (K, ...) by their names in the model.
    inputs: (K, N, ...).

    Raises:
        AdvisorError: a layer of another kind.
    """
    from torch import nn

    values = inputs
    for place, layer in model.named_children():
        for hook in layer._forward_pre_hooks.values():
            changed = hook(layer, (values,))
            values = values if changed is None else changed[0]
        own = {name.removeprefix(f"{place}."): tensor for name, tensor in parameters.items()
               if name.startswith(f"{place}.")}  # fmt: skip
        if isinstance(layer, nn.Flatten):
            values = values.flatten(2)
        elif isinstance(layer, nn.Linear):
            values = own["bias"].unsqueeze(1).baddbmm(values, own["weight"].transpose(1, 2))
        elif isinstance(layer, nn.ReLU):
            values = values.relu()
        elif isinstance(layer, nn.LayerNorm):
            normalized = nn.functional.layer_norm(values, layer.normalized_shape, eps=layer.eps)
            values = normalized * own["weight"].unsqueeze(1) + own["bias"].unsqueeze(1)
        else:
            raise AdvisorError(f"A {type(layer).__name__} layer cannot be computed for many runs at once.")
    return values
