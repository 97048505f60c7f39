"""Learning from a teacher's answers: the loss, and the teacher itself (Hinton et al. 2015)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.errors import AdvisorError
from advisor.techniques.core.averaging import average_predictions
from advisor.techniques.core.mixing import stacked_partners
from advisor.techniques.core.modes import answer_in_evaluation
from advisor.techniques.core.run import Run, Trained
from advisor.techniques.core.targets import IGNORED_TOKEN, TargetKind, Targets

if TYPE_CHECKING:
    import torch


def divergence(student: torch.Tensor, teacher: torch.Tensor, targets: Targets, temperature: float) -> torch.Tensor:
    """How far the student's answers are from the teacher's: a scalar of at least 0, NaN where an answer is not finite.

    `class`: T^2 KL(teacher || student) of logits (N, K), both divided by the temperature T, mean over N; the factor
    keeps the size of the gradient when T changes. `multilabel`: the same for each label as a coin of its own, mean
    over (N, K), as the loss of the labels is. `token`: logits (N, T, V), mean over the tokens that count. `real`:
    squared error; there is no temperature.
    """
    from torch.nn import functional

    student, teacher = _full_precision(student), _full_precision(teacher)
    if targets.kind == "real":
        return functional.mse_loss(student.reshape(teacher.shape), teacher)
    student, teacher = student / temperature, teacher / temperature
    if targets.kind == "multilabel":
        share = teacher.sigmoid()
        on = share * (functional.logsigmoid(teacher) - functional.logsigmoid(student))
        off = (1 - share) * (functional.logsigmoid(-teacher) - functional.logsigmoid(-student))
        return temperature**2 * (on + off).mean()
    logs = teacher.log_softmax(-1)
    each = (logs.exp() * (logs - student.log_softmax(-1))).sum(-1)
    if targets.kind == "class":
        return temperature**2 * each.mean()
    counts = (targets.values != IGNORED_TOKEN).to(each.dtype)
    return temperature**2 * (each * counts).sum() / counts.sum().clamp(min=1)


def blend(loss: torch.Tensor, divergence: torch.Tensor, weight: float) -> torch.Tensor:
    """1 - weight of the targets' loss and weight of the teacher's."""
    return (1 - weight) * loss + weight * divergence


def check_teacher(technique: str, student: torch.Tensor, teacher: torch.Tensor, kind: TargetKind) -> None:
    """Compare the shapes of two answers to the same inputs.

    Raises:
        AdvisorError: they differ.
    """
    same = student.numel() == teacher.numel() if kind == "real" else student.shape == teacher.shape
    if same and len(student) == len(teacher):
        return
    raise AdvisorError(
        f"{technique} compares answers of one shape, but the teacher's is {tuple(teacher.shape)} and the student's "
        f"{tuple(student.shape)}; give the teacher's last layer {tuple(student.shape[1:])} outputs"
        f"{', or match hidden features instead (feature_distillation)' if kind != 'real' else ''}."
    )


def follow_mixing(run: Run, answer: torch.Tensor, kind: TargetKind) -> torch.Tensor:
    """The teacher's answer where the student's model mixes the batch inside: each example's with its partner's.

    Probabilities are mixed, as the targets are, or real values. answer: (N, ...), or stacked several times over.
    """
    import torch

    if run.mixed_inside is None:
        return answer
    permutation, lam = run.mixed_inside
    other = answer[stacked_partners(permutation, len(answer) // len(permutation))]
    if kind == "real":
        return lam * answer + (1 - lam) * other
    if kind == "multilabel":
        return torch.logit(lam * answer.sigmoid() + (1 - lam) * other.sigmoid(), eps=1e-6)
    own_share, other_share = (math.log(max(share, 1e-30)) for share in (lam, 1 - lam))
    return torch.logaddexp(answer.log_softmax(-1) + own_share, other.log_softmax(-1) + other_share)


@dataclass
class Teacher:
    """One or more trained networks whose averaged predictions a student learns from."""

    technique: str  # whose teacher it is, for messages
    members: list[Trained]
    _last: tuple[int, torch.Tensor, torch.Tensor] | None = None

    def check(self, run: Run) -> None:
        """Compare the shapes of the teacher's and the student's answers, where the run has an example.

        Raises:
            AdvisorError: they differ.
        """
        for member in self.members:
            member.model.eval()
        if run.example is not None:
            student = answer_in_evaluation(run.model, run.example)
            check_teacher(self.technique, student, self._answer(run, run.example), run.task.kind)

    def answer(self, run: Run, inputs: torch.Tensor, student: torch.Tensor) -> torch.Tensor:
        """The teacher's answer to a batch, without gradient; asked again within a step it is not computed again.

        Raises:
            AdvisorError: its shape is not that of the student's answer.
        """
        if self._last is None or self._last[0] != run.step or self._last[1] is not inputs:
            answer = follow_mixing(run, self._answer(run, inputs), run.task.kind)
            check_teacher(self.technique, student, answer, run.task.kind)
            self._last = (run.step, inputs, answer)
        return self._last[2]

    def _answer(self, run: Run, inputs: torch.Tensor) -> torch.Tensor:
        import torch

        with torch.no_grad():
            answers = [member.predict(inputs) for member in self.members]
            return answers[0] if len(answers) == 1 else average_predictions(answers, run.task.kind)


def _full_precision(answer: torch.Tensor) -> torch.Tensor:
    """Half precision, as autocast gives it, is too coarse for differences of logarithms."""
    import torch

    return answer.to(torch.promote_types(answer.dtype, torch.float32))
