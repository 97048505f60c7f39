"""Dropout: random zeros among the activations while training (Srivastava et al. 2014)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from advisor.errors import AdvisorError
from advisor.techniques.core import Card, Effect, Run, Technique, register, strength
from advisor.techniques.core.changes import change_input, set_attribute
from advisor.techniques.core.draws import uniform
from advisor.techniques.core.places import layers

if TYPE_CHECKING:
    import torch

Where = Literal["auto", "head", "hidden", "linear"]


def drop(activations: torch.Tensor, probability: float, numbers: torch.Tensor) -> torch.Tensor:
    """Zero each activation with `probability` and scale the rest so that the mean stays.

    activations: any shape; numbers: the same shape, uniform in [0, 1).
    """
    kept = numbers >= probability
    return activations * kept.to(activations.dtype).mul(1 / (1 - probability))


def find_places(model: torch.nn.Module, where: Where = "auto") -> list[torch.nn.Module]:
    """The linear layers before which dropout goes, in the order in which the model registers them.

    `head`: the last one. `hidden`: those that follow another linear layer, the last one excepted. `auto`: both.
    `linear`: all, also after normalizations and convolutions.

    Left out are a layer that reads the raw inputs, a layer that batch normalization follows (zeros before it make its
    variance in training another than in evaluation, Li et al. 2019) and the projections inside torch's attention,
    which run without their module.
    """
    from torch import nn
    from torch.nn.modules.batchnorm import _BatchNorm

    ordered = layers(model)
    linear = [place for place, layer in enumerate(ordered) if isinstance(layer, nn.Linear)]

    def wanted(place: int) -> bool:
        if place == linear[-1]:
            return where != "hidden"
        return where == "linear" or (where != "head" and isinstance(ordered[place - 1], nn.Linear))

    return [
        ordered[place]
        for place in linear
        if place > 0 and wanted(place) and not (place + 1 < len(ordered) and isinstance(ordered[place + 1], _BatchNorm))
    ]


def find_own(model: torch.nn.Module, places: list[torch.nn.Module]) -> dict[int, torch.nn.Module]:
    """The model's own dropout before each place, by the place's id.

    It is registered in the same module, with no layer between the two.
    """
    from torch import nn

    place_ids = {id(place) for place in places}
    found: dict[int, nn.Module] = {}
    for module in model.modules():
        latest: nn.Module | None = None
        for child in module.children():
            if id(child) in place_ids and latest is not None:
                found[id(child)] = latest
            if isinstance(child, nn.Dropout):
                latest = child
            elif layers(child):
                latest = None
    return found


_LOOKED_FOR: dict[Where, str] = {
    "auto": "an nn.Linear",
    "head": "a last nn.Linear",
    "hidden": "an nn.Linear that follows another, beside the last,",
    "linear": "an nn.Linear",
}


@register
class Dropout(Technique, frozen=True):
    """Set the rate of the model's own dropout; where it has none, drop before the last and hidden linear layers.

    A model with dropout of its own keeps its places, and 0 turns it off there. Asked for a place by `where`, the
    technique sets the dropout that stands before that layer or brings one, and leaves all other dropout alone.
    """

    probability: float = strength(
        0.3,
        "share of activations set to zero; 0.3 to 0.5 before fully connected layers, 0.1 to 0.3 after convolutions",
        ge=0,
        le=0.95,
        usual=(0.1, 0.5),
    )
    where: Where = Field(
        "auto",
        description=(
            "auto: the model's own dropout, else before the last linear layer and those that follow another; head: "
            "before the last one only; hidden: those that follow another; linear: before every linear layer"
        ),
    )
    attention: bool = Field(
        False, description="also drop attention weights, at the same rate, in every nn.MultiheadAttention"
    )

    name: ClassVar[str] = "dropout"
    stackable: ClassVar[bool] = True
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
        step_cost=1.0,
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

        if self.attention:
            self._drop_attention(run, model)
        existing = [module for module in model.modules() if isinstance(module, nn.Dropout)]
        if self.where == "auto" and existing:
            for module in existing:
                set_attribute(run, module, "p", self.probability)
            return model
        places = find_places(model, self.where)
        if not places:
            raise AdvisorError(
                f"dropout finds no place in {type(model).__name__}: looked for "
                f"{'nn.Dropout modules, and for ' if self.where == 'auto' else ''}{_LOOKED_FOR[self.where]} that "
                "neither reads the raw inputs nor is followed by batch normalization. Put an nn.Dropout where you want "
                "it, or leave dropout out of this arm."
            )
        own = find_own(model, places) if existing else {}

        def change(activations: torch.Tensor) -> torch.Tensor:
            return drop(activations, self.probability, uniform(run, self.name, activations))

        for place in places:
            if id(place) in own:
                set_attribute(run, own[id(place)], "p", self.probability)
            else:
                change_input(run, place, change)
        return model

    def _drop_attention(self, run: Run, model: torch.nn.Module) -> None:
        from torch import nn

        found = [module for module in model.modules() if isinstance(module, nn.MultiheadAttention)]
        for module in found:
            set_attribute(run, module, "dropout", self.probability)
        if not found:
            raise AdvisorError(
                f"dropout finds no attention in {type(model).__name__}: looked for nn.MultiheadAttention modules. "
                "Use attention: false."
            )
