"""Early stopping: end when validation stops improving, and keep the best weights (Prechelt 1998)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from advisor.techniques.core import Card, Run, Technique, register, strength

if TYPE_CHECKING:
    import torch


def improves(value: float, best: float, min_delta: float, direction: Literal["min", "max"]) -> bool:
    """Whether `value` beats `best` by more than `min_delta`; NaN never does."""
    return value < best - min_delta if direction == "min" else value > best + min_delta


@dataclass
class Best:
    """The best epoch so far, with a copy of its weights, and the bad epochs in a row since."""

    value: float
    epoch: int = 0
    bad_epochs: int = 0
    weights: dict[str, torch.Tensor] = field(default_factory=dict)


@register
class EarlyStopping(Technique, frozen=True):
    """Stop after more than `patience_epochs` epochs in a row without improvement, and put the best weights back.

    The best weights are put back also where the training reaches its planned end.
    """

    patience_epochs: int = strength(
        5,
        "epochs in a row without improvement that are tolerated; 0 stops at the first",
        ge=0,
        le=10_000,
        usual=(5, 20),
        unit="epochs",
    )
    min_delta: float = strength(
        0.0, "an epoch counts as better only by more than this, in units of what is monitored", ge=0, le=1e6
    )
    monitor: Literal["loss", "metric"] = Field(
        "loss", description="validation loss, or the experiment's metric on validation data"
    )

    name: ClassVar[str] = "early_stopping"
    # No configuration changes nothing: the best epoch's weights are kept, never simply the last one's.
    null: ClassVar[None] = None
    card: ClassVar[Card] = Card(
        title="Early stopping with the best weights restored",
        mechanism=(
            "Ends training where validation stops improving and goes back to the best epoch, which limits how far the "
            "weights move from where they started."
        ),
        when="Whenever there is a validation split that the final test does not use: it saves time, too.",
        avoid=(
            "By loss where accuracy is the goal and only confidence grows: monitor the metric. Where a second descent "
            "may follow, and with schedules that gain at their end, such as cosine, stopping comes too soon. With a "
            "small validation set the best epoch is partly luck."
        ),
        cost="One copy of the weights; usually it saves epochs.",
        step_cost=1.0,
        effect=None,
        interactions=(
            "Every other regularizer moves the best epoch later: raise the patience with it. Selecting the epoch makes "
            "the validation value too good; judge by a test split. A cosine schedule plans for all epochs."
        ),
        source="Prechelt 1998",
    )

    def epoch_end(self, run: Run) -> None:
        """Keep a copy of the weights when they are the best so far, and ask to stop when patience is over."""
        value = run.history[-1][f"validation_{self.monitor}"]
        direction = "min" if self.monitor == "loss" else run.direction
        best: Best | None = run.state.get(self.name)
        if best is None:
            best = run.state[self.name] = Best(value=float("inf") if direction == "min" else float("-inf"))
        if improves(value, best.value, self.min_delta, direction):
            kept = run.evaluated if run.evaluated is not None else run.model
            weights = {name: tensor.detach().clone() for name, tensor in kept.state_dict().items()}
            run.state[self.name] = Best(value=value, epoch=run.epoch, weights=weights)
            return
        best.bad_epochs += 1
        if best.bad_epochs > self.patience_epochs:
            run.stop = True

    def fit_after(self, run: Run) -> None:
        """Put the best weights back; where no epoch was finite, the last ones stay."""
        best: Best | None = run.state.get(self.name)
        if best is not None and best.weights:
            run.model.load_state_dict(best.weights)
            run.kept_epoch = best.epoch
