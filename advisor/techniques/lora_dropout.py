"""LoRA with dropout: a low-rank update trained beside frozen weights, on inputs that drop (Hu et al. 2022)."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ClassVar

from advisor.errors import AdvisorError
from advisor.techniques.core import Card, Run, Technique, register, strength
from advisor.techniques.core.changes import change_input, set_attribute, uncompiled
from advisor.techniques.core.draws import uniform
from advisor.techniques.core.places import is_kind, layers
from advisor.techniques.dropout import drop

if TYPE_CHECKING:
    import torch

    from advisor.techniques.core.changes import Change

DOWN, UP = "lora_down", "lora_up"  # the names of an adapter's parameters in its layer


def low_rank(inputs: torch.Tensor, down: torch.Tensor, up: torch.Tensor, scale: float) -> torch.Tensor:
    """What an adapter adds to its layer's output: scale * up @ down @ inputs.

    inputs: (..., I). down: (rank, I). up: (O, rank). Returned: (..., O).
    """
    from torch.nn import functional

    return functional.linear(functional.linear(inputs, down), up) * scale


def find_layers(model: torch.nn.Module) -> tuple[list[torch.nn.Linear], torch.nn.Linear | None]:
    """The linear layers that get an adapter, and the last one, which is trained itself.

    The projections inside torch's attention run without their module and get none.
    """
    from torch import nn

    linear = [layer for layer in layers(model) if isinstance(layer, nn.Linear)]
    return linear[:-1], linear[-1] if linear else None


@register
class LoraDropout(Technique, frozen=True):
    """Train low-rank adapters with dropout on every linear layer but the last, which is trained whole; freeze the rest.

    A model with peft's LoRA layers keeps them as they are, and their dropout gets the rate. Where adapters are
    brought, `restore` adds what they learned to the weights and takes them out.
    """

    probability: float = strength(
        0.05, "share of an adapter's inputs set to zero; 0.05 to 0.1 is usual", ge=0, le=0.95, usual=(0.0, 0.2)
    )
    rank: int = strength(8, "rank of the update where adapters are brought", ge=1, le=1024, usual=(4, 64))
    alpha: float = strength(
        16.0, "the update is scaled by alpha / rank where adapters are brought", gt=0, le=4096, usual=(8.0, 64.0)
    )

    name: ClassVar[str] = "lora_dropout"
    # No configuration changes nothing: freezing all other weights is the technique.
    null: ClassVar[None] = None
    conflicts: ClassVar[dict[str, str]] = {
        "gradual_unfreezing": "it would unfreeze the weights that the adapters stand in for",
    }
    card: ClassVar[Card] = Card(
        title="LoRA adapters with dropout",
        mechanism=(
            "The update has at most the given rank, so that it fits a small data set less closely and keeps more of "
            "what the weights knew; dropout on the adapter's input thins the update alone, never the frozen path."
        ),
        when="Fine-tuning a pretrained transformer on few examples, or where memory is short.",
        avoid=(
            "From scratch, where frozen random weights are all that is adapted. Where the new task is far from the old "
            "one and data are plenty: full fine-tuning then fits better."
        ),
        cost="Two narrow products for each layer; no gradients or optimizer state for the frozen weights.",
        step_cost=1.15,
        effect=None,
        interactions=(
            "Adapters need a larger learning rate than the full weights. Weight decay and averages of weights act on "
            "the adapters and the last layer alone."
        ),
        source="Hu et al. 2022",
    )

    def model(self, run: Run, model: torch.nn.Module) -> torch.nn.Module:
        """Set the rate in peft's LoRA layers, else freeze the model and bring adapters.

        Raises:
            AdvisorError: there is neither a LoRA layer nor a linear layer beside the last.
        """

        def thin(inputs: torch.Tensor) -> torch.Tensor:
            return drop(inputs, self.probability, uniform(run, self.name, inputs))

        existing = [module for module in model.modules() if is_kind(module, "peft", "LoraLayer")]
        for module in existing:
            self._set(run, module, thin)
        if existing:
            return model
        adapted, last = find_layers(model)
        if not adapted or last is None:
            raise AdvisorError(
                f"lora_dropout finds no place in {type(model).__name__}: looked for LoRA layers of peft, and for an "
                "nn.Linear beside the last one and outside of attention. Leave lora_dropout out of this arm."
            )
        trained = {id(parameter) for parameter in last.parameters()}
        for parameter in model.parameters():
            set_attribute(run, parameter, "requires_grad", parameter.requires_grad and id(parameter) in trained)
        hidden = uncompiled(thin)
        for layer in adapted:
            self._adapt(run, layer, hidden)
        return model

    def _set(self, run: Run, layer: Any, thin: Change) -> None:
        """The dropout of each adapter in a LoRA layer of peft's, which has an identity where it was made with 0."""
        from torch import nn

        for module in layer.lora_dropout.values():
            if isinstance(module, nn.Dropout):
                set_attribute(run, module, "p", self.probability)
            else:
                change_input(run, module, thin)

    def _adapt(self, run: Run, layer: torch.nn.Linear, thin: Change) -> None:
        import torch
        from torch import nn
        from torch.nn import init

        weight = layer.weight
        dtype = weight.dtype if weight.is_floating_point() else torch.get_default_dtype()
        down = torch.empty(self.rank, layer.in_features, dtype=dtype, device=weight.device)
        init.kaiming_uniform_(down, a=5**0.5, generator=run.generator(self.name))
        up = torch.zeros(layer.out_features, self.rank, dtype=dtype, device=weight.device)
        layer.register_parameter(DOWN, nn.Parameter(down))
        layer.register_parameter(UP, nn.Parameter(up))
        scale = self.alpha / self.rank

        def add(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
            kept = thin(inputs[0]) if module.training else inputs[0]
            return output + low_rank(kept, getattr(module, DOWN), getattr(module, UP), scale)

        handle = layer.register_forward_hook(add)
        run.undo += [functools.partial(_merge, layer, scale), handle.remove]


def _merge(layer: torch.nn.Linear, scale: float) -> None:
    """Add what an adapter learned to its layer's weight, and remove its parameters."""
    import torch

    with torch.no_grad():
        layer.weight.add_((scale * (getattr(layer, UP) @ getattr(layer, DOWN))).to(layer.weight.dtype))
    delattr(layer, DOWN)
    delattr(layer, UP)
