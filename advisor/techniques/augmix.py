"""AugMix: mixtures of a few chains of operations on each image, and agreement between them (Hendrycks et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from advisor.techniques.core import Card, Effect, Run, TargetKind, Targets, Technique, register, strength
from advisor.techniques.core.augment import ONE_POLICY, chains, on_device
from advisor.techniques.core.augmentation_spaces import AUG_MIX
from advisor.techniques.core.image_batch import check_images, from_unit, to_unit, why_no_image
from advisor.techniques.core.mixing import host_draws
from advisor.techniques.core.targets import mean_loss

if TYPE_CHECKING:
    import torch


def augmix(
    images: torch.Tensor, draws: np.random.Generator, *, severity: int, width: int, depth: int, alpha: float
) -> torch.Tensor:
    """Each image mixed with `width` changed copies of itself, by weights of its own.

    images: (N, C, H, W) in [0, 1]. The image keeps a share from Beta(alpha, alpha); the copies share the rest by
    Dirichlet(alpha). For severity and depth see `chains`.
    """
    kept = draws.beta(alpha, alpha, size=len(images))
    shares = draws.dirichlet([alpha] * width, size=len(images)).T * (1 - kept)
    changed = chains(images, draws, AUG_MIX, severity=severity, width=width, depth=depth)
    weights = on_device(np.stack([kept, *shares]), images).view(width + 1, -1, 1, 1, 1)
    mixed = weights[0] * images + (weights[1:] * changed).sum(0)
    return mixed.clamp_(0, 1)  # weights sum to one but for rounding


def divergence(outputs: torch.Tensor, targets: Targets) -> torch.Tensor:
    """The mean Jensen-Shannon divergence between the answers to three versions of each example: a scalar.

    outputs: (3, N, K) logits; of multi-label targets each label is a coin, and the mean is over labels too.
    """
    import torch
    from torch.nn import functional

    outputs = outputs.to(torch.promote_types(outputs.dtype, torch.float32))
    if targets.kind == "multilabel":
        logs = torch.stack([functional.logsigmoid(outputs), functional.logsigmoid(-outputs)], -1)
    else:
        logs = outputs.log_softmax(-1)
    middle = logs.exp().mean(0).clamp(min=1e-7).log()
    return (logs.exp() * (logs - middle)).sum(-1).mean()


@register
class AugMix(Technique, frozen=True):
    """Mix each image with changed copies of itself; optionally ask for one answer to three versions of it."""

    severity: int = strength(
        3, "strength of the operations, 1 to 10: magnitudes come from this many of the lowest of 10 bins; 0 is off",
        ge=0, le=10, usual=(1, 5), unit="bins of 10",
    )  # fmt: skip
    width: int = strength(3, "changed copies that are mixed", ge=1, le=10, usual=(2, 4), unit="chains")
    depth: int = strength(
        0, "operations in a chain, one after another; 0 draws 1, 2 or 3 for each", ge=0, le=10, usual=(0, 3),
        unit="operations",
    )  # fmt: skip
    alpha: float = strength(
        1.0, "parameter of the Beta and Dirichlet distributions of the weights", gt=0, le=32, usual=(0.5, 2.0)
    )
    consistency: float = strength(
        0.0,
        "weight of the Jensen-Shannon divergence between the answers to the image and to two mixtures of it, 12 in the "
        "paper; 0 augments only",
        ge=0,
        le=100,
        usual=(0, 12),
    )

    name: ClassVar[str] = "augmix"
    stackable: ClassVar[bool] = True
    kinds: ClassVar[frozenset[TargetKind]] = frozenset({"class", "multilabel", "real"})
    conflicts: ClassVar[dict[str, str]] = dict.fromkeys(("randaugment", "trivialaugment", "augmax"), ONE_POLICY)
    null: ClassVar[dict[str, int] | None] = {"severity": 0}
    card: ClassVar[Card] = Card(
        title="AugMix",
        mechanism=(
            "Mixes several mild distortions of an image with the image itself, which gives many different images that "
            "stay natural; the divergence term asks for the same answer to all of them."
        ),
        when=(
            "Natural images, where the deployed network will meet blur, noise, weather or other cameras, and "
            "calibration under shift matters."
        ),
        avoid=(
            "Where only accuracy on the same distribution counts: plain crop, mirror and mixing gain as much. Images "
            "whose tone, place or direction carries the answer."
        ),
        cost=(
            "Several operations over groups of the batch. With the divergence term the batch is three times as large: "
            "so are time and memory."
        ),
        step_cost=1.0,
        effect=Effect(
            metric="accuracy on corrupted images",
            low=0.157,
            high=0.18,
            scope="CIFAR-10-C, four networks, with the divergence term",
            source="Hendrycks et al. 2020",
        ),
        interactions=(
            "After crop and mirror, before mixing. Where robustness is the claim, measure it on corruptions that are "
            "none of its operations; those that overlap are no longer out of distribution."
        ),
        source="Hendrycks et al. 2020",
        modalities=("image",),
    )

    def refuse(self, kind: TargetKind, input_shape: tuple[int, ...]) -> str | None:
        """Only images can be distorted, and only class probabilities diverge."""
        if kind == "real" and self.consistency > 0:
            return f"{self.name} with consistency {self.consistency:g} works on class and multilabel targets, not real"
        return why_no_image(self.name, input_shape) or super().refuse(kind, input_shape)

    def batch(self, run: Run, inputs: torch.Tensor, targets: Targets) -> tuple[torch.Tensor, Targets]:
        """Mix each image, or stack the batch with two mixtures of it. inputs: (N, C, H, W).

        What lies outside the range of pixels is clipped.

        Raises:
            AdvisorError: the inputs are no images.
        """
        import torch

        check_images(self.name, inputs)
        if self.severity == 0:
            return inputs, targets
        images, draws = to_unit(inputs, run.task.input_range), host_draws(run.generator(self.name), 0)
        if self.consistency > 0:
            images = images.repeat(2, 1, 1, 1)
        mixed = augmix(images, draws, severity=self.severity, width=self.width, depth=self.depth, alpha=self.alpha)
        mixed = from_unit(mixed, run.task.input_range)
        if self.consistency == 0:
            return mixed, targets
        run.copies *= 3
        run.state[self.name] = len(inputs)
        return torch.cat([inputs, mixed]), targets.repeated(3)

    def loss(
        self, run: Run, inputs: torch.Tensor, targets: Targets, outputs: torch.Tensor, loss: torch.Tensor
    ) -> torch.Tensor:
        """The loss of the images themselves plus the divergence, with consistency; else the loss as it is."""
        if self.severity == 0 or self.consistency == 0:
            return loss
        # Nothing before this in the registry changes the loss, so that it can be taken anew of the images only. The
        # whole stack may have been stacked again.
        count = run.state[self.name]
        three = outputs.reshape(-1, 3, count, outputs.shape[1]).transpose(0, 1).flatten(1, 2)
        values = targets.values.reshape(-1, 3, count, targets.values.shape[1])[:, 0].flatten(0, 1)
        return mean_loss(three[0], targets.with_values(values)) + self.consistency * divergence(three, targets)
