"""TrivialAugment: one random operation of random strength on each image (Mueller & Hutter 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from advisor.techniques.core import Card, Run, TargetKind, Targets, Technique, register, strength
from advisor.techniques.core.augment import ONE_POLICY, change, draw_ops
from advisor.techniques.core.augmentation_spaces import TRIVIAL_AUGMENT_WIDE
from advisor.techniques.core.image_batch import check_images, from_unit, to_unit, why_no_colour, why_no_image
from advisor.techniques.core.mixing import host_draws

if TYPE_CHECKING:
    import torch

BINS = 31


def trivialaugment(images: torch.Tensor, draws: np.random.Generator, probability: float = 1.0) -> torch.Tensor:
    """Each image after one operation drawn from 14 with a magnitude drawn from 31 bins (the wide space).

    images: (N, C, H, W) in [0, 1]. probability: with which an image is changed at all.
    """
    levels = draws.integers(BINS, size=len(images))
    names, magnitudes = draw_ops(draws, TRIVIAL_AUGMENT_WIDE, levels, (images.shape[2], images.shape[3]), BINS)
    if probability < 1:
        kept = draws.random(len(images)) >= probability
        names = ["identity" if keep else name for name, keep in zip(names, kept, strict=True)]
    return change(images, names, magnitudes)


@register
class TrivialAugment(Technique, frozen=True):
    """Change each image by one operation drawn from 14, of a magnitude drawn from the whole wide range."""

    probability: float = strength(
        1.0, "with which an image is changed; the method has no other strength, and 1 is its own", ge=0, le=1,
        usual=(0.5, 1.0),
    )  # fmt: skip

    name: ClassVar[str] = "trivialaugment"
    stackable: ClassVar[bool] = True
    kinds: ClassVar[frozenset[TargetKind]] = frozenset({"class", "multilabel", "real"})
    conflicts: ClassVar[dict[str, str]] = dict.fromkeys(("randaugment", "augmix", "augmax"), ONE_POLICY)
    null: ClassVar[dict[str, float] | None] = {"probability": 0.0}
    card: ClassVar[Card] = Card(
        title="TrivialAugment",
        mechanism=(
            "Shows the network each image under one distortion of any strength from none to extreme, so that it learns "
            "what does not change the answer; nothing is to be tuned."
        ),
        when=(
            "Natural images with a network that still fits its training data, where no time is to go into tuning: "
            "about as good as tuned policies."
        ),
        avoid=(
            "Small networks and short trainings, which underfit; tiny data, where crop and mirror gain more; images "
            "whose colour, tone, place or direction carries the answer, such as digits and many scans."
        ),
        cost="One operation over groups of the batch; needs a longer training to pay off.",
        step_cost=1.0,
        effect=None,  # reported beside other policies rather than beside none
        interactions=(
            "After crop and mirror, before mixing. Its operations overlap with the usual corruption benchmarks: "
            "robustness measured on them is then no longer out of distribution."
        ),
        source="Mueller & Hutter 2021",
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
        if self.probability == 0:
            return inputs, targets
        images = to_unit(inputs, run.task.input_range)
        images = trivialaugment(images, host_draws(run.generator(self.name), 0), self.probability)
        return from_unit(images, run.task.input_range), targets
