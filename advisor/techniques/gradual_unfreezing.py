"""Gradual unfreezing: the head is trained first, then one more level at a time (Howard & Ruder 2018)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from advisor.techniques.core import Card, Run, Technique, register, strength
from advisor.techniques.core.depth import Level, require_levels
from advisor.techniques.core.norms import tracking_norms

if TYPE_CHECKING:
    import torch


def trained_levels(epoch: int, levels: int, epochs_per_block: int) -> int:
    """How many levels, counted from the head, are trained in this epoch: 1 at first, all in the end."""
    return min(levels, 1 + epoch // epochs_per_block)


class Freezer:
    """Freezes the lower levels of a network, and knows how each parameter was before."""

    def __init__(self, levels: list[Level]) -> None:
        self.levels = levels
        self._trainable = [[p for p in level.parameters if p.requires_grad] for level in levels]
        self._hooks: list[Any] = []

    def train(self, count: int) -> None:
        """Train the upper `count` levels, as far as they could be trained before, and freeze the others."""
        lowest = len(self.levels) - count
        for number, parameters in enumerate(self._trainable):
            for parameter in parameters:
                parameter.requires_grad_(number >= lowest)
        self._remove_hooks()
        for level in self.levels[:lowest]:
            for norm in dict.fromkeys(n for module in level.modules for n in tracking_norms(module)):
                before, after = _without_training()
                self._hooks.append(norm.register_forward_pre_hook(before))
                self._hooks.append(norm.register_forward_hook(after, always_call=True))

    def undo(self) -> None:
        """As it was before."""
        self._remove_hooks()
        for parameters in self._trainable:
            for parameter in parameters:
                parameter.requires_grad_(True)

    def _remove_hooks(self) -> None:
        while self._hooks:
            self._hooks.pop().remove()


def _without_training() -> tuple[Callable[[Any, Any], None], Callable[[Any, Any, Any], None]]:
    """Hooks that hold a module in evaluation mode during its pass: `model.train()` of each epoch cannot undo them."""
    modes: list[bool] = []

    def before(module: torch.nn.Module, inputs: Any) -> None:
        modes.append(module.training)
        module.training = False

    def after(module: torch.nn.Module, inputs: Any, output: Any) -> None:
        module.training = modes.pop()

    return before, after


@register
class GradualUnfreezing(Technique, frozen=True):
    """Freeze all but the head, and let one more level from the top be trained every few epochs.

    Frozen batch normalization works in evaluation mode and keeps its statistics.
    """

    epochs_per_block: int = strength(
        1,
        "epochs after which one more level is trained; 0 trains everything from the start",
        ge=0,
        le=10_000,
        usual=(1, 3),
        unit="epochs",
    )

    name: ClassVar[str] = "gradual_unfreezing"
    null: ClassVar[dict[str, int] | None] = {"epochs_per_block": 0}
    conflicts: ClassVar[dict[str, str]] = {
        "lora_dropout": "the adapters stand in for the weights below the head, which would be set free again",
    }
    card: ClassVar[Card] = Card(
        title="Gradual unfreezing",
        mechanism=(
            "A new head sends large and random gradients down at first; pretrained layers are kept from them until the "
            "layers above have settled, so that less of what they know is forgotten."
        ),
        when="Fine-tuning of a pretrained network on few examples, where the first epochs make validation worse.",
        avoid=(
            "Training from scratch: frozen layers are then random. With fewer epochs than levels the lowest are never "
            "trained, which is a choice to make on purpose."
        ),
        cost="None: the first steps, of the head alone, take a fifth of the time; each level that comes in adds.",
        step_cost=0.2,
        effect=None,
        interactions=(
            "Belongs to a family with layer-wise learning rates, and can be added to them. A schedule that decays from "
            "the start leaves little rate for levels that come in late. Early stopping needs patience beyond the last "
            "unfreezing. DistributedDataParallel needs find_unused_parameters=True."
        ),
        source="Howard & Ruder 2018",
    )

    def model(self, run: Run, model: torch.nn.Module) -> torch.nn.Module:
        """Find the levels; nothing is frozen before the first epoch, so that the optimizer gets every parameter.

        Raises:
            AdvisorError: the network shows no depth.
        """
        if self.epochs_per_block:
            freezer = run.state[self.name] = Freezer(require_levels(model, self.name))
            run.undo.append(freezer.undo)
        return model

    def epoch_start(self, run: Run) -> None:
        """Freeze and unfreeze for this epoch."""
        if self.epochs_per_block:
            freezer: Freezer = run.state[self.name]
            freezer.train(trained_levels(run.epoch, len(freezer.levels), self.epochs_per_block))
