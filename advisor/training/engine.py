"""One training from plan to result: data, split, model, loop and the final evaluation.

Selection sees validation data only. The test split is evaluated once, with the weights that the arm itself keeps.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import math
import pathlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from advisor.data import Dataset, load, split
from advisor.data.entry_point import find_entry, raised
from advisor.data.sampling import sample, with_wrong_labels
from advisor.errors import AdvisorError
from advisor.experiments.answers import keep, keep_losses
from advisor.experiments.evidence import EpochRow, RunResult
from advisor.experiments.spec import METRICS
from advisor.models.build import build, check_output
from advisor.techniques import build_techniques
from advisor.techniques.core import Run, Streams, TaskFacts, Technique, Trained
from advisor.techniques.core.session import Session
from advisor.techniques.core.streams import derive_seed
from advisor.training.by_length import by_length, training_group
from advisor.training.determinism import deterministic
from advisor.training.loop import Epochs, Part, answers, batches, judge, step_spans
from advisor.training.memory import first_line, is_out_of_memory, with_halving
from advisor.training.metrics.fits import check_metric
from advisor.training.optimizers import build_optimizer
from advisor.training.plan import RunPlan
from advisor.training.robustness import CorruptedTest, with_corrupted

if TYPE_CHECKING:
    import torch

# The training split is looked at in evaluation mode on as many examples as validation has, so that the two losses are
# equally exact, and on no more than this: a loss needs no more.
TRAIN_SUBSET = 2000
DTYPES = ("float32", "float64")
IMAGE_DIMENSIONS = 4  # of a batch


def train(
    plan: RunPlan,
    *,
    workspace: pathlib.Path | None = None,
    on_epoch: Callable[[int, int], None] | None = None,
    data: Data | None = None,
) -> RunResult:
    """Train one arm in one block. The same plan gives the same bits, whatever ran in the process before.

    `on_epoch(done, planned)` is called after every epoch; what it raises ends the training and passes through.
    A loss that is not finite ends the training too, and the result says so with NaN. Where memory runs out, the
    training starts once more in batches of half the size, and a note says so. `data`: the plan's, if loaded already.

    Raises:
        AdvisorError: the request cannot be trained (exit status 2); the user's code raised or memory ran out (1).
    """
    return with_halving(plan, functools.partial(_train, workspace=workspace, on_epoch=on_epoch, data=data))


def _train(
    plan: RunPlan,
    *,
    workspace: pathlib.Path | None,
    on_epoch: Callable[[int, int], None] | None,
    data: Data | None,
) -> RunResult:
    with deterministic(plan.threads):
        with explained(plan, workspace):
            training = Trainee(plan, workspace, data=data)
        while not training.ended:
            with explained(plan, workspace):
                training.train_epoch()
            if on_epoch is not None:
                on_epoch(len(training.run.history), training.run.epochs)
        with explained(plan, workspace):
            return training.finish()


class Data:
    """A plan's data, loaded once for all trainings on it; its last split is kept."""

    def __init__(self, plan: RunPlan, workspace: pathlib.Path | None) -> None:
        self.device = _device(plan)
        self.dataset = load(plan.data, workspace)
        self.corrupted = CorruptedTest(self.dataset)
        self._split: tuple[object, dict[str, Part]] | None = None

    def parts(self, plan: RunPlan) -> dict[str, Part]:
        """The three splits of this plan on its device."""
        chosen = (plan.split_seed, plan.sample, plan.data.train_size, plan.data.label_noise)
        if self._split is None or self._split[0] != chosen:
            self._split = (chosen, _parts(plan, self.dataset, self.device))
        return self._split[1]


