"""Many runs of one arm as one batched program: their weights stacked, their steps taken together.

Small networks spend a step on calls, not on arithmetic; stacked, one call serves all runs. Every run keeps its own
initialisation, order, random streams and techniques, and gets the same bits in whatever company it is trained; against
a run on its own it differs by rounding only (see tests/training/test_stack.py for how much).
"""

from __future__ import annotations

import math
import pathlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from advisor.experiments.evidence import RunResult
from advisor.experiments.spec import Training
from advisor.models.registry import check_arguments
from advisor.models.spec import ModelSpec
from advisor.techniques import build_techniques
from advisor.techniques.core import Targets
from advisor.training.determinism import deterministic
from advisor.training.engine import Data, Trainee, explained
from advisor.training.grouped import grouped_answer
from advisor.training.optimizers import build_optimizer
from advisor.training.plan import RunPlan
from advisor.training.schedules import factor_at

if TYPE_CHECKING:
    import torch

# Whose layers can be computed for many runs at once, and whose steps are calls more than arithmetic at usual sizes.
MODELS = ("mlp",)
OPTIMIZERS = ("sgd", "adam", "adamw")
# Products of a step up to which stacks were measured to be faster: benchmarks/training.py, docs/performance.md.
LARGEST_STEP = 2_000_000
GROUPED_EXAMPLES = 512  # of each run in one pass of an evaluation
VECTOR = 16  # floats in the widest vector of a processor
SMALLEST_STACK, LARGEST_STACK = 4, 16


def stacks(model: ModelSpec, training: Training, input_shape: tuple[int, ...]) -> bool:
    """Whether runs of this arm are trained as one program: where they can be, and where that is faster.

    The answer follows from the spec and the shape of an example alone, so that the same spec gives the same bits.
    """
    return may_stack(model, training) and _products(model, training, input_shape) <= LARGEST_STEP


def _products(model: ModelSpec, training: Training, input_shape: tuple[int, ...]) -> int:
    """Products of a step's forward pass through the hidden layers."""
    arguments = check_arguments(str(model.name), model.arguments).model_dump()
    features = math.prod(input_shape)
    width, depth = int(arguments["width"]), int(arguments["depth"])
    return training.batch_size * width * (features + (depth - 1) * width)


def may_stack(model: ModelSpec, training: Training) -> bool:
    """Whether runs of this arm can be trained as one program."""
    return (
        model.name in MODELS
        and not model.arguments.get("dropout")  # it draws from the global state
        and model.arguments.get("normalization") != "batch"  # side by side, sums over a batch are rounded otherwise
        and training.optimizer in OPTIMIZERS
        and training.accumulate == 1
        and training.precision != "bfloat16"
        and all(technique.stacks() for technique in build_techniques(training.techniques))
    )


