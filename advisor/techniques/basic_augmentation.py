"""Random shifts and mirror images, the label-preserving basics, as in LeCun et al. 1998 and He et al. 2016.

Each image of a batch is padded and cropped at its own random place, and mirrored by its own coin. Optionally it is cut
to a random part that is scaled up again (Szegedy et al. 2015), and its colours are changed a little.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from advisor.errors import AdvisorError
from advisor.techniques.core import Card, Run, TargetKind, Targets, Technique, register, strength
from advisor.techniques.core.image_batch import check_images, from_unit, to_unit, why_no_colour, why_no_image
from advisor.techniques.core.image_ops import OPS, sample_affine

if TYPE_CHECKING:
    import torch


def shift_images(
    images: torch.Tensor,
    down: torch.Tensor,
    right: torch.Tensor,
    padding: int,
    mode: Literal["zero", "reflect"] = "zero",
) -> torch.Tensor:
    """Move each image by its own offset; what comes in from outside is zero, or the image mirrored at its border.

    images: (N, C, H, W). down, right: (N,) integers in [-padding, padding], in pixels.
    """
    import torch
    from torch.nn import functional

    count, channels, height, width = images.shape
    padded = functional.pad(images, (padding,) * 4, mode="constant" if mode == "zero" else mode).contiguous()
    tall, wide = height + 2 * padding, width + 2 * padding
    device = images.device
    # All windows of one row's width, in place: whole rows are copied, which is faster than gathering pixels.
    windows = padded.as_strided((padded.numel() - width + 1, width), (1, 1))
    corner = (padding - down) * wide + (padding - right) + torch.arange(count, device=device) * (channels * tall * wide)
    plane = torch.arange(channels, device=device).view(-1, 1) * (tall * wide)
    rows = corner.view(-1, 1, 1) + plane + torch.arange(height, device=device) * wide  # (N, C, H)
    return windows.index_select(0, rows.view(-1)).view(count, channels, height, width)


def mirror_images(images: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """Mirror the chosen images left to right. images: (N, C, H, W); chosen: (N,) booleans."""
    return images.flip(3).where(chosen.view(-1, 1, 1, 1), images)


def cut_images(
    images: torch.Tensor, wide: torch.Tensor, high: torch.Tensor, right: torch.Tensor, down: torch.Tensor
) -> torch.Tensor:
    """Cut each image to a part of its own and scale that up to the whole size, bilinearly.

    images: (N, C, H, W). wide, high: (N,) sides of the part as shares of the image's, in (0, 1]. right, down: (N,) from
    -1 (the part touches the left or upper border) to 1.
    """
    import torch
    from torch.nn import functional

    height, width = images.shape[2:]
    zero = torch.zeros_like(wide)
    to_x = torch.stack([wide, zero, right * (1 - wide) * (width / 2)], 1)
    to_y = torch.stack([zero, high, down * (1 - high) * (height / 2)], 1)
    # What lies half a pixel outside is the border's own colour, not black.
    framed = functional.pad(images, (1,) * 4, mode="replicate")
    return sample_affine(framed, torch.stack([to_x, to_y], 1), "bilinear")[:, :, 1:-1, 1:-1]


def draw_parts(count: int, smallest: float, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
    """Random parts for `cut_images`: shares of the area from `smallest` to 1 and sides of 3 to 4 up to 4 to 3."""
    import torch

    area, aspect, right, down = torch.rand(4, count, generator=generator, device=generator.device)
    area = smallest + (1 - smallest) * area
    aspect = ((2 * aspect - 1) * math.log(4 / 3)).exp()
    wide, high = (area * aspect).sqrt().clamp(max=1), (area / aspect).sqrt().clamp(max=1)
    return wide, high, 2 * right - 1, 2 * down - 1


_COLOUR = "each image's is multiplied by a random factor between 1 minus and 1 plus this; 0 is off"


@register
class BasicAugmentation(Technique, frozen=True):
    """Random shift by padding, and optionally mirroring, cutting and colours, drawn for each image."""

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
    padding: Literal["zero", "reflect"] = Field(
        "zero", description="what comes in where an image is shifted: zeros, or the image mirrored at its border"
    )
    crop: float = strength(
        1.0,
        "cut to a random part of at least this share of the area and scale it up; 1 is off, 0.08 usual on ImageNet, "
        "0.5 and more on small images",
        gt=0,
        le=1,
        usual=(0.08, 1.0),
        unit="share of the area",
    )
    brightness: float = strength(0.0, _COLOUR, ge=0, le=1, usual=(0.0, 0.4))
    contrast: float = strength(0.0, _COLOUR, ge=0, le=1, usual=(0.0, 0.4))
    saturation: float = strength(0.0, _COLOUR + "; images of one channel have none", ge=0, le=1, usual=(0.0, 0.4))

    name: ClassVar[str] = "basic_augmentation"
    stackable: ClassVar[bool] = True
    kinds: ClassVar[frozenset[TargetKind]] = frozenset({"class", "multilabel", "real"})
    null: ClassVar[dict[str, int | bool] | None] = {"shift": 0, "flip": False}
    card: ClassVar[Card] = Card(
        title="Basic augmentation (shift, mirror, cut, colours)",
        mechanism=(
            "Shows the network each image at slightly different places, and optionally mirrored, enlarged or in other "
            "light, so that it learns from examples that such changes do not change the answer."
        ),
        when=(
            "First choice for images, above all when there are few: such moves keep the label, and on tiny image sets "
            "they are often the strongest single step."
        ),
        avoid=(
            "Where place or side carries the answer: no mirroring of digits, letters, traffic signs or scans with a "
            "left and a right, no shift or cut that loses the object, no change of colours that tell classes apart. "
            "Never on validation or test data."
        ),
        cost="A copy of the batch; negligible beside a convolution. Needs longer training to pay off in full.",
        step_cost=1.0,
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
        reason = why_no_image(self.name, input_shape)
        if reason is None and self._changes_colours:
            reason = why_no_colour(self.name, input_shape)
        return reason or self._too_far(input_shape[1:]) or super().refuse(kind, input_shape)

    def batch(self, run: Run, inputs: torch.Tensor, targets: Targets) -> tuple[torch.Tensor, Targets]:
        """Shift, mirror and otherwise change each image. inputs: (N, C, H, W).

        Raises:
            AdvisorError: the inputs are no images, or smaller than the shift.
        """
        import torch

        check_images(self.name, inputs)
        too_far = self._too_far(inputs.shape[2:])
        if too_far is not None:
            raise AdvisorError(f"{too_far}; lower the shift.")
        generator = run.generator(self.name)
        count, device = len(inputs), generator.device
        down, right = torch.randint(-self.shift, self.shift + 1, (2, count), generator=generator, device=device)
        if self.shift:
            inputs = shift_images(inputs, down, right, self.shift, self.padding)
        if self.flip:
            coins = torch.rand(count, generator=generator, device=device) < 0.5
            inputs = mirror_images(inputs, coins)
        if self.crop < 1:
            inputs = cut_images(inputs, *draw_parts(count, self.crop, generator))
        if self._changes_colours:
            inputs = self._change_colours(inputs, run.task.input_range, generator)
        return inputs, targets

    def _too_far(self, sides: tuple[int, ...]) -> str | None:
        if sides and self.shift >= min(sides):
            return f"{self.name} cannot shift images of {sides[0]}x{sides[1]} pixels by {self.shift}"
        return None

    @property
    def _changes_colours(self) -> bool:
        return max(self.brightness, self.contrast, self.saturation) > 0

    def _change_colours(
        self, images: torch.Tensor, input_range: tuple[float, float], generator: torch.Generator
    ) -> torch.Tensor:
        """In this order: brightness, contrast, saturation."""
        import torch

        images = to_unit(images, input_range)
        for name, most in (("brightness", self.brightness), ("contrast", self.contrast), ("color", self.saturation)):
            if most:
                share = torch.rand(len(images), generator=generator, device=generator.device)
                images = OPS[name](images, (2 * share - 1) * most)
        return from_unit(images, input_range)
