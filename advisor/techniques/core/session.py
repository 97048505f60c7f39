"""Techniques composed over one training: what our loop calls at each moment, and what yours can call.

session = regularize(model, [Mixup(alpha=0.2), WeightDecay()], classes=10, epochs=30, steps_per_epoch=len(loader))
optimizer = torch.optim.AdamW(session.param_groups(), lr=1e-3, weight_decay=0.0)
for epoch in range(30):
    session.epoch_start()
    for inputs, labels in loader:
        session.step(optimizer, inputs, labels)
    session.epoch_end(validation_loss=..., validation_metric=...)
session.finish()
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from advisor.errors import AdvisorError
from advisor.techniques.core.run import Batches, Run, TaskFacts, Trained, TrainOnce
from advisor.techniques.core.streams import Streams
from advisor.techniques.core.targets import TargetKind, Targets, mean_loss
from advisor.techniques.core.technique import TECHNIQUES, Technique, check_conflicts

if TYPE_CHECKING:
    import torch


class Session:
    """The techniques of one training, in the order of the registry, over one `Run`.

    `forward` is what a training step calls: the model, or what wraps it (`torch.compile(session.model)`,
    `DistributedDataParallel(session.model)`); set it before the first step.

    Raises:
        AdvisorError: two techniques that conflict, or one that does not fit the data or the model.
    """

    def __init__(self, run: Run, techniques: Sequence[Technique], before_forward: Callable[[], None] | None = None):
        conflicts = check_conflicts([technique.name for technique in techniques])
        for first, second, why in conflicts:
            raise AdvisorError(f"{first!r} and {second!r} conflict: {why}. Leave one of them out.")
        for technique in techniques:
            why_not = technique.refuse(run.task.kind, run.task.input_shape)
            if why_not is not None:
                raise AdvisorError(f"{why_not}. Leave {technique.name!r} out.")
        order = list(TECHNIQUES)
        self.run = run
        self.techniques = sorted(techniques, key=lambda technique: order.index(technique.name))
        self._before_forward = before_forward or run.streams.restart
        for technique in self.techniques:
            run.model = technique.model(run, run.model)
        self.forward: Callable[[torch.Tensor], torch.Tensor] = run.model
        # Hooks that a technique does not override would only cost a call for every batch.
        self._batch = [t.batch for t in self._overriding("batch")]
        self._loss = [t.loss for t in self._overriding("loss")]
        self._step = [t.step for t in self._overriding("step")]
        self._step_end = [t.step_end for t in self._overriding("step_end")]
        self._schedule = [t.schedule for t in self._overriding("schedule")]
        self._predict = self._overriding("predict")
        run.predict_before = self.predict_before

    def _overriding(self, hook: str) -> list[Technique]:
        return [t for t in self.techniques if getattr(type(t), hook) is not getattr(Technique, hook)]

    @property
    def model(self) -> torch.nn.Module:
        """The model that is trained, with what the techniques put into it."""
        return self.run.model

    def plan(self, train_once: TrainOnce) -> None:
        """Train the further networks that techniques ask for, such as teachers and members of an ensemble."""
        for technique in self.techniques:
            technique.plan(self.run, train_once)

    def param_groups(
        self, groups: list[dict[str, Any]] | None = None, *, lr: float | None = None
    ) -> list[dict[str, Any]]:
        """The optimizer's parameter groups; by default from one group of all that can be trained.

        Raises:
            AdvisorError: nothing requires a gradient.
        """
        if groups is None:
            groups = [{"params": [p for p in self.run.model.parameters() if p.requires_grad]}]
        if lr is not None:
            groups = [{"lr": lr, **group} for group in groups]
        if not any(group["params"] for group in groups):
            raise AdvisorError("The model has no parameters that require a gradient; there is nothing to train.")
        for technique in self.techniques:
            groups = technique.param_groups(self.run, groups)
        return groups

    def epoch_start(self) -> None:
        """Begin an epoch; `run.epoch` counts the rows of the history."""
        self.run.epoch = len(self.run.history)
        for technique in self.techniques:
            technique.epoch_start(self.run)

    def step(
        self,
        optimizer: torch.optim.Optimizer,
        inputs: torch.Tensor,
        targets: Targets | torch.Tensor,
        *,
        factor: float | None = None,
        clip_norm: float | None = None,
        accumulate: int = 1,
    ) -> torch.Tensor:
        """One optimizer step on one batch; returns the training loss, a scalar on the device.

        inputs: (N, ...). targets: `Targets`, or (N,) class indices. `factor` multiplies each group's learning rate;
        where it is None and no technique has a say at this step, the learning rate is left to you. `clip_norm` is the
        largest norm of the whole gradient. With `accumulate` the batch goes through in so many parts, to save memory.
        """
        import torch

        checked = self._targets(inputs, targets)
        parts = [(inputs, checked)]
        if accumulate > 1:
            sizes = max(1, -(-len(inputs) // accumulate))
            parts = list(zip(torch.split(inputs, sizes), checked.split(sizes), strict=True))
        # One part is changed once, so that a second pass of the step sees the same; several are changed as they come.
        ready = [self.batch(*parts[0])] if len(parts) == 1 else None
        self.set_learning_rate(optimizer, factor)

        def gradients() -> torch.Tensor:
            self._before_forward()
            _forget_gradients(optimizer)
            losses = []
            for part in parts:
                changed, wanted = ready[0] if ready else self.batch(*part)
                loss = self.loss(changed, wanted, self.forward(changed)) * (len(part[0]) / len(inputs))
                loss.backward()  # type: ignore[no-untyped-call]
                losses.append(loss.detach())
            return functools.reduce(operator.add, losses)

        wrapped: Callable[[], torch.Tensor] = gradients
        for hook in reversed(self._step):
            wrapped = functools.partial(hook, self.run, wrapped)
        loss = wrapped()
        if clip_norm is not None:
            _clip(optimizer, clip_norm)
        optimizer.step()
        self.step_end()
        return loss

    def step_end(self) -> None:
        """What follows the optimizer's step."""
        for end in self._step_end:
            end(self.run)
        self.run.step += 1

    def batch(self, inputs: torch.Tensor, targets: Targets | torch.Tensor) -> tuple[torch.Tensor, Targets]:
        """The batch as the techniques change it.

        Raises:
            AdvisorError: targets of another kind, shape or number than the task's.
        """
        checked = self._targets(inputs, targets)
        self.run.copies, self.run.mixed_inside = 1, None
        for hook in self._batch:
            inputs, checked = hook(self.run, inputs, checked)
        return inputs, checked

    def loss(self, inputs: torch.Tensor, targets: Targets, outputs: torch.Tensor) -> torch.Tensor:
        """The loss of a batch as the techniques change it. inputs and targets: as `batch` gave them."""
        loss = mean_loss(outputs, targets)
        for hook in self._loss:
            loss = hook(self.run, inputs, targets, outputs, loss)
        return loss

    def set_learning_rate(self, optimizer: torch.optim.Optimizer, factor: float | None) -> None:
        """Set each group's learning rate for this step; `factor` as in `step`."""
        for hook in self._schedule:
            factor = hook(self.run, factor)
        if factor is None:
            return
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor

    def epoch_end(self, **row: float) -> None:
        """End an epoch with its values, such as `validation_loss` and `validation_metric`."""
        run = self.run
        run.kept_epoch = run.epoch
        run.evaluated = self.eval_model()
        run.history.append({"epoch": float(run.epoch), **row})
        for technique in self.techniques:
            technique.epoch_end(run)

    def eval_model(self) -> torch.nn.Module:
        """The model to evaluate after an epoch: the trained one, or an average that a technique keeps."""
        model = self.run.model
        for technique in self.techniques:
            model = technique.eval_model(self.run, model)
        return model

    @property
    def changes_batches(self) -> bool:
        """Whether a technique changes the batches."""
        return bool(self._batch)

    @property
    def changes_losses(self) -> bool:
        """Whether a technique changes the loss."""
        return bool(self._loss)

    @property
    def changes_evaluation(self) -> bool:
        """Whether another model than the trained one may be evaluated after an epoch."""
        return bool(self._overriding("eval_model"))

    @property
    def changes_after_training(self) -> bool:
        """Whether what answers at the end may be another than what was evaluated after the last epoch."""
        return any(self._overriding(hook) for hook in ("epoch_end", "eval_model", "fit_after", "predict"))

    def finish(self) -> torch.nn.Module:
        """End the training: the model then holds the weights that are kept, and is in evaluation mode."""
        for technique in self.techniques:
            technique.fit_after(self.run)
        return self.run.model.eval()

    def predict(self, inputs: torch.Tensor) -> torch.Tensor:
        """The finished model's answer in evaluation mode, without gradient: logits, or real values."""
        return self._answer(self._predict, inputs)

    def predict_before(self, technique: str, inputs: torch.Tensor) -> torch.Tensor:
        """The answer as it reaches the `predict` of this technique, for one that is fitted on the others' answers."""
        names = [t.name for t in self._predict]
        return self._answer(self._predict[: names.index(technique)], inputs)

    def _answer(self, techniques: list[Technique], inputs: torch.Tensor) -> torch.Tensor:
        import torch

        self.run.model.eval()
        forward: Callable[[torch.Tensor], torch.Tensor] = self.run.model
        for technique in techniques:
            forward = functools.partial(technique.predict, self.run, forward=forward)
        with torch.no_grad():
            return forward(inputs)

    def trained(self) -> Trained:
        """The finished network, as a teacher or as a member of an ensemble."""
        return Trained(self.run.model.eval(), self.predict)

    def restore(self) -> torch.nn.Module:
        """Take out what the techniques put into the model; its trained weights stay."""
        while self.run.undo:
            self.run.undo.pop()()
        return self.run.model

    def _targets(self, inputs: torch.Tensor, targets: Targets | torch.Tensor) -> Targets:
        task = self.run.task
        if not isinstance(targets, Targets):
            if task.kind == "class":
                dtype = inputs.dtype if inputs.is_floating_point() else None
                targets = Targets.of_labels(targets, task.outputs, dtype)
            else:
                targets = Targets(task.kind, targets)
        if targets.kind != task.kind:
            raise AdvisorError(f"The task has {task.kind} targets but the batch's are {targets.kind}; pass one kind.")
        if len(targets) != len(inputs):
            raise AdvisorError(f"The batch has {len(inputs)} inputs but {len(targets)} targets; give one for each.")
        if task.kind in ("class", "multilabel") and targets.values.shape[1:] != (task.outputs,):
            raise AdvisorError(
                f"{task.kind} targets must be (N, {task.outputs}) probabilities but are {tuple(targets.values.shape)}; "
                f"pass (N,) class indices, or dense targets with {task.outputs} columns."
            )
        return targets