def stack_size(runs: int, arms: int, workers: int) -> int:
    """How many of an arm's runs make up a stack, so that every worker has one."""
    return max(SMALLEST_STACK, min(LARGEST_STACK, -(-runs * arms // workers)))


def train_stack(
    plans: Sequence[RunPlan],
    *,
    workspace: pathlib.Path | None = None,
    on_epoch: Callable[[int, int], None] | None = None,
    data: Data | None = None,
) -> list[RunResult]:
    """Train runs that differ in their seeds only; the results in the order of the plans.

    `data`: that of the plans, if loaded already.

    Raises:
        AdvisorError: as `advisor.training.engine.train`.
    """
    first = plans[0]
    with deterministic(first.threads):
        with explained(first, workspace):
            data = data or Data(first, workspace)
            trainees = [Trainee(plan, workspace, data=data) for plan in plans]
            stack = Stack(trainees)
        while stack.trainees:
            with explained(first, workspace):
                stack.train_epoch()
            if on_epoch is not None:
                on_epoch(max(len(trainee.run.history) for trainee in trainees), first.training.epochs)
        with explained(first, workspace):
            return [trainee.finish() for trainee in trainees]


class Stack:
    """The trainings that still go on, and their weights: a tensor (K, ...) for each parameter.

    Each trainee's own parameters are views of the stacked ones, so that hooks and evaluation find them.
    """

    def __init__(self, trainees: Sequence[Trainee]) -> None:
        import torch

        self.trainees = list(trainees)
        models = [trainee.run.model for trainee in self.trainees]
        self.parameters = {
            name: torch.stack([model.get_parameter(name).detach() for model in models]).requires_grad_()
            for name, _ in models[0].named_parameters()
        }
        self._share()
        self.optimizers = self._optimizers()

    def _share(self) -> None:
        """Make the trainees' tensors views of the stacked ones."""
        for row, trainee in enumerate(self.trainees):
            model = trainee.run.model
            for name, stacked in self.parameters.items():
                model.get_parameter(name).data = stacked.detach()[row]
        leader = self.trainees[0]
        leader.run.stack = [trainee.run for trainee in self.trainees]

    def _optimizers(self) -> list[torch.optim.Optimizer]:
        """Those of all runs, with the groups that the techniques make for the first; what they do is elementwise.

        The fused one rounds the end of a tensor, short of a whole vector, otherwise than the rest. So that no number
        depends on which row of the stack it is in, it gets only what is whole vectors in each row.
        """
        leader = self.trainees[0]
        name_of = {id(parameter): name for name, parameter in leader.run.model.named_parameters()}
        optimizers = []
        for fused in (True, False):
            groups = []
            for group in leader.session.param_groups(lr=leader.plan.training.lr):
                names = [name_of[id(parameter)] for parameter in group["params"]]
                own = [self.parameters[name] for name in names if _whole_vectors(self.parameters[name][0]) == fused]
                if own:
                    groups.append({**group, "params": own})
            if groups:
                optimizers.append(build_optimizer(leader.plan.training, groups, fused=fused))
        return optimizers

    def train_epoch(self) -> None:
        """One epoch of each training; those that have ended leave the stack."""
        import torch

        for trainee in self.trainees:
            trainee.session.epoch_start()
            trainee.run.model.train()
        leader = self.trainees[0]
        part = leader.epochs.part
        orders = torch.stack(
            [
                torch.randperm(len(part), generator=trainee.run.generator("order"), device=part.inputs.device)
                for trainee in self.trainees
            ]
        )
        totals = torch.zeros(len(self.trainees), dtype=torch.float64, device=part.inputs.device)
        for start, stop in leader.epochs.spans:
            totals += self.step(orders[:, start:stop]) * (stop - start)
        losses = (totals / leader.epochs.spans[-1][1]).tolist()
        answers = self._answers()
        for trainee, loss, own in zip(self.trainees, losses, answers, strict=True):
            trainee.close_epoch(loss, own)
        if any(trainee.ended for trainee in self.trainees):
            self._dismiss()

    def _answers(self) -> list[dict[str, torch.Tensor] | None]:
        """What each network answers to the splits that are looked at after an epoch, where nothing stands before it."""
        import torch

        leader = self.trainees[0]
        if leader.session.changes_evaluation:
            return [None] * len(self.trainees)
        leader.run.model.eval()
        answers: list[dict[str, torch.Tensor] | None] = [{} for _ in self.trainees]
        with torch.no_grad():
            for name in ("validation", "train"):
                looked = [trainee.looked_at(name).inputs for trainee in self.trainees]
                chunks = [
                    grouped_answer(leader.run.model, self.parameters, torch.stack(rows))
                    for rows in zip(*(torch.split(inputs, GROUPED_EXAMPLES) for inputs in looked), strict=True)
                ]
                for own, rows in zip(answers, torch.cat(chunks, 1), strict=True):
                    assert own is not None
                    own[name] = rows
        return answers

    def step(self, index: torch.Tensor) -> torch.Tensor:
        """One optimizer step of each; index (K, N): the examples of their batches. Returns the losses, (K,)."""
        leader = self.trainees[0]
        training, run = leader.plan.training, leader.run
        for optimizer in self.optimizers:
            leader.session.set_learning_rate(optimizer, factor_at(training, run.step, run.steps_per_epoch))
        for trainee in self.trainees:
            trainee.streams.restart()
        inputs, targets = self._batches(index)
        for parameter in self.parameters.values():
            parameter.grad = None
        outputs = grouped_answer(run.model, self.parameters, inputs)
        losses = self._loss(inputs, targets, outputs)
        losses.sum().backward()  # type: ignore[no-untyped-call]
        if training.clip_norm is not None:
            self._clip(training.clip_norm)
        for optimizer in self.optimizers:
            optimizer.step()
        for trainee in self.trainees:
            trainee.session.step_end()
        return losses.detach()

    def _batches(self, index: torch.Tensor) -> tuple[torch.Tensor, list[Targets]]:
        """Inputs (K, N, ...) and the targets of each."""
        import torch

        leader = self.trainees[0]
        one_split = all(trainee.epochs.part is leader.epochs.part for trainee in self.trainees)
        if one_split and not leader.session.changes_batches:
            inputs = leader.epochs.part.inputs.index_select(0, index.flatten())
            values = leader.epochs.dense.at(index.flatten()).values
            shaped = values.view(*index.shape, *values.shape[1:])
            return inputs.view(*index.shape, *inputs.shape[1:]), [Targets(leader.run.task.kind, row) for row in shaped]
        rows, targets = [], []
        for trainee, own in zip(self.trainees, index, strict=True):
            part = trainee.epochs.part
            changed, wanted = trainee.session.batch(part.inputs.index_select(0, own), trainee.epochs.dense.at(own))
            rows.append(changed)
            targets.append(wanted)
        return torch.stack(rows), targets

    def _loss(self, inputs: torch.Tensor, targets: list[Targets], outputs: torch.Tensor) -> torch.Tensor:
        import torch

        leader = self.trainees[0]
        if leader.run.task.kind == "class" and not leader.session.changes_losses:  # cross-entropy, for all at once
            values = torch.stack([target.values for target in targets])
            return -(outputs.log_softmax(2) * values).sum((1, 2)) / values.shape[1]
        rows = zip(self.trainees, inputs, targets, outputs, strict=True)
        return torch.stack([trainee.session.loss(given, target, answer) for trainee, given, target, answer in rows])

    def _clip(self, norm: float) -> None:
        """Scale each run's whole gradient to at most this norm, as `clip_grad_norm_` does."""
        import torch

        gradients = [parameter.grad for parameter in self.parameters.values() if parameter.grad is not None]
        norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)  # (K,)
        factors = (norm / (norms + 1e-6)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(factors.view(-1, *[1] * (gradient.ndim - 1)))

    def _dismiss(self) -> None:
        """Go on without the trainings that have ended, each of which takes its tensors with it."""
        import torch

        rows = [row for row, trainee in enumerate(self.trainees) if not trainee.ended]
        for trainee in self.trainees:
            if trainee.ended:
                for own in trainee.run.model.parameters():
                    own.data = own.detach().clone()
        self.trainees = [self.trainees[row] for row in rows]
        if not rows:
            return
        kept = torch.tensor(rows, device=next(iter(self.parameters.values())).device)
        count = len(next(iter(self.parameters.values())))
        states = [state for optimizer in self.optimizers for state in optimizer.state.values()]
        for state in states:
            for name, value in state.items():
                if isinstance(value, torch.Tensor) and value.ndim and len(value) == count:
                    state[name] = value.index_select(0, kept)
        for parameter in self.parameters.values():
            parameter.data = parameter.detach().index_select(0, kept)
            parameter.grad = None
        self._share()


def _whole_vectors(row: torch.Tensor) -> bool:
    return row.numel() % VECTOR == 0
