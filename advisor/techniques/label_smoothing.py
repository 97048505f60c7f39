"""Label smoothing: a little probability for every class in the targets (Szegedy et al. 2016)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from advisor.techniques.core import Card, Effect, Run, TargetKind, Targets, Technique, register, strength

if TYPE_CHECKING:
    import torch


def smooth(targets: Targets, epsilon: float) -> Targets:
    """(1 - epsilon) of the targets and epsilon spread evenly over all classes."""
    return targets.smoothed(epsilon)


@register
class LabelSmoothing(Technique, frozen=True):
    """Train on targets that are not quite certain."""

    epsilon: float = strength(
        0.1, "probability mass spread evenly over all classes, the right one included", ge=0, lt=1, usual=(0.05, 0.2)
    )

    name: ClassVar[str] = "label_smoothing"
    stackable: ClassVar[bool] = True
    kinds: ClassVar[frozenset[TargetKind]] = frozenset({"class", "token"})
    null: ClassVar[dict[str, float] | None] = {"epsilon": 0.0}
    card: ClassVar[Card] = Card(
        title="Label smoothing",
        mechanism=(
            "Gives the logits a finite optimum: the network is no longer rewarded for driving the right class's "
            "probability towards one."
        ),
        when=(
            "Classification where validation loss rises while validation accuracy holds: that is over-confidence. Also "
            "cheap insurance for large models."
        ),
        avoid=(
            "Where the predicted probabilities must rank single examples by certainty, and where the network is "
            "already under-confident. As teacher of a distillation it is contested: measure it."
        ),
        cost="None that can be noticed.",
        step_cost=1.0,
        effect=Effect(
            metric="accuracy",
            low=0.002,
            high=0.003,
            scope="ImageNet-2012 with Inception-v3 and epsilon 0.1",
            source="Szegedy et al. 2016",
        ),
        interactions=(
            "Alone it usually improves calibration; with mixup or ensembles it can make the network under-confident "
            "(Wen et al. 2021). The smoothed train loss cannot reach zero and is not comparable with validation loss. "
            "A smoothed teacher may distil worse (Mueller et al. 2019), which others dispute (Shen et al. 2021)."
        ),
        source="Szegedy et al. 2016",
    )

    def batch(self, run: Run, inputs: torch.Tensor, targets: Targets) -> tuple[torch.Tensor, Targets]:
        """Smooth the batch's targets, mixed ones too."""
        return inputs, smooth(targets, self.epsilon)
