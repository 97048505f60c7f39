"""R-Drop: two passes with different dropout masks must agree (Liang et al. 2021).

As in the authors' code the loss is the mean over both passes plus alpha times the symmetric divergence; their paper
writes the sum over both, so that its alpha is twice ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from advisor.techniques.core import Card, Effect, Run, TargetKind, Targets, Technique, register, strength
from advisor.techniques.core.targets import IGNORED_TOKEN

if TYPE_CHECKING:
    import torch


def disagreement(outputs: torch.Tensor, targets: Targets) -> torch.Tensor:
    """Half of the sum of both Kullback-Leibler divergences between the answers of the two halves: a scalar.

    outputs: (2 N, ...) logits, stacked; targets of the same stack. The mean is over examples for class targets, over
    examples and labels for multi-label ones (Bernoulli), and over the tokens that count for token targets.
    """
    import torch

    dtype = torch.promote_types(outputs.dtype, torch.float32)
    first, second = outputs.to(dtype).chunk(2)
    if targets.kind == "multilabel":
        return ((first.sigmoid() - second.sigmoid()) * (first - second)).mean() / 2
    log_p, log_q = first.log_softmax(-1), second.log_softmax(-1)
    apart = ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(-1) / 2
    if targets.kind != "token":
        return apart.mean()
    counts = targets.values.chunk(2)[0] != IGNORED_TOKEN
    return apart.where(counts, 0).sum() / counts.sum().clamp(min=1)


@register
class RDrop(Technique, frozen=True):
    """Pass each batch twice, stacked, and punish disagreement between the two answers."""

    alpha: float = strength(
        1.0,
        "weight of the disagreement: 0.5 to 1 for fine-tuning and image networks, up to 5 for translation",
        ge=0,
        le=100,
        usual=(0.3, 5.0),
    )

    name: ClassVar[str] = "r_drop"
    stackable: ClassVar[bool] = True
    kinds: ClassVar[frozenset[TargetKind]] = frozenset({"class", "multilabel", "token"})
    null: ClassVar[dict[str, float] | None] = {"alpha": 0.0}
    card: ClassVar[Card] = Card(
        title="R-Drop",
        mechanism=(
            "Asks two of the networks that random masks make for the same answer, which brings the network that is "
            "trained nearer to the average that is used."
        ),
        when="Fine-tuning and transformers with dropout or stochastic depth, where doubling the cost is affordable.",
        avoid=(
            "Networks without any random part: both passes agree and nothing is gained for twice the cost. Where the "
            "network underfits. Not for regression."
        ),
        cost="Each step takes twice the time and memory.",
        step_cost=2.0,
        effect=Effect(
            metric="accuracy",
            low=0.0041,
            high=0.0065,
            scope="CIFAR-100 and ImageNet-2012, fine-tuning of ViT-B/16 and ViT-L/16",
            source="Liang et al. 2021",
        ),
        interactions=(
            "Needs dropout, stochastic depth or noise inside the model. The batch is stacked: batch normalization sees "
            "both halves. Compare at the same training time, not only at the same number of epochs."
        ),
        source="Liang et al. 2021",
    )

    def batch(self, run: Run, inputs: torch.Tensor, targets: Targets) -> tuple[torch.Tensor, Targets]:
        """Stack the batch twice; with alpha 0 it stays as it is."""
        import torch

        if self.alpha == 0:
            return inputs, targets
        run.copies *= 2
        return torch.cat([inputs, inputs]), targets.repeated(2)

    def loss(
        self, run: Run, inputs: torch.Tensor, targets: Targets, outputs: torch.Tensor, loss: torch.Tensor
    ) -> torch.Tensor:
        """Add the disagreement of the two halves."""
        if self.alpha == 0:
            return loss
        return loss + self.alpha * disagreement(outputs, targets)
