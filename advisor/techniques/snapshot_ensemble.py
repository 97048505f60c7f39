"""Snapshot ensemble: one training, several networks, by a learning rate that restarts (Huang et al. 2017)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from advisor.techniques.core import Card, Run, Technique, register, strength
from advisor.techniques.core.averaging import average_predictions
from advisor.techniques.core.weights import holding, tensors_of

if TYPE_CHECKING:
    import torch


def cycle_at(step: int, steps: int, cycles: int) -> tuple[int, int]:
    """The first step of the cycle that `step` of `steps` lies in, and that of the next; they differ by at most one."""
    number = step * cycles // steps
    return -(-number * steps // cycles), -(-(number + 1) * steps // cycles)


def cyclic_cosine(step: int, steps: int, cycles: int) -> float:
    """The learning rate's factor: half a cosine from 1 towards 0 within each cycle. After `steps` it stays low."""
    step = min(step, steps - 1)
    begin, end = cycle_at(step, steps, cycles)
    return 0.5 * (1 + math.cos(math.pi * (step - begin) / (end - begin)))


@register
class SnapshotEnsemble(Technique, frozen=True):
    """Let the learning rate fall and restart, keep the weights at the end of each cycle, and average the predictions.

    The model keeps the last cycle's weights. There are no more cycles than steps.
    """

    cycles: int = strength(
        5,
        "networks that one training is divided into; each needs epochs enough to converge. 1 leaves all alone",
        ge=1,
        le=100,
        usual=(3, 8),
        unit="cycles",
    )

    name: ClassVar[str] = "snapshot_ensemble"
    null: ClassVar[dict[str, int] | None] = {"cycles": 1}
    conflicts: ClassVar[dict[str, str]] = {
        "early_stopping": "the cycles need all planned epochs, and the best epoch would take the last snapshot's place",
        "swa": "both set the learning rate of the last part of the training",
    }
    card: ClassVar[Card] = Card(
        title="Snapshot ensemble",
        mechanism=(
            "Each restart of the learning rate throws the weights out of one good region and lets them settle in "
            "another; the networks at the ends of the cycles err differently, and their mean errs less."
        ),
        when=(
            "Where an ensemble's gain in accuracy, likelihood and calibration is wanted, and only one training can be "
            "paid for."
        ),
        avoid=(
            "In short trainings: cycles too short to converge give weak members. Where prediction must be cheap. "
            "Independent trainings give more different networks, and gain more for more cost."
        ),
        cost="No more training; weights and prediction as many times over as there are cycles.",
        step_cost=1.0,
        effect=None,
        interactions=(
            "Replaces the training's own schedule. Validation values rise and fall with the cycles: look at the "
            "ends of cycles only. Temperature scaling is fitted to the averaged "
            "predictions."
        ),
        source="Huang et al. 2017",
    )

    def schedule(self, run: Run, factor: float | None) -> float | None:
        """The cyclic cosine in place of the training's own schedule."""
        steps, cycles = self._plan(run)
        return factor if cycles == 1 else cyclic_cosine(run.step, steps, cycles)

    def step_end(self, run: Run) -> None:
        """Keep the weights at the end of each cycle but the last, whose weights the model keeps itself."""
        steps, cycles = self._plan(run)
        done = run.step + 1
        if cycles > 1 and done < steps and cycle_at(run.step, steps, cycles)[1] == done:
            run.state.setdefault(self.name, []).append(tensors_of(run.model))

    def predict(self, run: Run, inputs: torch.Tensor, forward: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """The averaged predictions of all snapshots and the model."""
        answers = []
        for snapshot in run.state.get(self.name, []):
            with holding(run.model, snapshot):
                answers.append(forward(inputs))
        return average_predictions([*answers, forward(inputs)], run.task.kind) if answers else forward(inputs)

    def _plan(self, run: Run) -> tuple[int, int]:
        steps = run.epochs * run.steps_per_epoch
        return steps, min(self.cycles, steps)
