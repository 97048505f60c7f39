"""Early stopping: end when validation stops improving, and keep the best weights (Prechelt 1998)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from advisor.errors import AdvisorError
from advisor.techniques.core import Card, Run, Technique, register, strength

if TYPE_CHECKING:
    import torch

FITTED = 0.05  # of the first epoch's train loss: the training data counts as fitted
STALLED = 0.98  # of the lowest train loss before: less progress than this counts as none


def improves(value: float, best: float, min_delta: float, direction: Literal["min", "max"]) -> bool:
    """Whether `value` beats `best` by more than `min_delta`; NaN never does."""
    return value < best - min_delta if direction == "min" else value > best + min_delta


def may_descend_again(train_losses: list[float], patience_epochs: int) -> bool:
    """Whether the network is still on its way to fitting the training data, the peak of an epoch-wise double descent.

    train_losses: of each epoch so far, in evaluation mode. Around that peak validation is worst, so epochs without
    improvement say little before it. The way is over once the loss is at most a twentieth of the first epoch's, or
    when it has not fallen by a fiftieth within the last patience_epochs + 1 epochs, or is not finite.
    """
    last, before = train_losses[-1], train_losses[: -(patience_epochs + 1)]
    if not math.isfinite(last) or last <= FITTED * train_losses[0]:
        return False
    return not before or min(train_losses[-(patience_epochs + 1) :]) <= STALLED * min(before)


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
    wait_for_interpolation: bool = Field(
        False,
        description="count bad epochs only once the training data is fitted or the train loss stalls, so that an "
        "epoch-wise second descent is not cut off; give it patience for the way down, too",
    )

    name: ClassVar[str] = "early_stopping"
    stackable: ClassVar[bool] = True
    # No configuration changes nothing: the best epoch's weights are kept, never simply the last one's.
    null: ClassVar[None] = None
    conflicts: ClassVar[dict[str, str]] = {
        "swa": "a single best epoch would be put over the average, which needs the last epochs",
        "snapshot_ensemble": "the cycles need all planned epochs, and the best epoch would take the last snapshot's "
        "place",
    }
    card: ClassVar[Card] = Card(
        title="Early stopping with the best weights restored",
        mechanism=(
            "Ends training where validation stops improving and goes back to the best epoch, which limits how far the "
            "weights move from where they started."
        ),
        when="Whenever there is a validation split that the final test does not use: it saves time, too.",
        avoid=(
            "By loss where accuracy is the goal and only confidence grows: monitor the metric. Where a second descent "
            "may follow it cuts it off: wait for interpolation there. With schedules that gain at their end, such as "
            "cosine, stopping comes too soon. With a small validation set the best epoch is partly luck."
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
        """Keep a copy of the weights when they are the best so far, and ask to stop when patience is over.

        Raises:
            AdvisorError: the epoch's row lacks a value that is needed.
        """
        value = self._last(run, f"validation_{self.monitor}")
        waits = self.wait_for_interpolation and self._waits(run)
        direction = "min" if self.monitor == "loss" else run.direction
        best: Best | None = run.state.get(self.name)
        if best is None:
            best = run.state[self.name] = Best(value=float("inf") if direction == "min" else float("-inf"))
        if improves(value, best.value, self.min_delta, direction):
            kept = run.evaluated if run.evaluated is not None else run.model
            weights = {name: tensor.detach().clone() for name, tensor in kept.state_dict().items()}
            run.state[self.name] = Best(value=value, epoch=run.epoch, weights=weights)
            return
        best.bad_epochs = 0 if waits else best.bad_epochs + 1
        if best.bad_epochs > self.patience_epochs:
            run.stop = True

    def fit_after(self, run: Run) -> None:
        """Put the best weights back; where no epoch was finite, the last ones stay."""
        best: Best | None = run.state.get(self.name)
        if best is not None and best.weights:
            run.model.load_state_dict(best.weights)
            run.kept_epoch = best.epoch

    def _waits(self, run: Run) -> bool:
        self._last(run, "train_eval_loss")
        losses = [row["train_eval_loss"] for row in run.history if "train_eval_loss" in row]
        return may_descend_again(losses, self.patience_epochs)

    def _last(self, run: Run, name: str) -> float:
        row = run.history[-1]
        if name not in row:
            raise AdvisorError(
                f"early_stopping needs {name!r}, but the row of epoch {run.epoch} holds {', '.join(row) or 'nothing'}; "
                f"pass it: session.epoch_end({name}=...)."
            )
        return row[name]
