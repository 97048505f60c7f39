"""One training from plan to result: data, split, model, loop and the final evaluation.

Selection sees validation data only. The test split is evaluated once, with the weights that the arm itself keeps.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from advisor.data import Dataset, load, split, standardized
from advisor.data.entry_point import find_entry, raised
from advisor.errors import AdvisorError
from advisor.experiments.evidence import EpochRow, RunResult
from advisor.experiments.spec import METRICS
from advisor.models.build import build, check_output
from advisor.techniques import build_techniques
from advisor.techniques.base import Technique
from advisor.training.determinism import deterministic
from advisor.training.loop import Epochs, Part, batch_spans, evaluate, has_batch_norm
from advisor.training.metrics import metric_names
from advisor.training.optimizers import build_optimizer
from advisor.training.plan import RunPlan
from advisor.training.run import TrainingRun
from advisor.training.streams import Streams

if TYPE_CHECKING:
    import torch

# The training split is looked at in evaluation mode on no more examples than this: a loss needs no more.
TRAIN_SUBSET = 2000
DTYPES = ("float32", "float64")


def train(
    plan: RunPlan, *, workspace: pathlib.Path | None = None, on_epoch: Callable[[int, int], None] | None = None
) -> RunResult:
    """Train one arm in one block. The same plan gives the same bits, whatever ran in the process before.

    `on_epoch(done, planned)` is called after every epoch; what it raises ends the training and passes through.
    A loss that is not finite ends the training too, and the result says so with NaN.

    Raises:
        AdvisorError: the request cannot be trained (exit status 2); the user's code raised or memory ran out (1).
    """
    with deterministic(plan.threads):
        with _explained(plan, workspace):
            session = _Session(plan, workspace)
        while not session.ended:
            with _explained(plan, workspace):
                session.train_epoch()
            if on_epoch is not None:
                on_epoch(len(session.run.history), session.run.epochs)
        with _explained(plan, workspace):
            return session.finish()


class _Session:
    """The parts of one training, put together from its plan."""

    def __init__(self, plan: RunPlan, workspace: pathlib.Path | None) -> None:
        self.plan = plan
        device = _device(plan)
        dataset = load(plan.data, workspace)
        self.techniques = build_techniques(plan.training.techniques)
        _check_fit(plan, dataset, self.techniques)
        self.parts = _parts(plan, dataset, device)
        streams = Streams(plan.block_seed, device)
        model = _model(plan, workspace, dataset, self.parts["train"], streams)
        drop_single = has_batch_norm(model)
        spans = batch_spans(len(self.parts["train"]), plan.training.batch_size, drop_single=drop_single)
        if not spans:
            raise AdvisorError(
                f"batch_size {plan.training.batch_size} leaves no batch that batch normalization can work on; use at "
                "least 2."
            )
        self.run = TrainingRun(
            model=model,
            streams=streams,
            epochs=plan.training.epochs,
            steps_per_epoch=len(spans),
            direction=METRICS[plan.metric][0],
        )
        for technique in self.techniques:
            self.run.model = technique.model(self.run, self.run.model)
        self.run.model.to(device)
        self.epochs = Epochs(self.run, plan.training, self._optimizer(), self.techniques, self.parts["train"])

    @property
    def ended(self) -> bool:
        """Whether all planned epochs are done, or a hook or a loss that is not finite ended the training."""
        return self.run.stop or len(self.run.history) >= self.run.epochs

    def train_epoch(self) -> None:
        """One epoch with its hooks, its evaluation and its row of the history."""
        run = self.run
        run.epoch = len(run.history)
        for technique in self.techniques:
            technique.epoch_start(run)
        train_loss = self.epochs.train_epoch()
        run.kept_epoch = run.epoch
        validation = evaluate(run, self.parts["validation"])
        row = {
            "epoch": float(run.epoch),
            "train_loss": train_loss,
            "train_eval_loss": evaluate(run, self.parts["train"].head(TRAIN_SUBSET)).loss,
            "validation_loss": validation.loss,
            "validation_metric": validation.metrics[self.plan.metric],
        }
        run.history.append(row)
        for technique in self.techniques:
            technique.epoch_end(run)
        if not math.isfinite(train_loss):
            run.stop = True

    def finish(self) -> RunResult:
        """The last hooks, then the final evaluation: the only look at the test split."""
        run, plan = self.run, self.plan
        for technique in self.techniques:
            technique.fit_after(run)
        return RunResult(
            run_id=plan.run_id,
            arm=plan.arm,
            block=plan.block,
            seed=plan.block_seed,
            test=evaluate(run, self.parts["test"]).metrics,
            validation=evaluate(run, self.parts["validation"]).metrics,
            train=evaluate(run, self.parts["train"].head(TRAIN_SUBSET)).metrics,
            kept_epoch=run.kept_epoch,
            epochs_run=len(run.history),
            weights_digest=weights_digest(run.model),
            rows=tuple(_row(row) for row in run.history),
        )

    def _optimizer(self) -> torch.optim.Optimizer:
        groups: list[dict[str, Any]] = [{"params": [p for p in self.run.model.parameters() if p.requires_grad]}]
        if not groups[0]["params"]:
            raise AdvisorError("The model has no parameters that require a gradient; there is nothing to train.")
        for technique in self.techniques:
            groups = technique.param_groups(self.run, groups)
        return build_optimizer(self.plan.training, groups)


def weights_digest(model: torch.nn.Module) -> str:
    """SHA-256 over the type, shape and bytes of every tensor of the state, in the model's order."""
    digest = hashlib.sha256()
    for tensor in model.state_dict().values():
        array = tensor.detach().cpu().contiguous().numpy()
        digest.update(f"{array.dtype} {array.shape};".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _device(plan: RunPlan) -> torch.device:
    import torch

    if plan.dtype not in DTYPES:
        raise AdvisorError(f"dtype {plan.dtype!r} is not supported; use one of {', '.join(DTYPES)}.")
    try:
        torch.empty(0, device=plan.device)
    except (RuntimeError, AssertionError) as error:
        raise AdvisorError(f"Device {plan.device!r} cannot be used: {str(error).splitlines()[0]} Use 'cpu'.") from None
    return torch.device(plan.device)


def _check_fit(plan: RunPlan, dataset: Dataset, techniques: list[Technique]) -> None:
    """Refuse what cannot work on this data before any time is spent on it."""
    fitting = metric_names(dataset.kind)
    if plan.metric not in fitting:
        raise AdvisorError(
            f"Metric {plan.metric!r} does not fit {dataset.kind} targets; use one of {', '.join(fitting)}."
        )
    for technique in techniques:
        reason = technique.refuse(dataset.kind, dataset.input_shape)
        if reason is not None:
            raise AdvisorError(f"Arm {plan.arm!r}: {reason}. Leave {technique.name!r} out of this arm.")


def _parts(plan: RunPlan, dataset: Dataset, device: torch.device) -> dict[str, Part]:
    """The three splits on the device."""
    import torch

    splits = split(dataset, plan.design, plan.split_seed, plan.data.train_size)
    dtype = getattr(torch, plan.dtype)
    inputs = standardized(dataset, splits.train)
    # Integers may be token ids for the user's model; the named models know numbers only.
    if inputs.is_floating_point() or plan.model.name is not None:
        inputs = inputs.to(dtype)
    targets = dataset.targets if dataset.kind == "class" else dataset.targets.to(dtype)
    parts = {}
    for name in ("train", "validation", "test"):
        index = torch.from_numpy(getattr(splits, name))
        parts[name] = Part(inputs[index].to(device), targets[index].to(device), dataset.kind, dataset.outputs)
    return parts


def _model(
    plan: RunPlan, workspace: pathlib.Path | None, dataset: Dataset, part: Part, streams: Streams
) -> torch.nn.Module:
    """The initialised model on the device, seen to answer in the right shape."""
    import torch

    if plan.model.entry is not None:
        find_entry(plan.model.entry, workspace)  # importing may draw random numbers, so it comes before the seed
    streams.seed_global("initialisation", 0)
    model = build(plan.model, dataset.input_shape, dataset.classes, dataset.kind, workspace, outputs=dataset.outputs)
    model.to(device=part.inputs.device, dtype=getattr(torch, plan.dtype))
    what = f"the model {plan.model.name or plan.model.entry!r}"
    check_output(model, part.inputs[:2], dataset.kind, dataset.outputs, what, workspace)
    return model


@contextlib.contextmanager
def _explained(plan: RunPlan, workspace: pathlib.Path | None) -> Iterator[None]:
    """Keep stdout clean of the user's prints, and turn what their code raises or lacks into a message."""
    import torch

    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except AdvisorError:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "allocate memory" in str(error):
            raise AdvisorError(
                f"Memory ran out while training arm {plan.arm!r} with batch_size {plan.training.batch_size} on "
                f"{plan.device}: {str(error).splitlines()[0][:200]}. Lower the batch size, the model or train_size.",
                exit_status=1,
            ) from error
        if plan.model.entry is None:
            raise
        raise raised(f"training the model {plan.model.entry!r}", error, workspace) from error


def _row(row: dict[str, float]) -> EpochRow:
    return EpochRow(
        epoch=int(row["epoch"]),
        train_loss=row["train_loss"],
        train_eval_loss=row["train_eval_loss"],
        validation_loss=row["validation_loss"],
        validation_metric=row["validation_metric"],
    )
