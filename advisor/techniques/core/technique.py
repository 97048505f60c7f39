"""The contract of a technique: a frozen config, a card, and hooks named for their moment in a training.

A module of this package imports torch inside its functions, so that cards, bounds, lint and recipes work where
torch is not installed. State (averages, counters, snapshots) lives on the run, never on the config.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field
from pydantic.fields import FieldInfo

from advisor.contract import Contract, Frozen, content_id
from advisor.errors import AdvisorError, unknown
from advisor.techniques.core.run import Run, TrainOnce
from advisor.techniques.core.targets import TargetKind, Targets

if TYPE_CHECKING:
    import torch


class Effect(Frozen):
    """An effect that a source reports: change of `metric` in its own units, from low to high."""

    metric: str
    low: float
    high: float
    scope: str
    source: str


class Card(Frozen):
    """What an expert would say about a technique, once; the skill, the help and the recipes are derived from it."""

    title: str
    mechanism: str
    when: str
    avoid: str
    cost: str
    step_cost: float  # training time per step as a multiple of the baseline's, as stated until measured
    effect: Effect | None
    interactions: str
    source: str  # author and year, or the specification
    modalities: tuple[Literal["image", "table", "text", "sequence"], ...] = ("image", "table", "text", "sequence")


def strength(
    default: Any, description: str, *, usual: tuple[float, float] | None = None, unit: str = "", **bounds: Any
) -> Any:
    """A pydantic field for a technique's parameter: hard bounds, and the usual range that lint compares with."""
    extra: dict[str, Any] = {"unit": unit}
    if usual is not None:
        extra["usual"] = list(usual)
    return Field(default, description=description, json_schema_extra=extra, allow_inf_nan=False, **bounds)


class Technique(Contract):
    """A technique's configuration with its hooks. Subclasses override only the hooks they need.

    Hooks run in the order of the registry, whatever order a spec lists them in. A hook makes no copy from the
    device to the host.
    """

    name: ClassVar[str]
    card: ClassVar[Card]
    kinds: ClassVar[frozenset[TargetKind]] = frozenset({"class", "multilabel", "real", "token"})
    conflicts: ClassVar[dict[str, str]] = {}  # name of another technique -> why not both
    null: ClassVar[dict[str, Any] | None] = None  # the configuration that changes nothing, bit for bit
    stackable: ClassVar[bool] = False  # whether many runs with it may be trained as one batched program
    after_training: ClassVar[str] = ""  # what it needs once training has ended, such as a batch-norm update

    @property
    def id(self) -> str:
        """A content hash over the technique's name and parameters."""
        return content_id({"technique": self.name, **self.model_dump(mode="json")})

    @classmethod
    def parameter_fields(cls) -> dict[str, FieldInfo]:
        """The fields that are parameters, by name."""
        return {name: field for name, field in cls.model_fields.items() if name != "schema_version"}

    def parameters(self) -> dict[str, Any]:
        """The parameters with their values, as a spec holds them."""
        return self.model_dump(mode="json", exclude={"schema_version"})

    def stacks(self) -> bool:
        """Whether many runs with it, so configured, may be trained as one batched program (`advisor.training.stack`).

        It may then change batches, losses, groups and weights, but draw nothing inside the model except through
        `advisor.techniques.core.draws`.
        """
        return type(self).stackable

    def refuse(self, kind: TargetKind, input_shape: tuple[int, ...]) -> str | None:
        """Why this technique cannot work on such data, or None. `input_shape` is one example's, without the batch."""
        if kind not in self.kinds:
            return f"{self.name} works on {', '.join(sorted(self.kinds))} targets but got {kind}"
        return None

    # Hooks, in the order of a training. Those of a batch are called in the order of the registry.

    def model(self, run: Run, model: torch.nn.Module) -> torch.nn.Module:
        """Change the freshly built model, before the optimizer sees its parameters.

        Whatever is changed is put on `run.undo` as a function that changes it back.
        """
        return model

    def plan(self, run: Run, train_once: TrainOnce) -> None:
        """Train further networks before this one, such as a teacher; their cost counts."""

    def param_groups(self, run: Run, groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Change the optimizer's parameter groups; each holds "params" and "lr"."""
        return groups

    def schedule(self, run: Run, factor: float | None) -> float | None:
        """What the initial learning rate is multiplied with at this step.

        `factor` is the schedule's own, and None where the training's loop sets the learning rate: given back, it is
        left to that loop.
        """
        return factor

    def epoch_start(self, run: Run) -> None:
        """Called before each epoch."""

    def batch(self, run: Run, inputs: torch.Tensor, targets: Targets) -> tuple[torch.Tensor, Targets]:
        """Change a training batch. inputs: (N, ...). A batch may be stacked several times over."""
        return inputs, targets

    def loss(
        self, run: Run, inputs: torch.Tensor, targets: Targets, outputs: torch.Tensor, loss: torch.Tensor
    ) -> torch.Tensor:
        """Change the batch's loss, a scalar. outputs: the model's answer in training mode."""
        return loss

    def step(self, run: Run, gradients: Callable[[], torch.Tensor]) -> torch.Tensor:
        """Called around the gradients of a step: `gradients()` fills them in and returns the loss; call it again for
        a second pass at other weights.
        """
        return gradients()

    def step_end(self, run: Run) -> None:
        """Called after the optimizer has stepped."""

    def eval_model(self, run: Run, model: torch.nn.Module) -> torch.nn.Module:
        """The model that is evaluated and kept, such as an average; it may be the one given."""
        return model

    def epoch_end(self, run: Run) -> None:
        """Called after each epoch, when its validation values are in `run.history`."""

    def fit_after(self, run: Run) -> None:
        """Called once after the last epoch, before the final evaluation."""

    def predict(self, run: Run, inputs: torch.Tensor, forward: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """The trained model's answer to inputs, without gradient; `forward` gives it without this technique."""
        return forward(inputs)


TECHNIQUES: dict[str, type[Technique]] = {}


def register(technique: type[Technique]) -> type[Technique]:
    """Add a technique to the registry under its name."""
    TECHNIQUES[technique.name] = technique
    return technique


def find_technique(name: str) -> type[Technique]:
    """The technique of this name.

    Raises:
        AdvisorError: there is none; the message offers the nearest names.
    """
    if name not in TECHNIQUES:
        raise unknown("technique", name, TECHNIQUES)
    return TECHNIQUES[name]


def check_conflicts(names: list[str]) -> list[tuple[str, str, str]]:
    """Every (name, other, why) among `names` that must not be combined, each pair once."""
    found = []
    for index, first in enumerate(names):
        for second in names[index + 1 :]:
            why = find_technique(first).conflicts.get(second) or find_technique(second).conflicts.get(first)
            if why:
                found.append((first, second, why))
    return found


def build_techniques(configs: dict[str, dict[str, Any]]) -> list[Technique]:
    """Validated techniques from {name: parameters}, in the registry's order.

    Raises:
        AdvisorError: an unknown name, a parameter out of bounds, or two techniques that conflict.
    """
    from pydantic import ValidationError

    from advisor.errors import invalid

    built: dict[str, Technique] = {}
    for name, parameters in configs.items():
        try:
            built[name] = find_technique(name)(**parameters)
        except ValidationError as error:
            raise invalid(f"technique {name!r}", error, find_technique(name)) from None
    for first, second, why in check_conflicts(list(built)):
        raise AdvisorError(f"{first!r} and {second!r} conflict: {why}. Leave one of them out of the arm.")
    return [built[name] for name in TECHNIQUES if name in built]
