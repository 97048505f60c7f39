"""Cutout: a square of each training image is blanked out (DeVries & Taylor 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from advisor.techniques.core import Card, Effect, Run, TargetKind, Targets, Technique, register, strength
from advisor.techniques.core.image_batch import check_images, why_no_image

if TYPE_CHECKING:
    import torch


def holes(rows: torch.Tensor, columns: torch.Tensor, size: int, height: int, width: int) -> torch.Tensor:
    """(N, height, width) booleans, true in a square of `size` pixels around each center.

    rows, columns: (N,) integers, the centers. A square may hang over the border; one of even size has its center below
    and right of its middle.
    """
    import torch

    def covered(center: torch.Tensor, length: int) -> torch.Tensor:
        offset = torch.arange(length, device=center.device) - (center - size // 2).unsqueeze(1)
        return (offset >= 0) & (offset < size)

    return covered(rows, height).unsqueeze(2) & covered(columns, width).unsqueeze(1)


def cut_out(images: torch.Tensor, hole: torch.Tensor, fill: torch.Tensor | None = None) -> torch.Tensor:
    """The images with zeros, or with each channel's `fill` (C,), in their holes. images: (N, C, H, W)."""
    import torch

    hole = hole.unsqueeze(1)
    if fill is None:
        return images.masked_fill(hole, 0)
    return torch.where(hole, fill.view(1, -1, 1, 1), images)


@register
class Cutout(Technique, frozen=True):
    """Blank out one square of each image, at its own random place."""

    size: float = strength(
        0.5,
        "side of the square as a share of the image's shorter side: 0.5 on CIFAR-10 (16 of 32 pixels), 0.25 with more "
        "classes or fewer examples of each",
        ge=0,
        le=1,
        usual=(0.2, 0.65),
        unit="share of the side",
    )
    fill: Literal["zero", "mean"] = Field(
        "zero", description="what comes into the square: zero (the mean of standardized inputs), or the batch's mean"
    )

    name: ClassVar[str] = "cutout"
    stackable: ClassVar[bool] = True
    kinds: ClassVar[frozenset[TargetKind]] = frozenset({"class", "multilabel", "real"})
    null: ClassVar[dict[str, float] | None] = {"size": 0.0}
    card: ClassVar[Card] = Card(
        title="Cutout",
        mechanism=(
            "Takes part of each image away, so that the network cannot rely on one telling detail and learns to use "
            "the rest: dropout of neighbouring inputs."
        ),
        when="Natural images of objects that fill the frame, beside crop and mirror, where nothing else cuts or mixes.",
        avoid=(
            "Where a small part carries the answer, such as lesions, text or small objects: the square may cover it. "
            "Where the network underfits."
        ),
        cost="One mask; negligible.",
        step_cost=1.0,
        effect=Effect(
            metric="accuracy",
            low=0.003,
            high=0.008,
            scope="CIFAR-10 with crop and mirror: ResNet-18, WRN-28-10 and a shake-shake network",
            source="DeVries & Taylor 2017",
        ),
        interactions=(
            "Near zero once tuned or combined with mixing or label smoothing. After augmentation, before mixing. "
            "CutMix fills the box with another image instead and usually gains more."
        ),
        source="DeVries & Taylor 2017",
        modalities=("image",),
    )

    def refuse(self, kind: TargetKind, input_shape: tuple[int, ...]) -> str | None:
        """Only images have squares."""
        return why_no_image(self.name, input_shape) or super().refuse(kind, input_shape)

    def batch(self, run: Run, inputs: torch.Tensor, targets: Targets) -> tuple[torch.Tensor, Targets]:
        """Blank out a square of each image. inputs: (N, C, H, W).

        Raises:
            AdvisorError: the inputs are no images.
        """
        import torch

        check_images(self.name, inputs)
        height, width = inputs.shape[2:]
        size = max(1, round(self.size * min(height, width))) if self.size else 0
        generator = run.generator(self.name)
        rows, columns = (
            torch.randint(length, (len(inputs),), generator=generator, device=generator.device)
            for length in (height, width)
        )
        mean = inputs.mean((0, 2, 3)) if self.fill == "mean" else None
        return cut_out(inputs, holes(rows, columns, size, height, width), mean), targets
