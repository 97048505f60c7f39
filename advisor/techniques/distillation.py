"""Knowledge distillation: learning from a teacher's softened predictions beside the labels (Hinton et al. 2015)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from advisor.techniques.core import Card, Run, Targets, Technique, TrainOnce, register, strength
from advisor.techniques.core.distill import Teacher, blend, divergence

if TYPE_CHECKING:
    import torch


def distillation_loss(
    loss: torch.Tensor,
    student: torch.Tensor,
    teacher: torch.Tensor,
    targets: Targets,
    temperature: float,
    weight: float,
) -> torch.Tensor:
    """(1 - weight) * loss + weight * T^2 * KL(teacher || student) at temperature T, a scalar.

    loss: the scalar loss of the targets. student, teacher: answers of one shape, see `divergence`.
    """
    return blend(loss, divergence(student, teacher, targets, temperature), weight)


@register
class Distillation(Technique, frozen=True):
    """Train a teacher of one or more networks first, then this one on its answers and on the targets."""

    temperature: float = strength(
        4.0,
        "what logits of teacher and student are divided by; 2 to 5 is usual, more for a much larger teacher; real "
        "targets have none",
        ge=0.1,
        le=100,
        usual=(1.0, 8.0),
    )
    weight: float = strength(
        0.5, "share of the teacher in the loss; the targets have the rest", ge=0, le=1, usual=(0.3, 0.9)
    )
    teacher_members: int = strength(
        3, "networks in the teacher, whose predictions are averaged", ge=1, le=20, usual=(1, 5), unit="networks"
    )
    teacher_arguments: dict[str, Any] = Field(
        {}, description='changes to the arguments of the model for the teacher, such as {"width": 64}'
    )

    name: ClassVar[str] = "distillation"
    null: ClassVar[dict[str, float] | None] = {"weight": 0.0}
    card: ClassVar[Card] = Card(
        title="Knowledge distillation",
        mechanism=(
            "The teacher's probabilities say which wrong answers are nearly right, which a label does not; they act as "
            "targets smoothed for each example on its own. From an averaged teacher one network learns much of what "
            "the ensemble gains."
        ),
        when=(
            "Where one network must be small or fast but training may cost more; where an ensemble helps but cannot be "
            "deployed; and with few or noisy labels."
        ),
        avoid=(
            "Where the teacher is hardly better than the student, or far too large for it to follow. Do not leave out "
            "the factor T squared: without it the teacher's share shrinks as the temperature rises."
        ),
        cost="Training the teacher's networks first, then one evaluation of each at every step.",
        step_cost=1.75,
        effect=None,  # depends on the teacher: it has no size of its own
        interactions=(
            "A teacher trained with label smoothing may distil worse (Mueller et al. 2019), which others dispute (Shen "
            "et al. 2021): measure it. The teacher sees the same augmented and mixed inputs as the student, which long "
            "trainings need (Beyer et al. 2022). Training loss is no longer comparable with validation loss."
        ),
        source="Hinton et al. 2015",
    )

    def plan(self, run: Run, train_once: TrainOnce) -> None:
        """Train the teacher.

        Raises:
            AdvisorError: it answers in another shape than the model.
        """
        if self.weight == 0:
            return
        members = [
            train_once(self.name, member=member, arguments=self.teacher_arguments)
            for member in range(self.teacher_members)
        ]
        teacher = run.state[self.name] = Teacher(self.name, members)
        teacher.check(run)

    def loss(
        self, run: Run, inputs: torch.Tensor, targets: Targets, outputs: torch.Tensor, loss: torch.Tensor
    ) -> torch.Tensor:
        """Blend in the distance to the teacher's answer on the same inputs."""
        teacher: Teacher | None = run.state.get(self.name)
        if teacher is None:
            return loss
        answer = teacher.answer(run, inputs, outputs)
        return distillation_loss(loss, outputs, answer, targets, self.temperature, self.weight)
