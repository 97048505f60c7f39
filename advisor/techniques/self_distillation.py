"""Self-distillation: learning from a network of the same form (born again: Furlanello et al. 2018).

Or from this network as it was at an earlier epoch (Yang et al. 2019; Kim et al. 2021), which trains no other one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from advisor.techniques.core import Card, Run, Targets, Technique, Trained, TrainOnce, register, strength
from advisor.techniques.core.distill import Teacher, blend, divergence
from advisor.techniques.core.modes import keeping_modes
from advisor.techniques.core.weights import tensors_of

if TYPE_CHECKING:
    import torch


def first_copy(start: float, epochs: int) -> int:
    """The epoch from which on an earlier self teaches: at `start` of the training, never before one is done."""
    return max(1, math.ceil(start * epochs))


def frozen_copy(model: torch.nn.Module) -> Trained:
    """The model as it is now, whose answers stay the same while it is trained on.

    Only its tensors are copied, and put in its place for a pass: what hooks into the model is not doubled.
    """
    import torch
    from torch.func import functional_call

    tensors = tensors_of(model)

    def predict(inputs: torch.Tensor) -> torch.Tensor:
        with keeping_modes(model), torch.no_grad():
            answer: torch.Tensor = functional_call(model.eval(), tensors, (inputs,))
        return answer

    return Trained(model, predict)


@register
class SelfDistillation(Technique, frozen=True):
    """Learn from a teacher of the same form: one trained before, or this very network some epochs ago."""

    mode: Literal["born_again", "earlier"] = Field(
        "born_again",
        description="born_again: a chain of networks trained before, each teaching the next; earlier: this network as "
        "it was at an earlier epoch",
    )
    generations: int = strength(
        1, "born_again: teachers in the chain before this network", ge=1, le=10, usual=(1, 3), unit="networks"
    )
    start: float = strength(
        0.5, "earlier: share of the training after which the first copy teaches", ge=0, lt=1, usual=(0.2, 0.8)
    )
    refresh_epochs: int = strength(
        5, "earlier: epochs after which a new copy is taken", ge=1, le=10_000, usual=(1, 20), unit="epochs"
    )
    temperature: float = strength(
        1.0,
        "what logits of teacher and student are divided by; real targets have none",
        ge=0.1,
        le=100,
        usual=(1.0, 4.0),
    )
    weight: float = strength(
        0.5, "share of the teacher in the loss; the targets have the rest", ge=0, le=1, usual=(0.3, 0.8)
    )

    name: ClassVar[str] = "self_distillation"
    null: ClassVar[dict[str, float] | None] = {"weight": 0.0}
    card: ClassVar[Card] = Card(
        title="Self-distillation (born again, or from an earlier epoch)",
        mechanism=(
            "A teacher no larger than the student still gives softer targets than the labels, example by example, and "
            "another seed's view of the data; its uncertainty is passed on in place of the labels' certainty."
        ),
        when=(
            "Where no larger teacher is at hand, the network fits its training data with ease and labels are few or "
            "noisy. The earlier epoch where a second training costs too much."
        ),
        avoid=(
            "Many generations: the gain fades and can turn around as targets are smoothed again and again (Mobahi et "
            "al. 2020). The earlier epoch early in training, whose answers are still wrong, and where the network "
            "underfits."
        ),
        cost="A whole training for each generation and an evaluation of the teacher at every step; earlier: only that.",
        step_cost=1.2,
        effect=None,
        interactions=(
            "With label smoothing the targets are softened twice. An ensemble of the generations gains more than any "
            "of them (Furlanello et al. 2018). Training loss is no longer comparable with validation loss."
        ),
        source="Furlanello et al. 2018; earlier epoch: Yang et al. 2019, Kim et al. 2021",
    )

    def plan(self, run: Run, train_once: TrainOnce) -> None:
        """Train the chain of teachers; each learns from the one before.

        A network that is trained as a link of the chain comes through here too: it is given its teacher at each call,
        so the loop ends with that one and trains nothing.

        Raises:
            AdvisorError: the teacher answers in another shape than the model.
        """
        if self.weight == 0 or self.mode == "earlier":
            return
        teacher: Trained | None = None
        for generation in range(self.generations):
            teacher = train_once(self.name, member=generation, teacher=teacher)
        assert teacher is not None, "there is at least one generation"
        run.state[self.name] = Teacher(self.name, [teacher])
        run.state[self.name].check(run)

    def epoch_start(self, run: Run) -> None:
        """Take a copy of the network where one is due."""
        if self.weight == 0 or self.mode == "born_again":
            return
        since = run.epoch - first_copy(self.start, run.epochs)
        if since >= 0 and since % self.refresh_epochs == 0:
            run.state[self.name] = Teacher(self.name, [frozen_copy(run.model)])

    def loss(
        self, run: Run, inputs: torch.Tensor, targets: Targets, outputs: torch.Tensor, loss: torch.Tensor
    ) -> torch.Tensor:
        """Blend in the distance to the teacher's answer on the same inputs."""
        teacher: Teacher | None = run.state.get(self.name)
        if teacher is None:
            return loss
        answer = teacher.answer(run, inputs, outputs)
        return blend(loss, divergence(outputs, answer, targets, self.temperature), self.weight)
