"""mixup: training on convex combinations of pairs of examples and their targets (Zhang et al. 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from advisor.errors import AdvisorError
from advisor.techniques.core import Card, Effect, Run, TargetKind, Targets, Technique, register, strength

if TYPE_CHECKING:
    import torch


def mix(inputs: torch.Tensor, targets: Targets, permutation: torch.Tensor, lam: float) -> tuple[torch.Tensor, Targets]:
    """lam of each example and 1 - lam of its partner, inputs and targets alike.

    inputs: (N, ...) floats. permutation: (N,) indices of the partners. lam: in [0, 1].
    """
    mixed = lam * inputs + (1 - lam) * inputs[permutation]
    return mixed, targets.mixed(permutation, lam)


def draw_lam(generator: torch.Generator, alpha: float) -> float:
    """lam from Beta(alpha, alpha), in [0, 1]; 1 where alpha is 0, the limit that leaves examples alone."""
    import numpy as np

    if alpha == 0:
        return 1.0
    # torch's Beta takes no generator; the seed of ours serves numpy's, with no copy from the device.
    return float(np.random.default_rng(generator.initial_seed()).beta(alpha, alpha))


@register
class Mixup(Technique, frozen=True):
    """Mix each batch with a shuffled copy of itself, with one lam for the batch."""

    alpha: float = strength(
        0.2,
        "both parameters of the Beta distribution of lam; 0.2 to 0.4 on ImageNet, 1 on CIFAR, more against label noise",
        ge=0,
        le=32,
        usual=(0.1, 1.0),
    )

    name: ClassVar[str] = "mixup"
    kinds: ClassVar[frozenset[TargetKind]] = frozenset({"class", "multilabel", "real"})
    null: ClassVar[dict[str, float] | None] = {"alpha": 0.0}
    card: ClassVar[Card] = Card(
        title="mixup",
        mechanism=(
            "Asks the network to answer in between where its input lies in between two examples, which makes it more "
            "linear between classes and keeps it from certainty."
        ),
        when=(
            "Classification with a network that fits its training data with ease; where predictions are too confident; "
            "and, with alpha of 8 or more, where some labels are wrong."
        ),
        avoid=(
            "Where the network underfits, lower alpha or leave it out. Not on integer inputs such as token ids. For "
            "regression plain mixing of all pairs can hurt (Yao et al. 2022): measure it."
        ),
        cost="One weighted sum of the batch; a longer training is needed for the full effect.",
        step_cost=1.1,
        effect=Effect(
            metric="accuracy",
            low=0.002,
            high=0.015,
            scope="ImageNet-2012 with ResNets, 90 to 200 epochs, and CIFAR-10 with 200 epochs; less in short trainings",
            source="Zhang et al. 2018",
        ),
        interactions=(
            "Train loss and accuracy are of mixed examples and say little beside validation's. With label smoothing or "
            "ensembles the network can become under-confident (Wen et al. 2021): do not stack them for calibration."
        ),
        source="Zhang et al. 2018",
    )

    def batch(self, run: Run, inputs: torch.Tensor, targets: Targets) -> tuple[torch.Tensor, Targets]:
        """Mix the batch with a shuffled copy of itself.

        Raises:
            AdvisorError: the inputs are integers, of which there is no in-between.
        """
        import torch

        if not inputs.is_floating_point():
            raise AdvisorError(f"mixup needs real-valued inputs but got {inputs.dtype}; leave it out of this arm.")
        generator = run.generator(self.name)
        permutation = torch.randperm(len(inputs), generator=generator, device=generator.device)
        return mix(inputs, targets, permutation, draw_lam(generator, self.alpha))
