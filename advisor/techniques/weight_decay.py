"""Weight decay: shrink the weights a little at each step (Krogh & Hertz 1991; decoupled: Loshchilov & Hutter 2019).

With the optimizer "adamw" it is decoupled: a step multiplies the weights by 1 - lr * strength, whatever the gradient.
With "sgd" strength * weight is added to the gradient (L2), which for plain SGD is the same shrinking and with momentum
spreads it over the next steps. With "adam" that L2 term is divided by the gradient's running size like the rest of the
gradient, so that weights with large gradients hardly shrink: use "adamw" instead.

Decoupled, a step shrinks weights by lr * strength, and that product is what has to stay when the learning rate changes:
`keep_product_with_lr` names the learning rate that the strength was found at. In the coupled kinds there is no such
product to keep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from advisor.errors import AdvisorError
from advisor.techniques.core import Card, Effect, Run, Technique, register
from advisor.techniques.core import strength as bounded

if TYPE_CHECKING:
    import torch


def split_parameters(model: torch.nn.Module) -> tuple[list[str], list[str]]:
    """Names of the parameters that should decay, and of those that should not.

    Not decayed: biases and all else with at most one dimension (scales of normalization written by hand among them),
    everything in a normalization module, embeddings, also where their weight is shared with another layer, and what
    is added to activations: position tables and class tokens, see `_added`.
    """
    spared = {id(parameter) for module in model.modules() for parameter in _spared(module)}
    decayed: list[str] = []
    rest: list[str] = []
    for name, parameter in model.named_parameters():
        is_bias = name.rpartition(".")[2].endswith("bias")
        exempt = is_bias or parameter.ndim <= 1 or id(parameter) in spared
        (rest if exempt else decayed).append(name)
    return decayed, rest


def _spared(module: torch.nn.Module) -> list[torch.nn.Parameter]:
    """Which of the parameters that a module holds itself are no weights, whatever their dimensions."""
    from torch import nn
    from torch.nn.modules.batchnorm import _NormBase
    from torch.nn.modules.conv import _ConvNd

    own = list(module.parameters(recurse=False))
    if isinstance(module, (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.Embedding, nn.EmbeddingBag)):
        return own
    if isinstance(module, (nn.Linear, nn.Bilinear, _ConvNd, nn.RNNBase, nn.RNNCellBase)):
        return []
    return _added(module, own)


def _added(module: torch.nn.Module, own: list[torch.nn.Parameter]) -> list[torch.nn.Parameter]:
    """The parameters of a module of no known kind that are added to activations or scale them, by their shape.

    Those that broadcast: with a leading dimension of 1, (1, T, D), or with no more than one dimension larger than 1.
    Of a module with layers inside, such as the whole network, all that it holds itself. A layer of the user's own
    has a matrix together with a bias as long as one of its sides; a matrix alone, (T, D), is taken for a table.
    """
    from torch import nn
    from torch.nn.utils.parametrize import ParametrizationList

    known = isinstance(module, (nn.MultiheadAttention, ParametrizationList))
    inside = any(True for child in module.children() for _ in child.parameters())
    lengths = {len(parameter) for parameter in own if parameter.ndim == 1}

    def adds(parameter: torch.nn.Parameter) -> bool:
        if sum(side > 1 for side in parameter.shape) <= 1 or (parameter.ndim > 2 and parameter.shape[0] == 1):
            return True
        return not known and (inside or not lengths & set(parameter.shape))

    return [parameter for parameter in own if adds(parameter)]


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
    keep_product_with_lr: float | None = bounded(
        None,
        "the learning rate at which `strength` was tuned, for adamw: each group decays by strength * this / its own "
        "learning rate, so that learning rate times decay stays; none takes the strength as it is",
        gt=0,
        le=1000,
    )

    name: ClassVar[str] = "weight_decay"
    stackable: ClassVar[bool] = True
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
            "On biases, normalization parameters, embeddings and position tables. As L2 in Adam, where the adaptive "
            "scaling undoes it. Large values for fine-tuning, which pull away from the pretrained weights."
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
        """Split each group into parameters that decay and parameters that do not; other settings are kept.

        Raises:
            AdvisorError: the product with the learning rate is to be kept, and a group has no learning rate yet.
        """
        parameters = dict(run.model.named_parameters())
        decayed = {id(parameters[name]) for name in split_parameters(run.model)[0]}
        split: list[dict[str, Any]] = []
        for number, group in enumerate(groups):
            strength = self._strength(group, number)
            for decays in (True, False):
                members = [parameter for parameter in group["params"] if (id(parameter) in decayed) == decays]
                if members:
                    split.append({**group, "params": members, "weight_decay": strength if decays else 0.0})
        return split

    def _strength(self, group: dict[str, Any], number: int) -> float:
        if self.keep_product_with_lr is None:
            return self.strength
        if not group.get("lr"):
            raise AdvisorError(
                f"weight_decay keeps the product with the learning rate {self.keep_product_with_lr:g}, but group "
                f"{number} has none; pass it: session.param_groups(lr=1e-3)."
            )
        return self.strength * self.keep_product_with_lr / float(group["lr"])
