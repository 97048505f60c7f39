"""RandAugment: a few random operations of one strength on each image (Cubuk et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from advisor.techniques.core import Card, Effect, Run, TargetKind, Targets, Technique, register, strength
from advisor.techniques.core.augment import ONE_POLICY, change, draw_ops
from advisor.techniques.core.augmentation_spaces import RAND_AUGMENT
from advisor.techniques.core.image_batch import check_images, from_unit, to_unit, why_no_colour, why_no_image
from advisor.techniques.core.mixing import host_draws

if TYPE_CHECKING:
    import torch

BINS = 31


def randaugment(images: torch.Tensor, draws: np.random.Generator, ops: int, magnitude: int) -> torch.Tensor:
    """Each image after `ops` operations in turn, each drawn anew from 14 with its magnitude's bin given.

    images: (N, C, H, W) in [0, 1]. magnitude: the bin, 0 to 30.
    """
    levels = np.full(len(images), magnitude)
    for _ in range(ops):
        images = change(images, *draw_ops(draws, RAND_AUGMENT, levels, (images.shape[2], images.shape[3]), BINS))
    return images


@register
class RandAugment(Technique, frozen=True):
    """Change each image by a few operations drawn from 14, all of one magnitude."""

    ops: int = strength(2, "operations on each image, one after another", ge=0, le=16, usual=(1, 3), unit="operations")
    magnitude: int = strength(
        9,
        "strength of every operation on the scale 0 to 30 (31 bins, as torchvision counts; others count 0 to 10): 9 to "
        "15 for large images and long trainings, 4 to 9 for small ones",
        ge=0,
        le=BINS - 1,
        usual=(4, 15),
        unit="bin of 31",
    )

    name: ClassVar[str] = "randaugment"
    stackable: ClassVar[bool] = True
    kinds: ClassVar[frozenset[TargetKind]] = frozenset({"class", "multilabel", "real"})
    conflicts: ClassVar[dict[str, str]] = dict.fromkeys(("trivialaugment", "augmix", "augmax"), ONE_POLICY)
    null: ClassVar[dict[str, int] | None] = {"ops": 0}
    card: ClassVar[Card] = Card(
        title="RandAugment",
        mechanism=(
            "Shows the network strongly distorted images (sheared, turned, moved, other colours and tones), so that it "
            "learns what does not change the answer; two numbers set the strength."
        ),
        when="Natural images with a large network and a long training that still fits its training data.",
        avoid=(
            "Small networks and short trainings, which underfit; tiny data, where crop and mirror gain more; images "
            "whose colour, tone, place or direction carries the answer, such as digits and many scans."
        ),
        cost="A few operations over groups of the batch; needs a longer training to pay off.",
        step_cost=1.0,
        effect=Effect(
            metric="accuracy",
            low=0.009,
            high=0.013,
            scope="ImageNet-2012 with ResNet-50, CIFAR-10 with WRN-28-2 and WRN-28-10, beyond crop and mirror",
            source="Cubuk et al. 2020",
        ),
        interactions=(
            "After crop and mirror, before mixing; with both, raise the epochs and lower other regularization. Its "
            "operations overlap with the usual corruption benchmarks: robustness measured on them is then no longer "
            "out of distribution."
        ),
        source="Cubuk et al. 2020",
        modalities=("image",),
    )

    def refuse(self, kind: TargetKind, input_shape: tuple[int, ...]) -> str | None:
        """Only images can be distorted."""
        reason = why_no_image(self.name, input_shape) or why_no_colour(self.name, input_shape)
        return reason or super().refuse(kind, input_shape)

    def batch(self, run: Run, inputs: torch.Tensor, targets: Targets) -> tuple[torch.Tensor, Targets]:
        """Distort each image. inputs: (N, C, H, W); what lies outside the range of pixels is clipped.

        Raises:
            AdvisorError: the inputs are no images.
        """
        check_images(self.name, inputs)
        if self.ops == 0:
            return inputs, targets
        images = to_unit(inputs, run.task.input_range)
        images = randaugment(images, host_draws(run.generator(self.name), 0), self.ops, self.magnitude)
        return from_unit(images, run.task.input_range), targets