def _forget_gradients(optimizer: torch.optim.Optimizer) -> None:
    """What `zero_grad` does, without its instrumentation, which costs more in a small step."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = None


def _clip(optimizer: torch.optim.Optimizer, norm: float) -> None:
    import torch

    torch.nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], norm)


def regularize(
    model: torch.nn.Module,
    techniques: Sequence[Technique],
    *,
    epochs: int,
    steps_per_epoch: int,
    classes: int | None = None,
    kind: TargetKind = "class",
    outputs: int | None = None,
    example: torch.Tensor | None = None,
    input_range: tuple[float, float] = (0.0, 1.0),
    class_counts: Sequence[int] | None = None,
    category_columns: int = 0,
    train_batches: Iterable[tuple[torch.Tensor, torch.Tensor]] | None = None,
    validation_batches: Iterable[tuple[torch.Tensor, torch.Tensor]] | None = None,
    train_once: TrainOnce | None = None,
    direction: Literal["min", "max"] = "max",
    seed: int = 0,
) -> Session:
    """Techniques for a training loop of your own, without ours.

    `example`: a few inputs, for techniques that look at a dry forward pass. `input_range`: between which values pixels
    lie. `class_counts`: training examples of each class. `category_columns`: the last so many columns of a row (N, F)
    are codes of categories, which are neither blended nor disturbed. The batches are gone through again where a
    technique needs data after training, and are brought to the model's device. `train_once` returns the teacher or the
    further member that a technique asks for.

    Raises:
        AdvisorError: two techniques that conflict, or one that does not fit the data or the model.
    """
    width = classes if classes is not None else outputs
    if width is None:
        raise AdvisorError("regularize needs the number of classes (classes=10), or outputs= for other targets.")
    parameter = next(model.parameters(), None)
    if parameter is None:
        raise AdvisorError(f"{type(model).__name__} has no parameters; there is nothing to train.")
    columns = example.shape[1] if example is not None and example.ndim == 2 else category_columns
    if not 0 <= category_columns <= columns:
        raise AdvisorError(
            f"category_columns {category_columns} does not fit rows of {columns} columns; give how many of the last "
            "ones hold codes."
        )
    task = TaskFacts(
        kind=kind,
        outputs=width,
        input_shape=() if example is None else tuple(example.shape[1:]),
        input_range=input_range,
        class_counts=None if class_counts is None else tuple(class_counts),
        category_columns=category_columns,
    )
    run = Run(
        model=model,
        streams=Streams(seed, parameter.device),
        task=task,
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        direction=direction,
        example=example,
    )
    session = Session(run, techniques)
    for name, loader in (("train", train_batches), ("validation", validation_batches)):
        if loader is not None:
            run.batches[name] = _batches(session, loader)
    session.plan(train_once or _no_training)
    return session


def _batches(session: Session, loader: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> Batches:
    def iterate() -> Iterator[tuple[torch.Tensor, Targets]]:
        device = next(session.model.parameters()).device
        for inputs, targets in loader:
            yield inputs.to(device), session._targets(inputs, targets.to(device))

    return iterate


def _no_training(
    name: str, *, member: int = 0, teacher: Trained | None = None, arguments: dict[str, Any] | None = None
) -> Trained:
    raise AdvisorError(
        f"{name} needs another trained network (number {member}); pass `train_once=` to regularize: a function that "
        "returns Trained(model, predict)."
    )
