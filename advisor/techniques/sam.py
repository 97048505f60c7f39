"""Sharpness-aware minimization: gradients at the worst weights nearby (Foret et al. 2021; ASAM: Kwon et al. 2021)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from advisor.techniques.core import Card, Run, Technique, register, strength

if TYPE_CHECKING:
    import torch

ADAPTIVE_OFFSET = 0.01  # added to the size of a weight, so that weights of zero are perturbed as well
TINY = 1e-12  # instead of a norm of zero, where there is nothing to divide by


def perturbations(
    weights: list[torch.Tensor], gradients: list[torch.Tensor], rho: float, *, adaptive: bool = False
) -> list[torch.Tensor]:
    """Where the loss rises fastest within a ball of radius `rho` around all weights together; zero without gradient.

    `adaptive`: in the ball of weights measured by their own size, |w| + 0.01, which follows when a layer is scaled.
    """
    import torch

    if not adaptive:
        norm = torch.nn.utils.get_total_norm(gradients)
        scale = rho / norm.clamp(min=TINY)
        return [gradient * scale.to(gradient.dtype) for gradient in gradients]
    sizes = [weight.abs() + ADAPTIVE_OFFSET for weight in weights]
    scaled = [size * gradient for size, gradient in zip(sizes, gradients, strict=True)]
    scale = rho / torch.nn.utils.get_total_norm(scaled).clamp(min=TINY)
    return [size * gradient * scale.to(gradient.dtype) for size, gradient in zip(sizes, scaled, strict=True)]


@register
class Sam(Technique, frozen=True):
    """At each step climb to the worst weights within reach, and step with the gradients from there.

    Both passes see the same batch and the same random masks. What passes leave in buffers, such as the running
    statistics of batch normalization, is the first pass's.
    """

    rho: float = strength(
        0.05,
        "radius of the neighbourhood in weight space; 0.05 is usual, and about ten times that where adaptive",
        ge=0,
        le=100,
        usual=(0.01, 2.0),
    )
    adaptive: bool = Field(False, description="measure each weight's perturbation by the weight's own size (ASAM)")

    name: ClassVar[str] = "sam"
    null: ClassVar[dict[str, float] | None] = {"rho": 0.0}
    card: ClassVar[Card] = Card(
        title="Sharpness-aware minimization (SAM)",
        mechanism=(
            "Minimizes the loss at the worst point of a small neighbourhood instead of at the weights themselves, "
            "which favours wide valleys over sharp ones."
        ),
        when=(
            "Where twice the training time is affordable: vision transformers and other networks without convolution, "
            "trained on little data; wrong labels; fine-tuning."
        ),
        avoid=(
            "Where the same time spent on a longer training gains as much: compare at equal cost. A large rho that "
            "keeps the network from fitting. In large batches on several devices the perturbation is of the mean "
            "gradient, which regularizes less than each device's own."
        ),
        cost="Two forward and backward passes for each step.",
        step_cost=2.0,
        effect=None,  # several tables, each with its own network; none that holds in general
        interactions=(
            "Combines with augmentation, label smoothing and weight decay; averaging of weights finds flat regions in "
            "another way and can be added. The train loss is that of the first pass, at the weights themselves."
        ),
        source="Foret et al. 2021; Kwon et al. 2021",
    )

    def step(self, run: Run, gradients: Callable[[], torch.Tensor]) -> torch.Tensor:
        """The loss at the weights; the gradients, those at the perturbed weights. The weights come back bit for bit."""
        import torch

        loss = gradients()
        if self.rho == 0:
            return loss
        moved = [(p, p.grad) for p in run.model.parameters() if p.grad is not None]
        weights = [parameter.detach() for parameter, _ in moved]
        buffers = list(run.model.buffers())
        own = [tensor.clone() for tensor in (*weights, *buffers)]
        with torch.no_grad():
            steps = perturbations(weights, [gradient for _, gradient in moved], self.rho, adaptive=self.adaptive)
            for weight, step in zip(weights, steps, strict=True):
                weight.add_(step)
        try:
            gradients()
        finally:
            with torch.no_grad():
                for tensor, kept in zip((*weights, *buffers), own, strict=True):
                    tensor.copy_(kept)
        return loss
