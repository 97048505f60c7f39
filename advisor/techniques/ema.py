"""Exponential moving average of the weights (Polyak & Juditsky 1992; as a better teacher: Tarvainen & Valpola 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from advisor.techniques.core import Card, Run, Technique, register, strength
from advisor.techniques.core.weights import AveragedWeights

if TYPE_CHECKING:
    import torch


def decay_at(updates: int, decay: float, *, warm_up: bool) -> float:
    """What is kept of the average at an update, where `updates` were made before it.

    0 at the first, so that the initial weights are not in it. With `warm_up` it rises as (1 + n) / (10 + n), so that
    a short training is not averaged over all its course.
    """
    if updates == 0:
        return 0.0
    return min(decay, (1 + updates) / (10 + updates)) if warm_up else decay


@register
class Ema(Technique, frozen=True):
    """Keep an average of the weights beside the training; it is what is evaluated, and what the model holds at the end.

    The running statistics of batch normalization are averaged in the same way; other buffers are copied.
    """

    decay: float = strength(
        0.999,
        "share of the average that each update keeps; it reaches back over about 1 / (1 - decay) updates, which should "
        "be a tenth of the training or less",
        ge=0,
        lt=1,
        usual=(0.99, 0.9999),
    )
    warm_up: bool = Field(True, description="let the decay rise with the updates: (1 + n) / (10 + n) up to its value")
    every_steps: int = strength(1, "optimizer steps between updates", ge=1, le=100_000, usual=(1, 100), unit="steps")

    name: ClassVar[str] = "ema"
    stackable: ClassVar[bool] = True
    null: ClassVar[dict[str, float] | None] = {"decay": 0.0}
    conflicts: ClassVar[dict[str, str]] = {
        "swa": "both average the weights over the training, and the gains do not add up",
    }
    card: ClassVar[Card] = Card(
        title="Exponential moving average of weights (EMA)",
        mechanism=(
            "Steps scatter around a good region; the average lies nearer to its middle, much as if the learning rate "
            "had been lowered, at every moment of the training."
        ),
        when=(
            "Nearly always worth trying in trainings of many steps: validation becomes smoother and often better, also "
            "early, and the best epoch is less a matter of luck."
        ),
        avoid=(
            "A decay that reaches back over much of the training drags bad early weights along: lower it for short "
            "trainings. Where the learning rate ends near zero, little is left to gain."
        ),
        cost="A second copy of the weights and one pass over them for each update.",
        step_cost=1.05,
        effect=None,
        interactions=(
            "Does not add up with SWA. Early stopping judges and keeps the averaged weights. Each epoch's validation "
            "is of the average, while the train loss is of the weights in training. Acts like a learning rate decay, "
            "so a decaying schedule leaves less to it."
        ),
        source="Polyak & Juditsky 1992; Tarvainen & Valpola 2017",
    )

    def epoch_start(self, run: Run) -> None:
        """Copy the model once it is complete and on its device, before its first pass."""
        self._average(run)

    def step_end(self, run: Run) -> None:
        """Take the new weights into the average."""
        average = self._average(run)
        if (run.step + 1) % self.every_steps == 0:
            average.update(decay_at(average.updates, self.decay, warm_up=self.warm_up))

    def eval_model(self, run: Run, model: torch.nn.Module) -> torch.nn.Module:
        """The averaged model, as soon as there is one."""
        average: AveragedWeights | None = run.state.get(self.name)
        return average.model if average is not None and average.updates else model

    def fit_after(self, run: Run) -> None:
        """Put the average into the model."""
        average: AveragedWeights | None = run.state.get(self.name)
        if average is not None and average.updates:
            average.put_into(run.model)

    def _average(self, run: Run) -> AveragedWeights:
        if self.name not in run.state:
            run.state[self.name] = AveragedWeights(run.model, self.name)
        average: AveragedWeights = run.state[self.name]
        return average
