"""Max-norm: each unit's incoming weights are kept inside a ball (Srebro & Shraibman 2005; Srivastava et al. 2014)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from advisor.errors import AdvisorError
from advisor.techniques.core import Card, Run, Technique, register, strength

if TYPE_CHECKING:
    import torch


def project(weight: torch.Tensor, limit: float, units: int = 0) -> None:
    """Scale, in place, the weights of each unit whose norm exceeds `limit` down to that norm; NaN stays.

    weight: any shape; `units` is the axis that counts the units. A unit inside the ball keeps its bits.
    """
    import torch

    others = [axis for axis in range(weight.ndim) if axis != units]
    wide = torch.promote_types(weight.dtype, torch.float32)  # squares overflow in half precision
    norm = torch.linalg.vector_norm(weight, dim=others, keepdim=True, dtype=wide)
    scale = torch.where(norm > limit, limit / norm, 1.0)
    weight.mul_(scale.to(weight.dtype))


def find_weights(model: torch.nn.Module) -> list[tuple[torch.nn.Parameter, int]]:
    """The weights of linear and convolutional layers and of attention's projections, with the axis of their units."""
    from torch import nn
    from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

    found: dict[int, tuple[nn.Parameter, int]] = {}
    for module in model.modules():
        if not isinstance(module, (nn.Linear, _ConvNd, nn.MultiheadAttention)):
            continue
        units = 1 if isinstance(module, _ConvTransposeNd) else 0
        for parameter in module.parameters(recurse=False):
            # What is left out here are biases: (units,), and attention's (1, 1, width).
            if parameter.ndim >= 2 and not (isinstance(module, nn.MultiheadAttention) and parameter.ndim > 2):
                found.setdefault(id(parameter), (parameter, units))
    return list(found.values())


@register
class MaxNorm(Technique, frozen=True):
    """After each step, scale every unit whose incoming weights have become longer than the limit back to it."""

    limit: float = strength(
        3.0, "largest norm of the weights that lead into one unit; 3 to 4 is usual", gt=0, le=1e9, usual=(1.0, 5.0)
    )

    name: ClassVar[str] = "max_norm"
    stackable: ClassVar[bool] = True
    null: ClassVar[dict[str, float] | None] = {"limit": 1e9}
    card: ClassVar[Card] = Card(
        title="Max-norm constraint",
        mechanism=(
            "Bounds how strongly a unit can react to its inputs, without pulling on weights that are inside the bound. "
            "Large learning rates cannot blow weights up."
        ),
        when="Fully connected networks with dropout and large learning rates, where weights run away.",
        avoid=(
            "Before batch or layer normalization, where the size of weights does not change the output: there it "
            "only changes the effective learning rate. A limit that nearly all units exceed shrinks the network."
        ),
        cost="One norm for each weight matrix and step.",
        step_cost=1.05,
        effect=None,  # reported together with dropout, not by itself
        interactions=(
            "Made for dropout with a high learning rate (Srivastava et al. 2014). Takes the place of weight decay more "
            "than it adds to it. An average of projected weights is inside the ball as well."
        ),
        source="Srebro & Shraibman 2005; Srivastava et al. 2014",
    )

    def model(self, run: Run, model: torch.nn.Module) -> torch.nn.Module:
        """Look for weights to constrain.

        Raises:
            AdvisorError: there are none.
        """
        run.state[self.name] = find_weights(model)
        if not run.state[self.name]:
            raise AdvisorError(
                f"max_norm finds no weights in {type(model).__name__}: looked for nn.Linear, convolutions and "
                "nn.MultiheadAttention. Leave max_norm out of this arm."
            )
        return model

    def step_end(self, run: Run) -> None:
        """Project what is trained; frozen weights stay as they are."""
        import torch

        with torch.no_grad():
            for weight, units in run.state[self.name]:
                if weight.requires_grad:
                    project(weight, self.limit, units)