class Trainee:
    """The parts of one training, put together from its plan."""

    def __init__(
        self,
        plan: RunPlan,
        workspace: pathlib.Path | None,
        *,
        data: Data | None = None,
        techniques: list[Technique] | None = None,
        given: tuple[str, Trained] | None = None,
        shared: dict[tuple[str, int], Trained] | None = None,
    ) -> None:
        """`data`: what is loaded already. `given`: a technique's name and the network that it gets where it asks.

        `shared`: networks that exist already, by the technique that asks for them and their number.
        """
        self.plan, self.workspace, self.given = plan, workspace, given
        self.shared = dict(shared or {})
        self.notes: list[str] = []
        self.data = data or Data(plan, workspace)
        dataset, device = self.data.dataset, self.data.device
        chosen = build_techniques(plan.training.techniques) if techniques is None else techniques
        _check_fit(plan, dataset, chosen)
        self.parts = self.data.parts(plan)
        self.streams = Streams(plan.block_seed, device)
        model = _model(plan, workspace, dataset, self.parts["train"], self.streams, self.notes)
        spans = step_spans(len(self.parts["train"]), plan.training, model)
        if not spans:
            raise AdvisorError(
                f"batch_size {plan.training.batch_size} leaves no batch that batch normalization can work on; use at "
                "least 2."
            )
        self.run = Run(
            model=model,
            streams=self.streams,
            task=_facts(dataset, self.parts["train"]),
            epochs=plan.training.epochs,
            steps_per_epoch=len(spans),
            direction=METRICS[plan.metric][0],
            example=self.parts["train"].inputs[:2],
        )
        like = next(model.parameters(), self.parts["train"].inputs)
        for name in ("train", "validation"):
            self.run.batches[name] = functools.partial(batches, self.parts[name], like)
        self.session = Session(self.run, chosen, self._before_forward)
        untouched = not any(type(technique).model is not Technique.model for technique in chosen)
        self.session.forward = _forward(self.run.model.to(device), self.parts["train"], untouched)
        self.draws = _may_draw(plan, self.run.model)
        self.session.plan(self._train_once)
        groups = self.session.param_groups(lr=plan.training.lr)
        optimizer = build_optimizer(plan.training, groups, self.run.model)
        self.epochs = Epochs(self.session, plan.training, optimizer, self.parts["train"])

    def _before_forward(self) -> None:
        self.streams.restart()
        if self.draws:  # from the global state
            self.streams.seed_global("model", self.run.step)

    def _train_once(
        self, name: str, *, member: int = 0, teacher: Trained | None = None, arguments: dict[str, Any] | None = None
    ) -> Trained:
        """A further network from its own seed: the same plan without the technique that asks, or with its teacher."""
        if self.given is not None and self.given[0] == name:
            return self.given[1]
        if (name, member) in self.shared:
            return self.shared[name, member]
        plan = self.plan
        model = plan.model.model_copy(update={"arguments": {**plan.model.arguments, **(arguments or {})}})
        seed = derive_seed(plan.block_seed, f"{name}/member", member)
        other = Trainee(
            plan.model_copy(update={"model": model, "block_seed": seed}),
            self.workspace,
            data=self.data,
            techniques=_recipe_of_another(self.session.techniques, name, learns=teacher is not None),
            given=None if teacher is None else (name, teacher),
            shared=self.shared,
        )
        while not other.ended:
            other.train_epoch()
        other.session.finish()
        self.shared[name, member] = other.session.trained()
        return self.shared[name, member]

    @property
    def ended(self) -> bool:
        """Whether all planned epochs are done, or a hook or a loss that is not finite ended the training."""
        return self.run.stop or len(self.run.history) >= self.run.epochs

    def train_epoch(self) -> None:
        """One epoch with its hooks, its evaluation and its row of the history."""
        self.session.epoch_start()
        self.close_epoch(self.epochs.train_epoch())

    def close_epoch(self, train_loss: float, known: dict[str, torch.Tensor] | None = None) -> None:
        """The evaluation after an epoch and its row of the history; `known`: the answers, where they are known."""
        model = self.session.eval_model().eval()
        self.latest = known or {
            name: answers(self.run, model, self.looked_at(name)) for name in ("validation", "train")
        }
        # Only what the epoch's row holds: ranking metrics sort every class.
        validation = judge(self.latest["validation"], self.parts["validation"], (self.plan.metric,))
        train = judge(self.latest["train"], self.looked_at("train"), (self.plan.metric,))
        self.session.epoch_end(
            train_loss=train_loss,
            train_eval_loss=train.loss,
            train_metric=train.metrics[self.plan.metric],
            validation_loss=validation.loss,
            validation_metric=validation.metrics[self.plan.metric],
        )
        if not math.isfinite(train_loss):
            self.run.stop = True

    def looked_at(self, name: str) -> Part:
        """The examples that are looked at after each epoch: a split, or a part of the training split."""
        if name != "train":
            return self.parts[name]
        return self.parts["train"].head(min(TRAIN_SUBSET, len(self.parts["validation"])))

    def finish(self) -> RunResult:
        """The last hooks, then the final evaluation: the only look at the test split."""
        run, plan, predict = self.run, self.plan, self.session.predict
        self.session.finish()
        test = answers(run, predict, self.parts["test"])
        # Where nothing was changed after the last epoch, its answers stand.
        known = {} if self.session.changes_after_training else self.latest
        last = {
            name: judge(known[name] if name in known else answers(run, predict, self.looked_at(name)),
                        self.looked_at(name)).metrics
            for name in ("validation", "train")
        }  # fmt: skip
        result = RunResult(
            run_id=plan.run_id,
            arm=plan.arm,
            block=plan.block,
            seed=plan.block_seed,
            test=judge(test, self.parts["test"]).metrics,
            validation=last["validation"],
            train=last["train"],
            kept_epoch=run.kept_epoch,
            epochs_run=len(run.history),
            outcome_digest=outcome_digest(run.model, test),
            rows=tuple(_row(row) for row in run.history),
            notes=tuple(self.notes),
            losses=keep_losses(test, self.parts["test"].targets) if run.task.kind == "class" else "",
            answers=keep(test, self.parts["test"].targets, run.task.kind) if plan.answers else None,
        )
        corrupted = self.data.corrupted
        return with_corrupted(result, plan, run, predict, corrupted, self.parts["test"]) if plan.corruptions else result


