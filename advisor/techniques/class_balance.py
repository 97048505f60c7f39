"""Class balance: rare classes count more in the loss (effective numbers: Cui et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from advisor.errors import AdvisorError
from advisor.techniques.core import Card, Run, TargetKind, Targets, Technique, register, strength

if TYPE_CHECKING:
    import torch


def class_weights(counts: Sequence[int], scheme: Literal["inverse", "effective"], beta: float) -> list[float]:
    """The weight of each class; the mean over the training examples is 1. counts: training examples of each class.

    `inverse`: one over the count. `effective`: one over the effective number (1 - beta^n) / (1 - beta), with beta in
    [0, 1): all alike at 0, towards `inverse` near 1. A class without examples gets 1.
    """
    if scheme == "inverse":
        weights = [1 / count if count else 0.0 for count in counts]
    else:
        weights = [(1 - beta) / (1 - beta**count) if count else 0.0 for count in counts]
    mean = sum(weight * count for weight, count in zip(weights, counts, strict=True)) / max(sum(counts), 1)
    return [weight / mean if count else 1.0 for weight, count in zip(weights, counts, strict=True)]


def weigh(targets: Targets, weights: torch.Tensor) -> Targets:
    """Each class's column of dense class targets times its weight (K,), so that rows no longer sum to one.

    The cross-entropy of such targets is the weighted one, mixed and smoothed targets included.
    """
    return targets.with_values(targets.values * weights)


def extra_loss(outputs: torch.Tensor, values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """What weights (K,) on the positive labels add to the mean binary cross-entropy of (N, K) outputs: a scalar."""
    from torch.nn import functional

    return ((weights - 1) * values * -functional.logsigmoid(outputs)).mean()


@register
class ClassBalance(Technique, frozen=True):
    """Weigh the loss of each class by how rare it is; of multi-label targets, that of its positive labels."""

    scheme: Literal["inverse", "effective"] = Field(
        "effective", description="one over the count of a class, or one over its effective number of examples"
    )
    beta: float = strength(
        0.999,
        "for the effective number: how much one more example of a class still counts; 0 weighs all alike, 1 - 1/n is "
        "usual where classes have n examples and more",
        ge=0,
        lt=1,
        usual=(0.9, 0.9999),
    )

    name: ClassVar[str] = "class_balance"
    stackable: ClassVar[bool] = True
    kinds: ClassVar[frozenset[TargetKind]] = frozenset({"class", "multilabel"})
    null: ClassVar[dict[str, float | str] | None] = {"scheme": "effective", "beta": 0.0}
    card: ClassVar[Card] = Card(
        title="Class balance (loss weights by class)",
        mechanism=(
            "Trains as if rare classes had more examples, so that the boundary moves away from them and their recall "
            "rises, at some cost to the frequent ones."
        ),
        when=(
            "Imbalanced classes, where the goal is balanced accuracy, macro F1 or the recall of a rare class, and the "
            "network does not already fit every training example."
        ),
        avoid=(
            "Where plain accuracy or calibrated probabilities are the goal: weights shift the predicted probabilities "
            "away from the true frequencies. Very rare classes get large weights and noisy gradients: prefer the "
            "effective number. Without imbalance it does nothing."
        ),
        cost="None that can be noticed.",
        step_cost=1.0,
        effect=None,  # reported gains depend on the imbalance and on the metric
        interactions=(
            "A network that fits all its training data ends up nearly where it would without weights (Byrd & Lipton "
            "2019): stop early or add weight decay. Weighted and plain losses are not comparable; judge by a metric "
            "that counts each class alike."
        ),
        source="Cui et al. 2019",
    )

    def model(self, run: Run, model: torch.nn.Module) -> torch.nn.Module:
        """Keep the weights of the classes.

        Raises:
            AdvisorError: nobody knows how many training examples each class has.
        """
        import torch

        counts = run.task.class_counts
        if counts is None:
            raise AdvisorError(
                "class_balance needs the number of training examples of each class; pass `class_counts=` to regularize."
            )
        if len(counts) != run.task.outputs or min(counts) < 0:
            raise AdvisorError(
                f"class_balance needs one count of training examples, 0 or more, for each of {run.task.outputs} "
                f"classes but got {list(counts)[:20]}; pass `class_counts=` with one number for each class."
            )
        weights = class_weights(counts, self.scheme, self.beta)
        if any(weight != 1 for weight in weights):
            parameter = next(model.parameters())
            run.state[self.name] = torch.tensor(weights, dtype=torch.float64, device=parameter.device)
        return model

    def batch(self, run: Run, inputs: torch.Tensor, targets: Targets) -> tuple[torch.Tensor, Targets]:
        """Weigh the columns of class targets, mixed and smoothed ones too."""
        weights: torch.Tensor | None = run.state.get(self.name)
        if weights is None or targets.kind != "class":
            return inputs, targets
        return inputs, weigh(targets, weights.to(targets.values.dtype))

    def loss(
        self, run: Run, inputs: torch.Tensor, targets: Targets, outputs: torch.Tensor, loss: torch.Tensor
    ) -> torch.Tensor:
        """Add what the weights of positive labels add to a multi-label loss."""
        weights: torch.Tensor | None = run.state.get(self.name)
        if weights is None or targets.kind != "multilabel":
            return loss
        return loss + extra_loss(outputs, targets.values, weights.to(targets.values.dtype))
