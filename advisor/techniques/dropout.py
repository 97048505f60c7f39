"""Dropout: random zeros among the activations while training (Srivastava et al. 2014)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from advisor.errors import AdvisorError
from advisor.techniques.core import Card, Effect, Run, Technique, register, strength

if TYPE_CHECKING:
    import torch


def drop(activations: torch.Tensor, probability: float, generator: torch.Generator) -> torch.Tensor:
    """Zero each activation with `probability` and scale the rest so that the mean stays. activations: any shape."""
    import torch

    kept = torch.rand(activations.shape, generator=generator, device=activations.device) >= probability
    return activations * kept.to(activations.dtype).mul_(1 / (1 - probability))


def find_places(model: torch.nn.Module) -> list[torch.nn.Module]:
    """The linear layers before which dropout goes: the last one, and those that follow another linear layer.

    Layers are taken in the order in which the model registers them. Left out are a layer that reads the raw inputs, a
    layer that batch normalization follows (zeros before it make its variance in training another than in evaluation,
    Li et al. 2019) and the projections inside torch's attention, which run without their module.
    """
    from torch import nn
    from torch.nn.modules.batchnorm import _BatchNorm

    hidden = {
        id(inner)
        for module in model.modules()
        if isinstance(module, nn.MultiheadAttention)
        for inner in module.modules()
        if inner is not module
    }
    layers = [m for m in model.modules() if next(m.parameters(recurse=False), None) is not None and id(m) not in hidden]
    linear = [place for place, layer in enumerate(layers) if isinstance(layer, nn.Linear)]
    return [
        layers[place]
        for place in linear
        if place > 0
        and (place == linear[-1] or isinstance(layers[place - 1], nn.Linear))
        and not (place + 1 < len(layers) and isinstance(layers[place + 1], _BatchNorm))
    ]


@register
class Dropout(Technique, frozen=True):
    """Set the rate of the model's own dropout; where it has none, drop before the last and hidden linear layers.

    A model with dropout of its own keeps its places, and 0 turns it off there.
    """

    probability: float = strength(
        0.3,
        "share of activations set to zero; 0.3 to 0.5 before fully connected layers, 0.1 to 0.3 after convolutions",
        ge=0,
        le=0.95,
        usual=(0.1, 0.5),
    )

    name: ClassVar[str] = "dropout"
    null: ClassVar[dict[str, float] | None] = {"probability": 0.0}
    card: ClassVar[Card] = Card(
        title="Dropout",
        mechanism=(
            "Keeps units from relying on one another's presence; training visits many thinned networks whose average "
            "the full network approximates."
        ),
        when=(
            "Networks with fully connected layers that memorize a small or middling data set. The gain rises and falls "
            "again with the number of examples."
        ),
        avoid=(
            "Directly before batch normalization, whose variance it shifts (Li et al. 2019). Element-wise between "
            "convolutions it does little, since neighbours carry the same signal: drop whole channels there. Not where "
            "the network underfits."
        ),
        cost="One random mask for each place; slower convergence, so give it more epochs.",
        step_cost=1.1,
        effect=Effect(
            metric="accuracy",
            low=0.003,
            high=0.022,
            scope="MNIST, SVHN, CIFAR-10 and CIFAR-100, dropout in the fully connected layers only",
            source="Srivastava et al. 2014",
        ),
        interactions=(
            "The train loss logged with dropout on is too high to compare with validation loss. Less is needed beside "
            "augmentation and weight decay. Kept on at prediction it gives an estimate of uncertainty that improves "
            "likelihood and calibration, seldom accuracy (Gal & Ghahramani 2016)."
        ),
        source="Srivastava et al. 2014",
    )

    def model(self, run: Run, model: torch.nn.Module) -> torch.nn.Module:
        """Set the rate where the model drops already, else hook own dropout in; the tree of modules stays as it is.

        Raises:
            AdvisorError: there is no dropout and no place for it.
        """
        from torch import nn

        existing = [module for module in model.modules() if isinstance(module, nn.Dropout)]
        for module in existing:
            module.p = self.probability
        if existing:
            return model
        places = find_places(model)
        if not places:
            raise AdvisorError(
                f"dropout finds no place in {type(model).__name__}: looked for nn.Dropout modules, and for an "
                "nn.Linear that neither reads the raw inputs nor is followed by batch normalization. Put an "
                "nn.Dropout where you want it, or leave dropout out of this arm."
            )

        def before(layer: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
            if not layer.training:
                return None
            return (drop(inputs[0], self.probability, run.generator(self.name)), *inputs[1:])

        for place in places:
            place.register_forward_pre_hook(before)
        return model
