"""The spec of an experiment: data, model, baseline, arms, and what is fixed before the first run."""

from functools import cached_property
from pathlib import PurePath
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from advisor.contract import Contract, Frozen
from advisor.data.spec import BUILTIN_DATA as BUILTIN_DATA
from advisor.data.spec import DataSpec as DataSpec
from advisor.errors import AdvisorError, invalid, unknown
from advisor.experiments.command_spec import CommandSpec as CommandSpec
from advisor.experiments.design import Blocks, check_arm_names, duration_text, parse_duration
from advisor.experiments.kinds import (
    NEED_ARMS,
    TUNING_RUNS,
    Ablate,
    BiasVariance,
    DataSize,
    DoubleDescent,
    Kind,
    Recipe,
    Sweep,
    check_kind,
    confirming_blocks,
    derived_arms,
    most_blocks,
)
from advisor.models.spec import BUILTIN_MODELS as BUILTIN_MODELS
from advisor.models.spec import ModelSpec as ModelSpec
from advisor.techniques import build_techniques
from advisor.training.metrics.catalogue import METRICS as METRICS

DATA_CHANGES = ("train_size", "label_noise")  # of the data, what an arm may change


class Training(Frozen):
    """How one arm trains. `techniques` maps a technique's name to its parameters."""

    optimizer: Literal["sgd", "adam", "adamw", "muon"] = Field(
        "adamw", description="muon: for hidden weights, with adamw for the rest at the same lr"
    )
    lr: float = Field(1e-3, gt=0, le=100, allow_inf_nan=False)
    momentum: float = Field(0.9, ge=0, lt=1, description="for sgd")
    nesterov: bool = Field(False, description="for sgd with momentum: Nesterov's step")
    schedule: Literal["constant", "cosine", "linear", "one_cycle", "constant_with_decay"] = Field(
        "constant", description="how lr changes over the steps; constant_with_decay goes to 0 at the end only"
    )
    warmup_epochs: float = Field(
        0.0,
        ge=0,
        le=10_000,
        allow_inf_nan=False,
        description="epochs, also parts of one, in which lr rises linearly; one_cycle rises for 30 % where 0",
    )
    decay_fraction: float = Field(0.2, gt=0, le=1, description="for constant_with_decay: the share of steps that decay")
    clip_norm: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="largest norm of a step's whole gradient; none: not clipped"
    )
    accumulate: int = Field(1, ge=1, le=10_000, description="batches whose gradients make up one step")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="of matrix products while training; auto is float32, which every device repeats"
    )
    epochs: int = Field(30, ge=1, le=10_000)
    batch_size: int = Field(64, ge=1, le=1_000_000)
    techniques: dict[str, dict[str, Any]] = Field(default={})

    @field_validator("techniques")
    @classmethod
    def _known(cls, value: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        try:
            built = build_techniques(value)
        except AdvisorError as error:
            raise ValueError(str(error)) from None
        # Defaults are written out, so that a changed default gives another id.
        return {technique.name: technique.parameters() for technique in built}

    @model_validator(mode="after")
    def _compatible(self) -> "Training":
        if self.nesterov and (self.optimizer != "sgd" or self.momentum == 0):
            raise ValueError(
                f"nesterov needs sgd with momentum but got {self.optimizer} with momentum {self.momentum:g}; leave it "
                "out"
            )
        if self.warmup_epochs >= self.epochs:
            raise ValueError(
                f"warmup_epochs {self.warmup_epochs:g} leaves nothing of {self.epochs} epochs; lower it or train longer"
            )
        return self


class Design(Blocks):
    """What is fixed before the first run of our loop."""

    split: Literal["fixed", "resampled"] = "fixed"
    validation_fraction: float = Field(0.2, gt=0, lt=0.9)
    test_fraction: float = Field(0.25, gt=0, lt=0.9)
    test_part: Literal["whole", "first", "second"] = Field(
        "whole", description="first or second half of the test split, so that a decision and its confirmation differ"
    )
    tune: Literal["none", "grid"] = Field(
        "none",
        description="grid: lr and strength of the arms, lr of the baseline, on validation; as many settings each",
    )

    @model_validator(mode="after")
    def _room_for_training(self) -> "Design":
        if self.validation_fraction + self.test_fraction >= 0.95:
            raise ValueError(
                f"validation_fraction {self.validation_fraction} and test_fraction {self.test_fraction} leave "
                "under 5 % for training; lower them"
            )
        return self


class Spec(Contract):
    """One experiment. Read it from YAML or JSON with `parse_spec`, which gives readable errors."""

    data: DataSpec
    model: ModelSpec
    baseline: Training = Training()
    arms: dict[str, dict[str, Any]] = Field(
        {}, description="name -> overlay on the baseline, with model: {arguments} and data: {train_size, label_noise}"
    )
    kind: Kind = Field(
        "verify",
        description="what is asked: whether arms help (verify), which steps of a recipe to keep (recipe), what a gain "
        "is made of (ablate), which value of a setting (sweep), what the error is made of (bias_variance), whether it "
        "peaks on the way (double_descent), what more data brings (data_size), how many blocks find an effect (power); "
        "each but verify and power has a part of its name",
    )
    recipe: Recipe | None = None
    ablate: Ablate | None = None
    sweep: Sweep | None = None
    bias_variance: BiasVariance | None = None
    double_descent: DoubleDescent | None = None
    data_size: DataSize | None = None
    design: Design = Design()
    metric: str = "accuracy"
    minimum_effect: float = Field(0.005, ge=0, description="smallest change of the metric that matters")
    budget: str = Field("10m", description="wall time for all runs, such as 90s, 10m or 2h")
    python: str | None = Field(None, description="the interpreter that trains")
    aa: bool = Field(
        False, description="an A/A experiment, of kind verify: arms may equal the baseline, and nothing is reused"
    )
    reuse: bool = Field(True, description="answer from finished runs where all inputs are the same")
    corruptions: bool = Field(
        False,
        description="measure the test split under corruptions too (images: noise, blur, contrast, brightness, pixels, "
        "compression; texts: typing errors; tables: missing, noisy and wrong values), in five severities on at most "
        "1000 examples; compared beside the metric as corrupted_accuracy and corrupted_nll, or corrupted_rmse",
    )

    @field_validator("metric")
    @classmethod
    def _known_metric(cls, value: str) -> str:
        if value not in METRICS:
            raise ValueError(str(unknown("metric", value, METRICS)))
        return value

    @field_validator("budget", mode="before")
    @classmethod
    def _duration(cls, value: Any) -> str:
        return duration_text(value)

    @model_validator(mode="after")
    def _arms(self) -> "Spec":
        check_kind(self)
        check_arm_names(self.overlays, aa=self.aa, needed=self.kind in NEED_ARMS)
        for name in self.overlays:
            same = self.arm(name) == self.baseline and self.model_of(name) == self.model
            if same and self.data_of(name) == self.data and not self.aa:
                raise ValueError(
                    f"arm {name!r} equals the baseline; change something, or set aa: true for an A/A check"
                )
        return self

    @cached_property
    def overlays(self) -> dict[str, dict[str, Any]]:
        """What each arm changes: the spec's own arms, or those that its kind makes of them."""
        return derived_arms(self)

    @property
    def max_blocks(self) -> int:
        """The number of blocks at most."""
        return most_blocks(self)

    @property
    def early(self) -> bool:
        """Whether arms end as soon as they are settled."""
        return self.kind in ("verify", "recipe") and self.design.looks == "each_block"

    @property
    def rehearsals(self) -> int:
        """Runs beside the blocks: none, our loop obeys its seed."""
        return 0

    @property
    def arm_names(self) -> tuple[str, ...]:
        """The arms compared with the baseline, in the spec's order."""
        return tuple(self.overlays) or (("aa",) if self.aa else ())

    @property
    def direction(self) -> Literal["min", "max"]:
        """Whether less or more of the metric is better."""
        return METRICS[self.metric][0]

    @property
    def split(self) -> Literal["fixed", "resampled"]:
        """Whether every block has the same split or one of its own."""
        return self.design.split

    @property
    def title(self) -> str:
        """The experiment in a line."""
        data: str | tuple[str, ...] = getattr(self.data, self.data.source)
        named = data if isinstance(data, str) else " and ".join(data)
        trained = f"{self.model.name or self.model.entry} on {named}"
        if self.kind != "verify":
            return f"{self.kind.replace('_', ' ')}: {trained}"
        return f"{', '.join(self.arm_names)} against the baseline: {trained}"

    @property
    def most_runs(self) -> int:
        """The number of runs at most, all stages of the job together."""
        one = (len(self.arm_names) + 1) * self.max_blocks
        if self.kind == "recipe":
            stages = (
                one
                if self.recipe is not None and self.recipe.order == "parallel"
                else (2 * len(self.arm_names) * self.max_blocks)
            )
            return stages + 2 * confirming_blocks(self)
        if self.design.tune != "none":
            return one + (len(self.arm_names) + 1) * TUNING_RUNS
        return one

    @property
    def budget_seconds(self) -> float:
        """The budget in seconds of wall time."""
        return parse_duration(self.budget)

    @property
    def needs_user_code(self) -> bool:
        """Whether running this spec imports the user's code or starts another interpreter."""
        return bool(self.data.entry or self.model.entry or self.python)

    def paths(self) -> tuple[PurePath, ...]:
        """The files and folders that it names, as it names them."""
        return (*self.data.paths(), *self.model.paths())

    def changes(self, name: str) -> tuple[str, ...]:
        """The arm's differences from the baseline in words: "lr 0.1 -> 0.03", "mixup alpha 0.2"."""
        changes = list(describe_changes(self.baseline, self.arm(name)))
        model, data = self.model_of(name).arguments, self.data_of(name)
        changes += [f"{key} {self.model.arguments.get(key, 'default')} -> {value}" for key, value in model.items()
                    if value != self.model.arguments.get(key)]  # fmt: skip
        for key in DATA_CHANGES:
            if getattr(data, key) != getattr(self.data, key):
                before = getattr(self.data, key)
                changes.append(f"{key} {'all' if before is None else before} -> {getattr(data, key)}")
        return tuple(changes)

    def arm(self, name: str) -> Training:
        """How this arm trains: its overlay laid on the baseline. "baseline" is an arm too."""
        change = {key: value for key, value in self._overlay(name).items() if key not in ("model", "data")}
        return overlay(self.baseline, change, name)

    def rebased(self, overlay: dict[str, Any], **changes: Any) -> "Spec":
        """A `verify` spec whose baseline is this one's with the overlay laid on it.

        changes: its other parts, such as `arms` and `design`, in place of this spec's; without them it has no arms.

        Raises:
            ValidationError: these make no spec.
        """
        content = self.model_dump(mode="json") | {"kind": "verify", "recipe": None, "arms": {}}
        named = Spec.model_validate(content | {"arms": {"chosen": overlay}, "aa": True})
        parts = {"baseline": named.arm("chosen"), "model": named.model_of("chosen"), "data": named.data_of("chosen")}
        return Spec.model_validate(
            content | {key: part.model_dump(mode="json") for key, part in parts.items()} | changes
        )

    def model_of(self, name: str) -> ModelSpec:
        """What this arm trains: the model with the arguments of its overlay."""
        arguments = self._part(name, "model", None)
        return ModelSpec.model_validate(self.model.model_dump() | {"arguments": {**self.model.arguments, **arguments}})

    def data_of(self, name: str) -> DataSpec:
        """What this arm trains on: the data with its overlay's train_size and label_noise."""
        return DataSpec.model_validate(self.data.model_dump() | self._part(name, "data", DATA_CHANGES))

    def _part(self, name: str, part: str, known: tuple[str, ...] | None) -> dict[str, Any]:
        given = self._overlay(name).get(part) or {}
        if not isinstance(given, dict):
            raise ValueError(f"arm {name!r}: {part} must map names to values but got {given!r}")
        if known is not None and not given.keys() <= set(known):
            raise ValueError(str(unknown(f"{part} setting of an arm", sorted(given.keys() - set(known))[0], known)))
        return given

    def _overlay(self, name: str) -> dict[str, Any]:
        return self.overlays.get(name, {})


AnySpec = Spec | CommandSpec


def describe_changes(baseline: Training, arm: Training) -> tuple[str, ...]:
    """The arm's differences from the baseline in words: "lr 0.1 -> 0.03", "mixup alpha 0.2"."""
    changes = []
    before, after = baseline.model_dump(mode="json"), arm.model_dump(mode="json")
    for key in before:
        if key != "techniques" and before[key] != after[key]:
            changes.append(f"{key} {before[key]} -> {after[key]}")
    for name in sorted({*before["techniques"], *after["techniques"]}):
        old, new = before["techniques"].get(name), after["techniques"].get(name)
        if new is None:
            changes.append(f"without {name}")
        elif old != new:
            changes.append(" ".join([name, ", ".join(f"{key} {value}" for key, value in new.items())]))
    return tuple(changes)


def overlay(baseline: Training, change: dict[str, Any], name: str) -> Training:
    """`change` laid on `baseline`. A technique set to null is taken out.

    Raises:
        AdvisorError: unknown keys, values out of bounds, conflicting techniques.
    """
    merged = baseline.model_dump(mode="json")
    techniques = change.get("techniques") or {}
    if not isinstance(techniques, dict):
        raise AdvisorError(f"arm {name!r}: techniques must map names to parameters but got {techniques!r}.")
    merged |= {key: value for key, value in change.items() if key != "techniques"}
    for technique, parameters in techniques.items():
        if parameters is None:
            merged["techniques"].pop(technique, None)
        else:
            merged["techniques"][technique] = parameters
    try:
        return Training.model_validate(merged)
    except ValidationError as error:
        raise invalid(f"arm {name!r}", error, Training) from None


def parse_spec(value: Any, *, where: str = "the spec") -> AnySpec:
    """A spec from plain data (a parsed YAML or JSON document): the form with a `command`, or that of our loop.

    Raises:
        AdvisorError: anything that is wrong with it, each wrong key with its value and what to do.
    """
    if not isinstance(value, dict):
        raise AdvisorError(
            f"{where} must be a mapping with data, model and arms, or with a command, but got {type(value).__name__}."
        )
    form: type[Spec] | type[CommandSpec] = CommandSpec if "command" in value else Spec
    try:
        return form.model_validate(value)
    except ValidationError as error:
        raise invalid(where, error, form) from None
