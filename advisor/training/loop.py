"""One epoch of training and one evaluation, on data that lies on the device as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.data.dataset import DataKind
from advisor.experiments.spec import Training
from advisor.techniques.base import Targets, Technique
from advisor.training.metrics import measure
from advisor.training.optimizers import learning_rate_factor
from advisor.training.run import TrainingRun

if TYPE_CHECKING:
    import torch

EVALUATION_BATCH = 1000


@dataclass(frozen=True)
class Part:
    """One split on the device. inputs: (N, ...); targets: (N,) class indices, or (N,) or (N, D) floats."""

    inputs: torch.Tensor
    targets: torch.Tensor
    kind: DataKind
    outputs: int

    def __len__(self) -> int:
        return len(self.inputs)

    def head(self, size: int) -> Part:
        """The first `size` examples, which are a random and stratified subset of the split."""
        return Part(self.inputs[:size], self.targets[:size], self.kind, self.outputs)


@dataclass(frozen=True)
class Evaluation:
    """A split in evaluation mode: the loss (cross-entropy or mean squared error) and every metric that fits."""

    loss: float
    metrics: dict[str, float]


class Epochs:
    """Trains a run epoch by epoch on one training split."""

    def __init__(
        self,
        run: TrainingRun,
        training: Training,
        optimizer: torch.optim.Optimizer,
        techniques: list[Technique],
        part: Part,
    ) -> None:
        import torch

        self.run, self.training, self.optimizer, self.part = run, training, optimizer, part
        # Hooks that a technique does not override would only cost a call for every batch.
        self.batch_hooks = [technique.batch for technique in techniques if type(technique).batch is not Technique.batch]
        # One row for each class: picking rows turns indices into dense probabilities.
        # Their type is the weights', not the inputs', which may be integers.
        weights = next(run.model.parameters())
        is_class = part.kind == "class"
        self.one_hot = torch.eye(part.outputs, dtype=weights.dtype, device=weights.device) if is_class else None
        self.spans = batch_spans(len(part), training.batch_size, drop_single=has_batch_norm(run.model))

    def train_epoch(self) -> float:
        """One pass over the training split in random order; returns the mean loss in training mode."""
        import torch

        run, part = self.run, self.part
        run.model.train()
        device = part.inputs.device
        order = torch.randperm(len(part), generator=run.generator("order"), device=device)
        total = torch.zeros((), dtype=torch.float64, device=device)
        for start, stop in self.spans:
            inputs, targets = self._batch(order[start:stop])
            for hook in self.batch_hooks:
                inputs, targets = hook(run, inputs, targets)
            self._set_learning_rate()
            run.streams.seed_global("model", run.step)  # the model's own dropout draws from the global state
            loss = training_loss(run.model(inputs), targets)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            total += loss.detach() * (stop - start)
            run.step += 1
        return total.item() / self.spans[-1][1]

    def _batch(self, index: torch.Tensor) -> tuple[torch.Tensor, Targets]:
        values = self.part.targets.index_select(0, index)
        if self.one_hot is not None:
            values = self.one_hot.index_select(0, values)
        return self.part.inputs.index_select(0, index), Targets(self.part.kind, values)

    def _set_learning_rate(self) -> None:
        if self.training.schedule == "constant":
            return
        steps = self.run.epochs * self.run.steps_per_epoch
        factor = learning_rate_factor(self.training.schedule, self.run.step, steps)
        for group in self.optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor


def training_loss(outputs: torch.Tensor, targets: Targets) -> torch.Tensor:
    """The mean over the batch: cross-entropy against (N, K) probabilities, or squared error for real targets."""
    from torch.nn import functional

    if targets.kind == "real":
        return functional.mse_loss(outputs.reshape(targets.values.shape), targets.values)
    return functional.cross_entropy(outputs, targets.values)


def evaluate(run: TrainingRun, part: Part) -> Evaluation:
    """Loss and metrics of the run's model on a split, in evaluation mode."""
    import torch

    run.model.eval()
    run.streams.seed_global("evaluation", run.step)
    with torch.no_grad():
        chunks = [run.model(chunk) for chunk in torch.split(part.inputs, EVALUATION_BATCH)]
    outputs = torch.cat(chunks)
    metrics = measure(outputs, part.targets, part.kind)
    if part.kind == "class":
        return Evaluation(loss=metrics["nll"], metrics=metrics)
    error = outputs.double().reshape(part.targets.shape) - part.targets.double()
    return Evaluation(loss=error.square().mean().item(), metrics=metrics)


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
