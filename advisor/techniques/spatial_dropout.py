"""Spatial dropout: whole channels of feature maps set to zero at random (Tompson et al. 2015)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from advisor.techniques.core import Card, Run, Technique, register, strength
from advisor.techniques.core.changes import change_output, set_attribute
from advisor.techniques.core.dataflow import Maker
from advisor.techniques.core.places import require_feature_maps

if TYPE_CHECKING:
    import torch


def drop_channels(maps: torch.Tensor, probability: float, generator: torch.Generator) -> torch.Tensor:
    """Zero each channel of each example with `probability` and scale the rest so that the mean stays.

    maps: (N, C, ...). probability: in [0, 1).
    """
    import torch

    kept = torch.rand(maps.shape[:2], generator=generator, device=maps.device) >= probability
    scale = kept.to(maps.dtype).mul_(1 / (1 - probability))
    return maps * scale.view(*scale.shape, *[1] * (maps.ndim - 2))


@register
class SpatialDropout(Technique, frozen=True):
    """Set the rate of the model's own channel dropout; where it has none, drop channels after each stage or block.

    A dry forward pass finds the stages: each convolution with what follows it, or each residual block.
    """

    probability: float = strength(
        0.1, "share of channels set to zero; 0.05 to 0.2 at many places, up to 0.5 at one", ge=0, le=0.95,
        usual=(0.05, 0.3),
    )  # fmt: skip

    name: ClassVar[str] = "spatial_dropout"
    null: ClassVar[dict[str, float] | None] = {"probability": 0.0}
    card: ClassVar[Card] = Card(
        title="Spatial dropout (whole channels)",
        mechanism=(
            "Neighbouring activations of a map carry nearly the same signal, so that a single one dropped is rebuilt "
            "from those around it; a whole channel dropped is not."
        ),
        when="Convolutional networks that overfit, where dropout before the head is not enough.",
        avoid=(
            "Directly before batch normalization, whose variance it shifts (Li et al. 2019). In narrow layers, where "
            "a channel is much to lose, and where the network underfits. Not in networks of tokens, which have no maps."
        ),
        cost="One random number for each channel and one multiplication of each map.",
        step_cost=1.0,
        effect=None,
        interactions=(
            "With DropBlock at the same places the doses add up: lower both. The train loss logged with it on is too "
            "high to compare with validation loss."
        ),
        source="Tompson et al. 2015",
        modalities=("image", "sequence", "text"),
    )

    def model(self, run: Run, model: torch.nn.Module) -> torch.nn.Module:
        """Set the rate where the model drops channels already, else hook own dropout in.

        Raises:
            AdvisorError: there is no channel dropout and no place for it.
        """
        from torch import nn

        kinds = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
        existing = [module for module in model.modules() if isinstance(module, kinds)]
        for module in existing:
            set_attribute(run, module, "p", self.probability)
        if existing:
            return model

        def change(maps: torch.Tensor) -> torch.Tensor:
            return drop_channels(maps, self.probability, run.generator(self.name))

        own = "nn.Dropout1d, nn.Dropout2d or nn.Dropout3d"
        for place in require_feature_maps(run, model, self.name, own, (1, 2, 3)):
            change_output(run, Maker(place), change)
        return model
