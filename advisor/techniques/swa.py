"""Stochastic weight averaging: the mean of the weights over the last part of a training (Izmailov et al. 2018)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from advisor.errors import AdvisorError
from advisor.techniques.core import Card, Run, Technique, register, strength
from advisor.techniques.core.norms import estimate_statistics, tracking_norms
from advisor.techniques.core.weights import AveragedWeights

if TYPE_CHECKING:
    import torch

LOWEST = 0.01  # where a decaying learning rate ends, as a share of where it begins


def first_step(start: float, epochs: int, steps_per_epoch: int) -> int:
    """After how many steps the averaging begins: at the first end of an epoch from `start` of the training on."""
    return max(1, math.ceil(round(start * epochs, 9))) * steps_per_epoch


def decaying(step: int, cycle: int) -> float:
    """A share that falls linearly within each cycle of so many steps, and is `LOWEST` at its last step."""
    done = (step % cycle + 1) / cycle
    return (1 - done) + done * LOWEST


@register
class Swa(Technique, frozen=True):
    """Average the weights at the end of each epoch of the last part, with a learning rate that keeps them moving.

    Averaged are the weights after `start` of the training and after each epoch that follows. Until the training ends,
    the statistics of batch normalization are averaged along; then they are estimated anew on the training data.
    """

    start: float = strength(
        0.75, "share of the training after which weights are averaged; 1 leaves all alone", ge=0, le=1, usual=(0.5, 0.9)
    )
    learning_rate: Literal["constant", "decaying", "own"] = Field(
        "constant",
        description="while averaging: constant at lr_factor; decaying from it to a hundredth within each epoch; or the "
        "training's own schedule",
    )
    lr_factor: float = strength(
        0.5, "learning rate while averaging, as a share of the initial one", gt=0, le=10, usual=(0.05, 1.0)
    )

    name: ClassVar[str] = "swa"
    stackable: ClassVar[bool] = True
    null: ClassVar[dict[str, float] | None] = {"start": 1.0}
    after_training: ClassVar[str] = "training data, to estimate the statistics of batch normalization"
    conflicts: ClassVar[dict[str, str]] = {
        "ema": "both average the weights over the training, and the gains do not add up",
        "snapshot_ensemble": "both set the learning rate of the last part of the training",
        "early_stopping": "a single best epoch would be put over the average, which needs the last epochs",
    }
    card: ClassVar[Card] = Card(
        title="Stochastic weight averaging (SWA)",
        mechanism=(
            "A learning rate that stays high walks around the rim of a flat region; the mean of the points it visits "
            "lies inside, where small shifts between train and test loss matter less."
        ),
        when=(
            "A training that has nearly converged and can go on for some epochs, also from a finished network: one "
            "network at the end, for the price of a few more epochs."
        ),
        avoid=(
            "Too early a start, when weights still move far in one direction. In short trainings, where the raised "
            "learning rate costs more than the average gains."
        ),
        cost="A second copy of the weights; with batch normalization one more pass over the training data.",
        step_cost=1.0,
        effect=None,  # reported for budgets of 1 to 1.5 times the baseline's
        interactions=(
            "Does not add up with EMA. Sets the learning rate of the last part, whatever the schedule was. Validation "
            "values during the training come from averaged batch statistics and may be worse than those at the end."
        ),
        source="Izmailov et al. 2018",
    )

    def epoch_start(self, run: Run) -> None:
        """Copy the model before its first pass, and make sure that there will be data for the statistics.

        Raises:
            AdvisorError: the model has batch normalization, and no training data was given.
        """
        if self.start < 1:
            self._average(run)
            if tracking_norms(run.model):
                run.require_batches(self.name, "train")

    def schedule(self, run: Run, factor: float | None) -> float | None:
        """The learning rate while averaging; before it begins, the training's own."""
        if self.start == 1 or self.learning_rate == "own" or run.step < self._first(run):
            return factor
        share = decaying(run.step, run.steps_per_epoch) if self.learning_rate == "decaying" else 1.0
        return self.lr_factor * share

    def step_end(self, run: Run) -> None:
        """Take the weights into the mean at the end of an epoch."""
        done = run.step + 1
        if self.start == 1 or done < self._first(run) or done % run.steps_per_epoch:
            return
        average = self._average(run)
        average.update(average.updates / (average.updates + 1))

    def eval_model(self, run: Run, model: torch.nn.Module) -> torch.nn.Module:
        """The averaged model, as soon as there is one."""
        average: AveragedWeights | None = run.state.get(self.name)
        return average.model if average is not None and average.updates else model

    def fit_after(self, run: Run) -> None:
        """Put the mean into the model, and estimate its batch statistics.

        Raises:
            AdvisorError: the training data gives no batch of two or more.
        """
        average: AveragedWeights | None = run.state.get(self.name)
        if average is None or average.updates == 0:
            return
        average.put_into(run.model)
        if tracking_norms(run.model):
            batches = run.require_batches(self.name, "train")
            if not estimate_statistics(run.model, (inputs for inputs, _ in batches())):
                raise AdvisorError(
                    "swa got no training batch of two or more examples; pass `train_batches` that can be gone through "
                    "more than once, such as a DataLoader or a list, not a generator."
                )

    def _average(self, run: Run) -> AveragedWeights:
        if self.name not in run.state:
            run.state[self.name] = AveragedWeights(run.model, self.name)
        average: AveragedWeights = run.state[self.name]
        return average

    def _first(self, run: Run) -> int:
        return first_step(self.start, run.epochs, run.steps_per_epoch)
