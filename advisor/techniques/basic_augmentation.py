"""Random shifts and mirror images, the label-preserving basics, as in LeCun et al. 1998 and He et al. 2016.

Each image of a batch is padded with zeros and cropped at its own random place, and mirrored by its own coin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from advisor.techniques.core import Card, Run, TargetKind, Targets, Technique, register, strength

if TYPE_CHECKING:
    import torch


def shift_images(images: torch.Tensor, down: torch.Tensor, right: torch.Tensor, padding: int) -> torch.Tensor:
    """Move each image by its own offset; what comes in from outside is zero.

    images: (N, C, H, W). down, right: (N,) integers in [-padding, padding], in pixels.
    """
    import torch
    from torch.nn import functional

    count, channels, height, width = images.shape
    padded = functional.pad(images, (padding,) * 4)
    wide = width + 2 * padding
    device = images.device
    rows = (padding - down).view(-1, 1) + torch.arange(height, device=device)  # (N, H)
    columns = (padding - right).view(-1, 1) + torch.arange(width, device=device)  # (N, W)
    place = (rows.unsqueeze(2) * wide + columns.unsqueeze(1)).view(count, 1, height * width)
    flat = padded.view(count, channels, -1).gather(2, place.expand(-1, channels, -1))
    return flat.view(count, channels, height, width)


def mirror_images(images: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """Mirror the chosen images left to right. images: (N, C, H, W); chosen: (N,) booleans."""
    return images.flip(3).where(chosen.view(-1, 1, 1, 1), images)


@register
class BasicAugmentation(Technique, frozen=True):
    """Random shift by zero padding, and optionally random mirroring, drawn for each image."""

    shift: int = strength(
        1,
        "largest shift in each direction; about an eighth of the side is usual",
        ge=0,
        le=64,
        usual=(1, 4),
        unit="pixels",
    )
    flip: bool = Field(
        False, description="mirror half of the images; only where a mirrored image keeps its label (digits do not)"
    )

    name: ClassVar[str] = "basic_augmentation"
    kinds: ClassVar[frozenset[TargetKind]] = frozenset({"class", "multilabel", "real"})
    null: ClassVar[dict[str, int | bool] | None] = {"shift": 0, "flip": False}
    card: ClassVar[Card] = Card(
        title="Basic augmentation (shift and mirror)",
        mechanism=(
            "Shows the network each image at slightly different places, and optionally mirrored, so that it learns "
            "from examples that a small move does not change the answer."
        ),
        when=(
            "First choice for images, above all when there are few: such moves keep the label, and on tiny image sets "
            "they are often the strongest single step."
        ),
        avoid=(
            "Where place or side carries the answer: no mirroring of digits, letters, traffic signs or scans with a "
            "left and a right, no shift that pushes the object out. Never on validation or test data."
        ),
        cost="A gather over the batch; negligible beside a convolution. Needs longer training to pay off in full.",
        step_cost=1.1,
        effect=None,  # reported gains are of crop and mirror together, on larger images than shift alone is for
        interactions=(
            "Comes before mixing, and combines with it. Raises the training loss, so train and validation loss are no "
            "longer comparable. With strong augmentation, early stopping needs more patience."
        ),
        source="LeCun et al. 1998; He et al. 2016 (pad and crop)",
        modalities=("image",),
    )

    def refuse(self, kind: TargetKind, input_shape: tuple[int, ...]) -> str | None:
        """Only images (C, H, W) larger than the shift have a place to move to."""
        if len(input_shape) != 3:
            return f"{self.name} needs images of shape (channels, height, width) but one example has {input_shape}"
        if self.shift >= min(input_shape[1:]):
            return f"{self.name} cannot shift images of {input_shape[1]}x{input_shape[2]} pixels by {self.shift}"
        return super().refuse(kind, input_shape)

    def batch(self, run: Run, inputs: torch.Tensor, targets: Targets) -> tuple[torch.Tensor, Targets]:
        """Shift and mirror each image. inputs: (N, C, H, W)."""
        import torch

        generator = run.generator(self.name)
        count, device = len(inputs), generator.device
        down, right = torch.randint(-self.shift, self.shift + 1, (2, count), generator=generator, device=device)
        inputs = shift_images(inputs, down, right, self.shift)
        if self.flip:
            coins = torch.rand(count, generator=generator, device=device) < 0.5
            inputs = mirror_images(inputs, coins)
        return inputs, targets
