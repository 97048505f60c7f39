"""Weight decay: shrink the weights a little at each step (Krogh & Hertz 1991; decoupled: Loshchilov & Hutter 2019).

With the optimizer "adamw" it is decoupled: a step multiplies the weights by 1 - lr * strength, whatever the gradient.
With "sgd" strength * weight is added to the gradient (L2), which for plain SGD is the same shrinking and with momentum
spreads it over the next steps. With "adam" that L2 term is divided by the gradient's running size like the rest of the
gradient, so that weights with large gradients hardly shrink: use "adamw" instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from advisor.techniques.core import Card, Effect, Run, Technique, register
from advisor.techniques.core import strength as bounded

if TYPE_CHECKING:
    import torch


def split_parameters(model: torch.nn.Module) -> tuple[list[str], list[str]]:
    """Names of the parameters that should decay, and of those that should not.

    Not decayed: biases and all else with at most one dimension (scales of normalization written by hand among them),
    everything in a normalization module, and embeddings, also where their weight is shared with another layer.
    """
    from torch import nn
    from torch.nn.modules.batchnorm import _NormBase

    spared_modules = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.Embedding, nn.EmbeddingBag)
    spared = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, spared_modules)
        for parameter in module.parameters(recurse=False)
    }
    decayed: list[str] = []
    rest: list[str] = []
    for name, parameter in model.named_parameters():
        is_bias = name.rpartition(".")[2].endswith("bias")
        exempt = is_bias or parameter.ndim <= 1 or id(parameter) in spared
        (rest if exempt else decayed).append(name)
    return decayed, rest


@register
class WeightDecay(Technique, frozen=True):
    """Decay the weights of linear and convolutional layers, and of nothing else."""

    strength: float = bounded(
        0.05,
        "the optimizer's weight_decay: 0.01 to 0.1 is usual for adamw, 1e-4 to 5e-4 for sgd",
        ge=0,
        le=10,
        usual=(1e-4, 0.1),
    )

    name: ClassVar[str] = "weight_decay"
    null: ClassVar[dict[str, float] | None] = {"strength": 0.0}
    card: ClassVar[Card] = Card(
        title="Weight decay",
        mechanism=(
            "Pulls weights towards zero against the gradient. Before normalization layers the size of weights does not "
            "matter by itself; there decay sets the effective learning rate and how far back the average over updates "
            "reaches."
        ),
        when="Nearly always, in small doses; the first thing to tune beside the learning rate.",
        avoid=(
            "On biases, normalization parameters and embeddings. As L2 in Adam, where the adaptive scaling undoes it. "
            "Large values for fine-tuning, which pull away from the pretrained weights."
        ),
        cost="None that can be noticed.",
        step_cost=1.0,
        effect=Effect(
            metric="accuracy",
            low=-0.003,
            high=0.016,
            scope="CIFAR-10 from scratch, with and without: a small Inception, AlexNet and perceptrons, L2 in SGD",
            source="Zhang et al. 2017, table 1",
        ),
        interactions=(
            "With adamw a step shrinks weights by lr times strength: that product sets the equilibrium of weights "
            "before normalization, and its inverse the averaging time in steps. When lr changes, keep the product "
            "(van Laarhoven 2017; Wang & Aitchison 2024). Less is needed with strong augmentation."
        ),
        source="Krogh & Hertz 1991; Loshchilov & Hutter 2019",
    )

    def param_groups(self, run: Run, groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Split each group into parameters that decay and parameters that do not; other settings are kept."""
        parameters = dict(run.model.named_parameters())
        decayed = {id(parameters[name]) for name in split_parameters(run.model)[0]}
        split: list[dict[str, Any]] = []
        for group in groups:
            for decays in (True, False):
                members = [parameter for parameter in group["params"] if (id(parameter) in decayed) == decays]
                if members:
                    split.append({**group, "params": members, "weight_decay": self.strength if decays else 0.0})
        return split