def _forward(model: torch.nn.Module, part: Part, untouched: bool) -> Callable[[torch.Tensor], torch.Tensor]:
    """What a training step calls: the model, with images in the layout of its weights and texts by length.

    `untouched`: no technique put anything into the model that may look at the batch as a whole.
    """
    import torch

    padding = part.padding
    if padding is not None and untouched:
        return lambda ids: by_length(model, ids, padding, training_group(len(ids)))
    if part.inputs.ndim == IMAGE_DIMENSIONS:
        return lambda inputs: model(inputs.contiguous(memory_format=torch.channels_last))
    return model


def _may_draw(plan: RunPlan, model: torch.nn.Module) -> bool:
    """Whether a forward pass in training mode may draw random numbers: of our own models only dropout does."""
    from torch.nn.modules.dropout import _DropoutNd

    if plan.model.name is None or ":" in plan.model.name:
        return True
    return any(isinstance(module, _DropoutNd) and module.p > 0 for module in model.modules())


def _recipe_of_another(techniques: list[Technique], name: str, *, learns: bool) -> list[Technique]:
    """The techniques of a network that `name` asks for: without itself unless that `learns`; see `TrainOnce`."""
    place = [t.name for t in techniques].index(name)
    later = {t.name for t in techniques[place + 1 :] if type(t).plan is not Technique.plan}
    return [t for t in techniques if t.name not in later and (learns or t.name != name)]


