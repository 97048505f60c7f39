"""CutMix: a box of another image pasted in, and targets mixed by its area (Yun et al. 2019)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from advisor.techniques.core import Card, Effect, Run, TargetKind, Targets, Technique, register, strength
from advisor.techniques.core.image_batch import check_images, why_no_image
from advisor.techniques.core.mixing import draw_lam, draw_partners, host_draws, is_chosen

if TYPE_CHECKING:
    import torch

Box = tuple[int, int, int, int]


def box_around(row: int, column: int, lam: float, height: int, width: int) -> Box:
    """The box (top, bottom, left, right), ends excluded, around a pixel: 1 - lam of the image, where it lies inside.

    What would hang over the border is cut off. lam: in [0, 1].
    """
    half = 0.5 * math.sqrt(1 - lam)
    half_height, half_width = int(half * height), int(half * width)
    return (
        max(row - half_height, 0),
        min(row + half_height, height),
        max(column - half_width, 0),
        min(column + half_width, width),
    )


def paste(images: torch.Tensor, targets: Targets, permutation: torch.Tensor, box: Box) -> tuple[torch.Tensor, Targets]:
    """Each image with the box of its partner, and the targets mixed by the share of pixels that are its own.

    images: (N, C, H, W). permutation: (N,) indices of the partners.
    """
    top, bottom, left, right = box
    pasted = images.clone()
    pasted[:, :, top:bottom, left:right] = images[:, :, top:bottom, left:right].index_select(0, permutation)
    area = (bottom - top) * (right - left)
    return pasted, targets.mixed(permutation, 1 - area / (images.shape[2] * images.shape[3]))


@register
class CutMix(Technique, frozen=True):
    """Paste a box of a shuffled copy of the batch into it, one box for the batch."""

    alpha: float = strength(
        1.0,
        "both parameters of the Beta distribution of lam, the area that stays; 1 draws all areas alike",
        ge=0,
        le=32,
        usual=(0.5, 1.0),
    )
    probability: float = strength(
        0.5, "share of the batches that are mixed: 0.5 on CIFAR, 1 on ImageNet", ge=0, le=1, usual=(0.5, 1.0)
    )

    name: ClassVar[str] = "cutmix"
    stackable: ClassVar[bool] = True
    kinds: ClassVar[frozenset[TargetKind]] = frozenset({"class", "multilabel"})
    conflicts: ClassVar[dict[str, str]] = {
        "mixup": "both mix each batch, and a batch is mixed once; compare them as two arms"
    }
    null: ClassVar[dict[str, float] | None] = {"alpha": 0.0, "probability": 1.0}
    card: ClassVar[Card] = Card(
        title="CutMix",
        mechanism=(
            "Replaces a box of each image by another image's and asks for both answers by area: no pixel is wasted, "
            "and the network must find the object by whatever part of it is left."
        ),
        when="Natural images, a network that fits its training data with ease, and a long training.",
        avoid=(
            "Where the object is small or lies at the border, so that area says little about what is left of it; on "
            "scans and other images in which the place carries the answer; where the network underfits; in short "
            "trainings."
        ),
        cost="A copy of the batch; a longer training is needed for the full effect.",
        step_cost=1.0,
        effect=Effect(
            metric="accuracy",
            low=0.0198,
            high=0.0228,
            scope="CIFAR-100 with PyramidNet-200 and ImageNet-2012 with ResNet-50, 300 epochs",
            source="Yun et al. 2019",
        ),
        interactions=(
            "Train loss and accuracy are of mixed images and say little beside validation's. Instead of mixup in the "
            "same batch, not beside it. With label smoothing the network can become under-confident."
        ),
        source="Yun et al. 2019",
        modalities=("image",),
    )

    def refuse(self, kind: TargetKind, input_shape: tuple[int, ...]) -> str | None:
        """Only images have boxes."""
        return why_no_image(self.name, input_shape) or super().refuse(kind, input_shape)

    def batch(self, run: Run, inputs: torch.Tensor, targets: Targets) -> tuple[torch.Tensor, Targets]:
        """Paste a box of a shuffled copy. inputs: (N, C, H, W).

        Raises:
            AdvisorError: the inputs are no images.
        """
        check_images(self.name, inputs)
        generator = run.generator(self.name)
        if not is_chosen(generator, self.probability):
            return inputs, targets
        height, width = inputs.shape[2:]
        row, column = host_draws(generator, 2).integers((height, width)).tolist()
        box = box_around(row, column, draw_lam(generator, self.alpha), height, width)
        return paste(inputs, targets, draw_partners(run, generator, len(inputs)), box)
