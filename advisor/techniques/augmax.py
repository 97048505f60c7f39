"""AugMax: AugMix whose mixing weights are chosen against the network (Wang et al. 2021)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from advisor.techniques.core import Card, Run, TargetKind, Targets, Technique, register, strength
from advisor.techniques.core.augment import ONE_POLICY, chains
from advisor.techniques.core.augmentation_spaces import AUG_MIX
from advisor.techniques.core.image_batch import check_images, from_unit, to_unit, why_no_image
from advisor.techniques.core.mixing import host_draws
from advisor.techniques.core.modes import keeping_modes
from advisor.techniques.core.targets import mean_loss

if TYPE_CHECKING:
    import torch


def blend_chains(images: torch.Tensor, changed: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Each image mixed with its changed copies. images: (N, C, H, W); changed: (W, N, C, H, W); logits: (1 + W, N).

    The sigmoid of the first logit is the share of all copies; the softmax of the others divides it among them.
    """
    share = logits[0].sigmoid().view(-1, 1, 1, 1)
    weights = logits[1:].softmax(0).view(*changed.shape[:2], 1, 1, 1)
    return (1 - share) * images + share * (weights * changed).sum(0)


def ascend(
    loss_of: Callable[[torch.Tensor], torch.Tensor], logits: torch.Tensor, steps: int, step_size: float
) -> torch.Tensor:
    """The logits after a few steps of `step_size` along the sign of their gradient, which raise the loss.

    No gradient reaches anything else.
    """
    import torch

    with torch.enable_grad():
        for _ in range(steps):
            logits = logits.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(loss_of(logits), logits)
            logits = logits + step_size * gradient.sign()
    return logits.detach()


@register
class AugMax(Technique, frozen=True):
    """Mix each image with changed copies of itself, by the weights with which the network errs most."""

    steps: int = strength(5, "steps of gradient ascent on the weights", ge=0, le=100, usual=(3, 10), unit="steps")
    step_size: float = strength(0.1, "of one step, on the logits of the weights", ge=0, le=10, usual=(0.05, 0.5))
    severity: int = strength(
        3, "strength of the operations, 1 to 10: magnitudes come from this many of the lowest of 10 bins; 0 is off",
        ge=0, le=10, usual=(1, 5), unit="bins of 10",
    )  # fmt: skip
    width: int = strength(3, "changed copies that are mixed", ge=1, le=10, usual=(2, 4), unit="chains")
    depth: int = strength(
        0, "operations in a chain, one after another; 0 draws 1, 2 or 3 for each", ge=0, le=10, usual=(0, 3),
        unit="operations",
    )  # fmt: skip

    name: ClassVar[str] = "augmax"
    kinds: ClassVar[frozenset[TargetKind]] = frozenset({"class", "multilabel", "real"})
    conflicts: ClassVar[dict[str, str]] = dict.fromkeys(("randaugment", "trivialaugment", "augmix"), ONE_POLICY)
    null: ClassVar[dict[str, int] | None] = {"severity": 0}
    card: ClassVar[Card] = Card(
        title="AugMax",
        mechanism=(
            "Draws chains of distortions as AugMix does and then looks for the mixture that the network finds hardest: "
            "diverse and adversarial at once, so that it trains on its weak sides."
        ),
        when="Robustness to corruptions is the goal, AugMix already helps, and several times its cost is affordable.",
        avoid=(
            "Where accuracy on the same distribution is the goal; small networks and short trainings, which underfit; "
            "images whose tone, place or direction carries the answer."
        ),
        cost="Each step of the search is one more forward and backward pass of the network.",
        step_cost=2.9,
        effect=None,  # the paper reports it together with a normalization of its own and a divergence term
        interactions=(
            "After crop and mirror, before mixing. The paper trains it with separate normalization statistics for the "
            "hard images; without them batch normalization sees hard images only. Its operations overlap with the "
            "usual corruption benchmarks."
        ),
        source="Wang et al. 2021",
        modalities=("image",),
    )

    def refuse(self, kind: TargetKind, input_shape: tuple[int, ...]) -> str | None:
        """Only images can be distorted."""
        return why_no_image(self.name, input_shape) or super().refuse(kind, input_shape)

    def batch(self, run: Run, inputs: torch.Tensor, targets: Targets) -> tuple[torch.Tensor, Targets]:
        """Mix each image in the way that raises its loss. inputs: (N, C, H, W).

        The search runs in evaluation mode: statistics, masks and random streams stay untouched. What lies outside the
        range of pixels is clipped.

        Raises:
            AdvisorError: the inputs are no images.
        """
        import torch

        check_images(self.name, inputs)
        if self.severity == 0:
            return inputs, targets
        limits, generator = run.task.input_range, run.generator(self.name)
        images = to_unit(inputs.detach(), limits)
        changed = chains(
            images, host_draws(generator, 0), AUG_MIX, severity=self.severity, width=self.width, depth=self.depth
        )
        shape = (1 + self.width, len(images))
        logits = torch.randn(shape, generator=generator, device=generator.device, dtype=images.dtype)

        def loss_of(candidate: torch.Tensor) -> torch.Tensor:
            return mean_loss(run.model(from_unit(blend_chains(images, changed, candidate), limits)), targets)

        with keeping_modes(run.model):
            run.model.eval()
            logits = ascend(loss_of, logits, self.steps, self.step_size)
        return from_unit(blend_chains(images, changed, logits).clamp_(0, 1), limits), targets
