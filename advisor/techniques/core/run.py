"""The state of one training, which is all that a technique's hooks see of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from advisor.errors import AdvisorError
from advisor.techniques.core.streams import Streams
from advisor.techniques.core.targets import TargetKind, Targets

if TYPE_CHECKING:
    import torch

Batches = Callable[[], Iterator[tuple["torch.Tensor", Targets]]]


@dataclass(frozen=True)
class TaskFacts:
    """What is known of the data before the first batch.

    `outputs`: classes, columns of real targets or the size of the vocabulary. `input_shape`: one example's, without
    the batch. `input_range`: the values between which pixels lie. `class_counts`: training examples of each class.
    `category_columns`: the last so many columns of a row are codes of categories, which have no in-between.
    """

    kind: TargetKind
    outputs: int
    input_shape: tuple[int, ...]
    input_range: tuple[float, float] = (0.0, 1.0)
    class_counts: tuple[int, ...] | None = None
    category_columns: int = 0


@dataclass(frozen=True)
class Trained:
    """A network that was trained besides: the module in evaluation mode, and its answer to inputs, without gradient."""

    model: torch.nn.Module
    predict: Callable[[torch.Tensor], torch.Tensor]


class TrainOnce(Protocol):
    """Trains one more network from a seed of its own: the same recipe, less the technique that asks.

    Left out are also later techniques that train networks, so that a teacher is no ensemble and costs add up instead
    of multiplying. Earlier ones stay, and get the networks that they got in the training that asks.
    """

    def __call__(
        self, name: str, *, member: int = 0, teacher: Trained | None = None, arguments: dict[str, Any] | None = None
    ) -> Trained:
        """`name`: the technique that asks. `member`: which of its networks. `arguments`: changes to the model's.

        With `teacher` the asking technique stays in the recipe and learns from that network.
        """
        ...


def _no_session(technique: str, inputs: torch.Tensor) -> torch.Tensor:
    raise AdvisorError(f"{technique} needs the answers of the other techniques; put the run into a Session first.")


@dataclass
class Run:
    """One training in progress."""

    model: torch.nn.Module
    streams: Streams
    task: TaskFacts
    epochs: int  # planned
    steps_per_epoch: int
    direction: Literal["min", "max"] = "max"  # whether less or more of "validation_metric" is better
    epoch: int = 0  # counts 0, 1, 2, ...
    step: int = 0  # optimizer steps done so far
    copies: int = 1  # how many times this step's batch is stacked; the hook that stacks it multiplies
    # Partners (N,) and share of the own, where the model mixes this step's batch inside; a teacher's answers follow it.
    mixed_inside: tuple[torch.Tensor, float] | None = None
    stop: bool = False  # a hook sets it to end the training after this epoch
    kept_epoch: int = 0  # whose weights the model holds; a hook that puts older weights back sets it
    # One entry for each technique that keeps state, under its name.
    state: dict[str, Any] = field(default_factory=dict)
    # One row an epoch: "epoch", "train_loss", "train_eval_loss", "validation_loss", "validation_metric".
    history: list[dict[str, float]] = field(default_factory=list)
    undo: list[Callable[[], object]] = field(default_factory=list)  # what brings the model back; see Session.restore
    example: torch.Tensor | None = None  # a few inputs, for a dry forward pass
    batches: dict[str, Batches] = field(default_factory=dict)  # "train" and "validation", in order, not augmented
    stack: list[Run] | None = None  # the runs whose model this one's is in a batched program, itself the first
    evaluated: torch.nn.Module | None = None  # the model that the last row of the history is of
    predict_before: Callable[[str, torch.Tensor], torch.Tensor] = _no_session  # see Session.predict_before

    def generator(self, name: str) -> torch.Generator:
        """The random stream of this name, seeded by (block seed, name, step): a draw in one never shifts another.

        It lives on the model's device (`generator.device`). Asked for again within a step, it goes on where it was;
        each forward pass of a step starts it again, so that two passes of one step see the same masks.
        """
        return self.streams.generator(name, self.step)

    def require_example(self, technique: str) -> torch.Tensor:
        """The example inputs for a dry forward pass.

        Raises:
            AdvisorError: none were given.
        """
        if self.example is None:
            raise AdvisorError(
                f"{technique} looks at a dry forward pass to find its places; pass `example=inputs[:2]` to regularize."
            )
        return self.example

    def require_batches(self, technique: str, split: Literal["train", "validation"]) -> Batches:
        """A function that iterates over (inputs, Targets) of a split.

        Raises:
            AdvisorError: none was given.
        """
        if split not in self.batches:
            raise AdvisorError(
                f"{technique} needs {split} data after the training; pass `{split}_batches=` (an iterable of inputs "
                "and labels, such as a DataLoader) to regularize."
            )
        return self.batches[split]
