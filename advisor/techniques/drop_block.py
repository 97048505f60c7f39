"""DropBlock: squares of feature maps set to zero at random (Ghiasi et al. 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from advisor.errors import AdvisorError
from advisor.techniques.core import Card, Effect, Run, TargetKind, Targets, Technique, register, strength
from advisor.techniques.core.changes import change_output, set_attribute
from advisor.techniques.core.dataflow import Maker
from advisor.techniques.core.places import is_kind, require_feature_maps

if TYPE_CHECKING:
    import torch


def seed_probability(probability: float, size: int, height: int, width: int) -> float:
    """How likely each position is the corner of a square, so that about `probability` of the map is covered.

    Squares lie inside the map; size: at most the map's smaller side. Overlaps are not counted, as in the paper.
    """
    positions = (height - size + 1) * (width - size + 1)
    return probability * height * width / (size**2 * positions)


def cover(seeds: torch.Tensor, size: int) -> torch.Tensor:
    """1 where no square lies, 0 where one does.

    seeds: (N, C, H - size + 1, W - size + 1), 1 at the upper left corner of each square and 0 elsewhere. Returned:
    (N, C, H, W).
    """
    from torch.nn import functional

    return 1 - functional.max_pool2d(functional.pad(seeds, (size - 1,) * 4), size, stride=1)


def drop_blocks(maps: torch.Tensor, probability: float, size: int, generator: torch.Generator) -> torch.Tensor:
    """Zero random squares of each channel and scale the rest of the batch by what was lost in it.

    maps: (N, C, H, W). probability: about the share of positions that is zeroed. size: the side of a square; in a
    smaller map it is that map's smaller side.
    """
    import torch

    count, channels, height, width = maps.shape
    size = min(size, height, width)
    likely = seed_probability(probability, size, height, width)
    shape = (count, channels, height - size + 1, width - size + 1)
    seeds = (torch.rand(shape, generator=generator, device=maps.device) < likely).float()
    mask = cover(seeds, size)
    scale = mask.numel() / mask.sum().clamp(min=1)  # where nothing is left there is nothing to scale
    return maps * (mask * scale).to(maps.dtype)


@register
class DropBlock(Technique, frozen=True):
    """Set the model's own DropBlock; where it has none, drop squares after each convolutional stage or block.

    A dry forward pass finds the stages: each convolution with what follows it, or each residual block.
    """

    probability: float = strength(
        0.1, "about the share of each map that is zeroed, at the end of the ramp", ge=0, le=0.5, usual=(0.05, 0.25)
    )
    block_size: int = strength(
        7,
        "side of the squares; 7 for maps of about 14 and more, 3 for smaller ones; odd where the model has "
        "torchvision's own modules",
        ge=1,
        le=99,
        usual=(3, 7),
        unit="positions",
    )
    ramp: float = strength(
        1.0,
        "share of the training over which the probability rises linearly from 0; 0 for none",
        ge=0,
        le=1,
        usual=(0.0, 1.0),
    )

    name: ClassVar[str] = "drop_block"
    null: ClassVar[dict[str, float] | None] = {"probability": 0.0}
    card: ClassVar[Card] = Card(
        title="DropBlock",
        mechanism=(
            "Zeroes connected squares of feature maps, so that what is dropped cannot be rebuilt from its neighbours "
            "and the network has to look at other parts of the object."
        ),
        when="Convolutional networks in long trainings, on images whose maps are larger than the squares.",
        avoid=(
            "Where maps are smaller than the square: whole channels go. From the start at full rate, which hurts: "
            "raise it during training. Short trainings, and networks that underfit."
        ),
        cost="A random map and a pooling at each place.",
        step_cost=1.15,
        effect=Effect(
            metric="accuracy",
            low=0.016,
            high=0.016,
            scope="ImageNet-2012 with ResNet-50 in a long training, in the last two groups, the rate raised linearly",
            source="Ghiasi et al. 2018",
        ),
        interactions=(
            "With spatial dropout at the same places the doses add up. The train loss logged with it on is too high to "
            "compare with validation loss, and rises with the ramp."
        ),
        source="Ghiasi et al. 2018",
        modalities=("image",),
    )

    def refuse(self, kind: TargetKind, input_shape: tuple[int, ...]) -> str | None:
        """Only images (C, H, W) give maps with squares."""
        if input_shape and len(input_shape) != 3:
            return f"{self.name} needs images of shape (channels, height, width) but one example has {input_shape}"
        return super().refuse(kind, input_shape)

    def probability_at(self, run: Run) -> float:
        """The probability at the run's step."""
        rising = self.ramp * run.epochs * run.steps_per_epoch
        return self.probability * (min(1.0, run.step / rising) if rising else 1.0)

    def model(self, run: Run, model: torch.nn.Module) -> torch.nn.Module:
        """Set the model's own DropBlock where it has some, else hook ours in.

        Raises:
            AdvisorError: there is no DropBlock and no place for it, or the model's own cannot have this size.
        """
        existing = [module for module in model.modules() if is_kind(module, "torchvision", "DropBlock2d")]
        run.state[self.name] = existing
        if existing and self.block_size % 2 == 0:
            raise AdvisorError(
                f"block_size must be odd for the torchvision.ops.DropBlock2d modules of {type(model).__name__} but is "
                f"{self.block_size}; use {self.block_size - 1} or {self.block_size + 1}."
            )
        for module in existing:
            set_attribute(run, module, "p", self.probability_at(run))
            set_attribute(run, module, "block_size", self.block_size)
        if existing:
            return model

        def change(maps: torch.Tensor) -> torch.Tensor:
            return drop_blocks(maps, self.probability_at(run), self.block_size, run.generator(self.name))

        for module in require_feature_maps(run, model, self.name, "torchvision.ops.DropBlock2d", (2,)):
            change_output(run, Maker(module), change)
        return model

    def batch(self, run: Run, inputs: torch.Tensor, targets: Targets) -> tuple[torch.Tensor, Targets]:
        """Set this step's probability in the model's own modules; the batch stays as it is."""
        modules: list[Any] = run.state[self.name]
        for module in modules:
            module.p = self.probability_at(run)
        return inputs, targets
