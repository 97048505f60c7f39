"""Feature distillation: hidden features that follow a teacher's (FitNets, Romero et al. 2015)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from advisor.techniques.core import Card, Run, Targets, Technique, Trained, TrainOnce, register, strength
from advisor.techniques.core.distill import follow_mixing
from advisor.techniques.core.features import Aligner, Features, hidden_places, places_at

if TYPE_CHECKING:
    import torch


def feature_loss(student: list[torch.Tensor], teacher: list[torch.Tensor], aligners: list[Aligner]) -> torch.Tensor:
    """The mean over places of the squared error between mapped features and the teacher's at a mean square of 1.

    student, teacher: one feature (N, ...) for each aligner. 0 where they agree, about 1 where nothing is learned yet;
    NaN where a feature is not finite.
    """
    import torch

    triples = zip(aligners, student, teacher, strict=True)
    return torch.stack([aligner.distance(mine, goal) for aligner, mine, goal in triples]).mean()


@dataclass(frozen=True)
class Matching:
    """The teacher, where features come out of both networks, and what maps the student's to the teacher's."""

    teacher: Trained
    student_features: Features
    teacher_features: Features
    aligners: list[Aligner]


@register
class FeatureDistillation(Technique, frozen=True):
    """Train a teacher first; then this network's hidden features must predict the teacher's on the same inputs.

    The maps between the features are trained along and are no part of the model. Under DistributedDataParallel each
    process trains its own.
    """

    weight: float = strength(
        1.0, "of the feature error beside the loss; the error is about 1 before anything is learned", ge=0, le=1000,
        usual=(0.1, 10.0),
    )  # fmt: skip
    layers: int = strength(
        1, "hidden places that are matched, evenly spaced by depth; one lies in the middle", ge=1, le=16, usual=(1, 4)
    )
    teacher_arguments: dict[str, Any] = Field(
        {}, description='changes to the arguments of the model for the teacher, such as {"width": 64}'
    )

    name: ClassVar[str] = "feature_distillation"
    null: ClassVar[dict[str, float] | None] = {"weight": 0.0}
    card: ClassVar[Card] = Card(
        title="Feature distillation (hints)",
        mechanism=(
            "A teacher's hidden features say how inputs resemble one another in far more numbers than its predictions "
            "do, and give a deep network a goal near its lower layers."
        ),
        when=(
            "Beside or in place of distillation by predictions: where the student is deep and hard to train, where "
            "there are few classes and predictions say little, or where the teacher has other classes."
        ),
        avoid=(
            "With a teacher that is no better than the student. At places too deep or with a large weight, where the "
            "student is held to details of the teacher that its own size cannot follow."
        ),
        cost="Training the teacher first, then its evaluation at every step.",
        step_cost=1.2,
        effect=None,  # depends on the teacher
        interactions=(
            "Goes well with distillation by predictions. Stronger effect early: as the features agree the targets' "
            "loss takes over. Dropout and mixing make the student's features noisier than the teacher's."
        ),
        source="Romero et al. 2015",
    )

    def plan(self, run: Run, train_once: TrainOnce) -> None:
        """Train the teacher, find the places in both networks and make the maps between them.

        Raises:
            AdvisorError: a network has too few hidden places, or there is no example for the dry forward pass.
        """
        if self.weight == 0:
            return
        example = run.require_example(self.name)
        student = places_at(hidden_places(run.model, example), self.layers, self.name, "student")
        teacher = train_once(self.name, arguments=self.teacher_arguments)
        teacher.model.eval()
        goals = places_at(hidden_places(teacher.model, example), self.layers, self.name, "teacher")
        like, generator = next(run.model.parameters()), run.generator(self.name)
        matching = Matching(
            teacher,
            Features(student, with_gradient=True),
            Features(goals, with_gradient=False),
            [Aligner(*pair, like, generator) for pair in zip(student, goals, strict=True)],
        )
        run.undo += [matching.student_features.remove, matching.teacher_features.remove]
        run.state[self.name] = matching

    def param_groups(self, run: Run, groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Add the maps as a group of their own, at the largest learning rate of the others and without decay."""
        matching: Matching | None = run.state.get(self.name)
        if matching is None:
            return groups
        added: dict[str, Any] = {"params": [p for aligner in matching.aligners for p in aligner.parameters]}
        rates = [group["lr"] for group in groups if "lr" in group]
        return [*groups, added | ({"lr": max(rates)} if rates else {}) | {"weight_decay": 0.0}]

    def loss(
        self, run: Run, inputs: torch.Tensor, targets: Targets, outputs: torch.Tensor, loss: torch.Tensor
    ) -> torch.Tensor:
        """Add the feature error on the same inputs."""
        import torch

        matching: Matching | None = run.state.get(self.name)
        if matching is None:
            return loss
        with torch.no_grad():
            matching.teacher.model(inputs)
        goals = [follow_mixing(run, goal, "real") for goal in matching.teacher_features.take(self.name)]
        return loss + self.weight * feature_loss(matching.student_features.take(self.name), goals, matching.aligners)