def outcome_digest(model: torch.nn.Module, answers: torch.Tensor) -> str:
    """SHA-256 over every tensor of the model's state, in its order, and the answers on the test split.

    The answers belong to it because the same weights may predict otherwise, as with a temperature or an ensemble.
    """
    digest = hashlib.sha256()
    for tensor in (*model.state_dict().values(), answers):
        array = tensor.detach().cpu().contiguous().numpy()
        digest.update(f"{array.dtype} {array.shape};".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _facts(dataset: Dataset, train: Part) -> TaskFacts:
    counts = None
    if dataset.kind == "class":
        counts = tuple(train.targets.bincount(minlength=dataset.outputs).tolist())
    input_shape = tuple(train.inputs.shape[1:])  # that of the source differs, where it has been prepared
    low, high = (float(limit) for limit in train.inputs.aminmax()) if len(input_shape) == 3 else (0.0, 1.0)
    return TaskFacts(
        kind=dataset.kind,
        outputs=train.outputs,
        input_shape=input_shape,
        input_range=(low, high) if high > low else (low, low + 1.0),
        class_counts=counts,
        category_columns=len(train.facts.categories),
    )


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
    check_metric(plan.metric, dataset.kind, grouped=dataset.groups is not None)
    for technique in techniques:
        reason = technique.refuse(dataset.kind, dataset.input_shape)
        if reason is not None:
            raise AdvisorError(f"Arm {plan.arm!r}: {reason}. Leave {technique.name!r} out of this arm.")


def _parts(plan: RunPlan, dataset: Dataset, device: torch.device) -> dict[str, Part]:
    """The three splits on the device."""
    import torch

    splits = split(dataset, plan.design, plan.split_seed, plan.data.train_size)
    if plan.sample is not None:
        splits = replace(splits, train=sample(splits.train, plan.sample, plan.split_seed))
    dtype = getattr(torch, plan.dtype)
    prepared = dataset.prepared(splits.train)
    own = plan.model.name is not None and ":" not in plan.model.name
    padding = prepared.facts.padding if own and device.type == "cpu" else None  # lengths on a GPU would be waited for
    parts = {}
    for name, index in splits.named().items():
        inputs, targets = prepared.part(index, dtype)
        if name == "train" and plan.data.label_noise:
            targets = with_wrong_labels(dataset, targets, index, plan.data.label_noise, plan.split_seed)
        # Integers may be token ids for the user's model; of inputs of no known form, named models know numbers only.
        if prepared.facts.kind == "other" and plan.model.name is not None:
            inputs = inputs.to(dtype)
        inputs = inputs.to(device)
        if inputs.ndim == IMAGE_DIMENSIONS:
            inputs = inputs.to(memory_format=torch.channels_last)
        groups = None if dataset.groups is None else torch.from_numpy(dataset.groups.numbers[index]).to(device)
        parts[name] = Part(inputs, targets.to(device), prepared.kind, prepared.outputs, prepared.facts, groups, padding)
    return parts


def _model(
    plan: RunPlan,
    workspace: pathlib.Path | None,
    dataset: Dataset,
    part: Part,
    streams: Streams,
    notes: list[str],
) -> torch.nn.Module:
    """The initialised model on the device, seen to answer in the right shape; what its weights left out in `notes`."""
    import torch

    if plan.model.entry is not None:
        find_entry(plan.model.entry, workspace)  # importing may draw random numbers, so it comes before the seed
    streams.seed_global("initialisation", 0)
    shape = tuple(part.inputs.shape[1:])
    model = build(
        plan.model, shape, dataset.classes, dataset.kind, workspace, outputs=part.outputs, facts=part.facts, notes=notes
    )
    model.to(device=part.inputs.device, dtype=getattr(torch, plan.dtype))
    if part.inputs.ndim == IMAGE_DIMENSIONS:  # convolutions are faster so, on processors as on GPUs
        model.to(memory_format=torch.channels_last)
    what = f"the model {plan.model.name or plan.model.entry!r}"
    check_output(model, part.inputs[:2], dataset.kind, part.outputs, what, workspace)
    return model


@contextlib.contextmanager
def explained(plan: RunPlan, workspace: pathlib.Path | None) -> Iterator[None]:
    """Keep stdout clean of the user's prints, and turn what their code raises or lacks into a message."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except AdvisorError:
        raise
    except (Exception, SystemExit) as error:
        if is_out_of_memory(error):
            raise AdvisorError(
                f"Memory ran out while training arm {plan.arm!r} with batch_size {plan.training.batch_size} on "
                f"{plan.device}: {first_line(error)}. Lower the batch size, the model or train_size.",
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
        train_metric=row.get("train_metric"),
        validation_loss=row["validation_loss"],
        validation_metric=row["validation_metric"],
    )
