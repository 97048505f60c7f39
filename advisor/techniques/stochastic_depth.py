"""Stochastic depth (DropPath): residual branches left out at random, deeper ones more often (Huang et al. 2016)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from advisor.errors import AdvisorError
from advisor.techniques.core import Card, Effect, Run, Technique, register, strength
from advisor.techniques.core.changes import change_output, set_attribute
from advisor.techniques.core.dataflow import Maker
from advisor.techniques.core.places import is_kind, residual_branches

if TYPE_CHECKING:
    import torch

Mode = Literal["row", "batch"]
TORCHVISION, TIMM = ("torchvision", "StochasticDepth"), ("timm", "DropPath")


def drop_branch(
    branch: torch.Tensor, probability: float, generator: torch.Generator, mode: Mode = "row", axis: int = 0
) -> torch.Tensor:
    """Zero the branch with `probability` and scale it otherwise, so that the mean stays.

    branch: (N, ...), or with the examples along `axis`. mode: one draw for each example (row) or for all (batch).
    """
    import torch

    shape = [1] * branch.ndim
    if mode == "row":
        shape[axis] = branch.shape[axis]
    kept = torch.rand(shape, generator=generator, device=branch.device) >= probability
    return branch * kept.to(branch.dtype).mul_(1 / (1 - probability))


def linear_rates(owners: Sequence[int], probability: float) -> list[float]:
    """The rate of each branch in order of depth: that of block l of L is probability * l / L.

    owners: a number for the module call that adds each branch. Branches of one call are one block, unless all are,
    as in a model that adds them in one loop: then each is a block.
    """
    blocks = list(dict.fromkeys(owners))
    if len(blocks) == 1:
        return [probability * (place + 1) / len(owners) for place in range(len(owners))]
    return [probability * (blocks.index(owner) + 1) / len(blocks) for owner in owners]


@register
class StochasticDepth(Technique, frozen=True):
    """Drop residual branches in training, at a rate that grows linearly with depth.

    A dry forward pass finds the branches. Where the model has stochastic depth of its own its rate is set; all other
    branches get it.
    """

    probability: float = strength(
        0.1, "rate of the last block; 0.1 to 0.4 is usual, more for deeper models", ge=0, le=0.9, usual=(0.05, 0.5)
    )
    mode: Mode = Field(
        "row", description="row: a draw for each example and branch; batch: one for the batch, as in the paper"
    )

    name: ClassVar[str] = "stochastic_depth"
    null: ClassVar[dict[str, float] | None] = {"probability": 0.0}
    card: ClassVar[Card] = Card(
        title="Stochastic depth (DropPath)",
        mechanism=(
            "Each step trains a network that is shallower at random; gradients reach early blocks more directly, and "
            "the full network averages over many depths."
        ),
        when=(
            "Deep residual networks, vision transformers and ConvNeXts from scratch, where it is standard: the deeper "
            "the network and the fewer the data, the higher the rate."
        ),
        avoid="Shallow networks, where one block is much to lose, and networks that underfit.",
        cost=(
            "One multiplication for each branch. Nothing is saved: every branch is computed. Only the form that drops "
            "a branch for the whole batch could skip the computation, and hooks come after it."
        ),
        step_cost=1.0,
        effect=Effect(
            metric="accuracy",
            low=0.012,
            high=0.012,
            scope="CIFAR-10 with augmentation, ResNet-110 in 500 epochs, last block dropped at 0.5",
            source="Huang et al. 2016",
        ),
        interactions=(
            "Less is needed beside dropout. Strong augmentation and mixing, usual with it, slow the fit as it does: "
            "lower the rate in short trainings. The train loss logged with it on is too high to compare with "
            "validation loss."
        ),
        source="Huang et al. 2016",
    )

    def model(self, run: Run, model: torch.nn.Module) -> torch.nn.Module:
        """Set the rates of what drops branches already, and hook the other branches.

        Raises:
            AdvisorError: no residual branch is found, or there is no example to find them with.
        """
        branches = residual_branches(model, run.require_example(self.name))
        own = [module for module in model.modules() if is_kind(module, *TORCHVISION) or is_kind(module, *TIMM)]
        if not branches and not own:
            raise AdvisorError(
                f"stochastic_depth finds no residual branch in {type(model).__name__}: looked for "
                "torchvision.ops.StochasticDepth and timm DropPath modules, and in a forward pass for x + f(x) where a "
                "module gives f(x). Leave stochastic_depth out of this arm."
            )
        own_ids = {id(module) for module in own}
        places: dict[int, tuple[Maker, float, int]] = {}
        # First by place in the list, for modules outside of what is added; those on a branch get that branch's rate.
        for module, rate in zip(own, linear_rates(range(len(own)), self.probability), strict=True):
            places[id(module)] = Maker(module), rate, 0
        rates = linear_rates([branch.owner for branch in branches], self.probability)
        for branch, rate in zip(branches, rates, strict=True):
            there = next((module for module in branch.passed if id(module) in own_ids), None)
            maker = branch.maker if there is None else Maker(there)
            places[id(maker.module)] = maker, rate, branch.batch_axis  # where several share it, the deepest one's rate
        for maker, rate, axis in places.values():
            self._act(run, maker, rate, axis)
        return model

    def _act(self, run: Run, maker: Maker, rate: float, axis: int) -> None:
        def change(branch: torch.Tensor) -> torch.Tensor:
            return drop_branch(branch, rate, run.generator(self.name), self.mode, axis)

        if is_kind(maker.module, *TORCHVISION):
            set_attribute(run, maker.module, "p", rate)
            set_attribute(run, maker.module, "mode", self.mode)
            return
        if is_kind(maker.module, *TIMM):
            set_attribute(run, maker.module, "drop_prob", rate if self.mode == "row" else 0.0)
            if self.mode == "row":  # it knows no other
                return
        change_output(run, maker, change)
