"""One epoch of training and one evaluation, on data that lies on the device as a whole."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from advisor.data.dataset import DataKind
from advisor.data.facts import InputFacts
from advisor.experiments.spec import Training
from advisor.techniques.core import Run, Targets
from advisor.techniques.core.session import Session
from advisor.training.by_length import by_length
from advisor.training.metrics import measure
from advisor.training.schedules import factor_at

if TYPE_CHECKING:
    import torch

EVALUATION_BATCH = 1000  # examples at most
# Numbers in a batch that is evaluated: activations of larger ones leave the processor's caches, which costs more than
# it saves. An integer stands for the features that it is embedded in.
EVALUATION_NUMBERS = 100_000
EMBEDDED = 32
TEXTS = 64  # in a batch of like length


@dataclass(frozen=True)
class Part:
    """One split on the device. inputs: (N, ...); targets: (N,) class indices, or (N,) or (N, D) floats.

    `groups`: (N,) numbers of the groups that the model is also judged on apart; None where the data name none.
    `padding`: the id at the end of short texts, where the model gives the same whatever follows a text.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    kind: DataKind
    outputs: int
    facts: InputFacts
    groups: torch.Tensor | None = None
    padding: int | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def head(self, size: int) -> Part:
        """The first `size` examples, which are a random and stratified subset of the split."""
        groups = None if self.groups is None else self.groups[:size]
        return replace(self, inputs=self.inputs[:size], targets=self.targets[:size], groups=groups)


@dataclass(frozen=True)
class Evaluation:
    """A split in evaluation mode: the loss (cross-entropy or mean squared error), and metrics that fit."""

    loss: float
    metrics: dict[str, float]


class Epochs:
    """Trains a session epoch by epoch on one training split."""

    def __init__(self, session: Session, training: Training, optimizer: torch.optim.Optimizer, part: Part) -> None:
        self.session, self.training, self.optimizer, self.part = session, training, optimizer, part
        self.dense = DenseTargets(part, next(session.model.parameters()))
        self.spans = step_spans(len(part), training, session.model)

    def train_epoch(self) -> float:
        """One pass over the training split in random order; returns the mean loss in training mode."""
        import torch

        run, part = self.session.run, self.part
        run.model.train()
        device = part.inputs.device
        order = torch.randperm(len(part), generator=run.generator("order"), device=device)
        total = torch.zeros((), dtype=torch.float64, device=device)
        for start, stop in self.spans:
            total += self.step(order[start:stop]) * (stop - start)
        return total.item() / self.spans[-1][1]

    def step(self, index: torch.Tensor) -> torch.Tensor:
        """One optimizer step on the examples in `index`, (N,); returns the loss."""
        part = self.part
        with computing(self.training.precision, part.inputs.device):
            return self.session.step(
                self.optimizer,
                part.inputs.index_select(0, index),
                self.dense.at(index),
                factor=self._factor(),
                clip_norm=self.training.clip_norm,
                # As many batches as it takes: the last step may be smaller, and one example is no batch.
                accumulate=-(-len(index) // self.training.batch_size),
            )

    def _factor(self) -> float | None:
        return factor_at(self.training, self.session.run.step, self.session.run.steps_per_epoch)


class DenseTargets:
    """The targets of a split in the form that techniques take; class indices become rows of probabilities."""

    def __init__(self, part: Part, like: torch.Tensor) -> None:
        import torch

        self.part = part
        # Of the weights' type, not of the inputs', which may be integers.
        self.one_hot = torch.eye(part.outputs, dtype=like.dtype, device=like.device) if part.kind == "class" else None

    def at(self, index: torch.Tensor) -> Targets:
        """The targets of these examples."""
        values = self.part.targets.index_select(0, index)
        if self.one_hot is not None:
            values = self.one_hot.index_select(0, values)
        return Targets(self.part.kind, values)


def batches(part: Part, like: torch.Tensor, size: int = EVALUATION_BATCH) -> Iterator[tuple[torch.Tensor, Targets]]:
    """A split in its own order, with nothing changed; a last batch of one is left out."""
    import torch

    dense = DenseTargets(part, like)
    for start, stop in batch_spans(len(part), size, drop_single=True):
        yield part.inputs[start:stop], dense.at(torch.arange(start, stop, device=part.inputs.device))


def answers(run: Run, forward: Callable[[torch.Tensor], torch.Tensor], part: Part) -> torch.Tensor:
    """The outputs on a whole split, without gradient. `forward` is in evaluation mode."""
    import torch

    run.streams.restart()
    run.streams.seed_global("evaluation", run.step)
    with torch.no_grad():
        if part.padding is not None:
            return by_length(forward, part.inputs, part.padding, TEXTS)
        return torch.cat([forward(chunk) for chunk in torch.split(part.inputs, evaluation_batch(part))])


def evaluation_batch(part: Part) -> int:
    """How many examples of this split go through a model at a time."""
    numbers = part.inputs[0].numel() * (1 if part.inputs.is_floating_point() else EMBEDDED)
    return max(32, min(EVALUATION_BATCH, EVALUATION_NUMBERS // max(numbers, 1)))


def judge(outputs: torch.Tensor, part: Part, names: Collection[str] | None = None) -> Evaluation:
    """Loss and metrics of the outputs on a split, all that fit or those in `names`."""
    wanted = None if names is None else {*names, "nll"}
    metrics = measure(outputs, part.targets, part.kind, groups=part.groups, names=wanted)
    if part.kind != "real":
        return Evaluation(loss=metrics["nll"], metrics=metrics)
    error = outputs.double().reshape(part.targets.shape) - part.targets.double()
    return Evaluation(loss=error.square().mean().item(), metrics=metrics)


def step_spans(examples: int, training: Training, model: torch.nn.Module) -> list[tuple[int, int]]:
    """The examples of each optimizer step as (start, stop): `accumulate` batches make up one."""
    size = training.batch_size * training.accumulate
    return batch_spans(examples, size, drop_single=has_batch_norm(model))


@contextlib.contextmanager
def computing(precision: str, device: torch.device) -> Iterator[None]:
    """Matrix products in this precision: "bfloat16" by autocast; "float32" as the weights are.

    "auto" is settled by `advisor.training.probe` before a campaign's first run; here it means float32.
    """
    import torch

    if precision != "bfloat16":
        yield
        return
    with torch.autocast(device.type, dtype=torch.bfloat16):
        yield


def batch_spans(examples: int, batch_size: int, *, drop_single: bool) -> list[tuple[int, int]]:
    """The batches as (start, stop); the last may be smaller. `drop_single` leaves out a last batch of one.

    Batch normalization has no variance to normalize by in a batch of one.
    """
    spans = [(start, min(start + batch_size, examples)) for start in range(0, examples, batch_size)]
    return [(start, stop) for start, stop in spans if not (drop_single and stop - start == 1)]


def has_batch_norm(model: torch.nn.Module) -> bool:
    """Whether any module normalizes over the batch."""
    from torch.nn.modules.batchnorm import _BatchNorm

    return any(isinstance(module, _BatchNorm) for module in model.modules())
