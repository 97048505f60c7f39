"""The spec of an experiment: data, model, baseline, arms, and what is fixed before the first run."""

import re
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from advisor.contract import Contract, Frozen
from advisor.errors import AdvisorError, invalid, unknown
from advisor.techniques import build_techniques

ENTRY = re.compile(r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")
BUILTIN_DATA = ("breast_cancer", "digits", "wine")
BUILTIN_MODELS = ("mlp", "small_cnn")
# name -> (direction, kinds of targets)
METRICS: dict[str, tuple[Literal["min", "max"], frozenset[str]]] = {
    "accuracy": ("max", frozenset({"class"})),
    "balanced_accuracy": ("max", frozenset({"class"})),
    "nll": ("min", frozenset({"class"})),
    "brier": ("min", frozenset({"class"})),
    "ece": ("min", frozenset({"class"})),
    "rmse": ("min", frozenset({"real"})),
    "mae": ("min", frozenset({"real"})),
    "r2": ("max", frozenset({"real"})),
}
MAX_ARMS = 32


class DataSpec(Frozen):
    """Where the data comes from: a built-in set, or the user's own function."""

    builtin: str | None = None
    entry: str | None = Field(None, description="module:function that returns the data")
    arguments: dict[str, Any] = Field({}, description="keyword arguments for the entry function")
    train_size: int | None = Field(None, ge=8, description="keep only so many training examples")

    @model_validator(mode="after")
    def _one_source(self) -> "DataSpec":
        if (self.builtin is None) == (self.entry is None):
            raise ValueError(
                f"give exactly one of builtin ({', '.join(BUILTIN_DATA)}) and entry (module:function); "
                f"got builtin={self.builtin!r}, entry={self.entry!r}"
            )
        if self.builtin is not None and self.builtin not in BUILTIN_DATA:
            raise ValueError(str(unknown("built-in data set", self.builtin, BUILTIN_DATA)))
        _check_entry(self.entry)
        return self


class ModelSpec(Frozen):
    """What is trained: a named model, or the user's own function."""

    name: str | None = None
    entry: str | None = Field(None, description="module:function that builds a torch.nn.Module")
    arguments: dict[str, Any] = Field({}, description="keyword arguments, such as width")

    @model_validator(mode="after")
    def _one_source(self) -> "ModelSpec":
        if (self.name is None) == (self.entry is None):
            raise ValueError(
                f"give exactly one of name ({', '.join(BUILTIN_MODELS)}) and entry (module:function); "
                f"got name={self.name!r}, entry={self.entry!r}"
            )
        if self.name is not None and self.name not in BUILTIN_MODELS:
            raise ValueError(str(unknown("model", self.name, BUILTIN_MODELS)))
        _check_entry(self.entry)
        return self


class Training(Frozen):
    """How one arm trains. `techniques` maps a technique's name to its parameters."""

    optimizer: Literal["sgd", "adam", "adamw"] = "adamw"
    lr: float = Field(1e-3, gt=0, le=100, allow_inf_nan=False)
    momentum: float = Field(0.9, ge=0, lt=1, description="for sgd")
    schedule: Literal["constant", "cosine"] = "constant"
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


class Design(Frozen):
    """What is fixed before the first run."""

    split: Literal["fixed", "resampled"] = "fixed"
    validation_fraction: float = Field(0.2, gt=0, lt=0.9)
    test_fraction: float = Field(0.25, gt=0, lt=0.9)
    alpha: float = Field(0.05, gt=0, lt=0.5)
    max_blocks: int = Field(8, ge=2, le=1000)
    seed: int = Field(0, ge=0, lt=2**31)
    tune: Literal["none"] = "none"

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
    arms: dict[str, dict[str, Any]] = Field({}, description="name -> overlay on the baseline")
    kind: Literal["verify"] = "verify"
    design: Design = Design()
    metric: str = "accuracy"
    minimum_effect: float = Field(0.005, ge=0, description="smallest change of the metric that matters")
    budget: str = Field("10m", description="wall time for all runs, such as 90s, 10m or 2h")
    python: str | None = Field(None, description="the interpreter that trains")
    aa: bool = Field(False, description="an A/A experiment: arms may equal the baseline, and nothing is reused")
    reuse: bool = Field(True, description="answer from finished runs where all inputs are the same")

    @field_validator("metric")
    @classmethod
    def _known_metric(cls, value: str) -> str:
        if value not in METRICS:
            raise ValueError(str(unknown("metric", value, METRICS)))
        return value

    @field_validator("budget", mode="before")
    @classmethod
    def _duration(cls, value: Any) -> str:
        text = f"{value}s" if isinstance(value, (int, float)) else str(value)
        parse_duration(text)
        return text

    @model_validator(mode="after")
    def _arms(self) -> "Spec":
        if not self.arms and not self.aa:
            raise ValueError("arms is empty; name at least one change to compare with the baseline, or set aa: true")
        if len(self.arms) > MAX_ARMS:
            raise ValueError(f"{len(self.arms)} arms are more than {MAX_ARMS}; compare fewer at once")
        for name in self.arms:
            if name == "baseline" or not re.fullmatch(r"[A-Za-z0-9_.+-]{1,64}", name):
                raise ValueError(
                    f"arm name {name!r} is not allowed; use letters, digits, '_', '.', '+' or '-', and not 'baseline'"
                )
            if self.arm(name) == self.baseline and not self.aa:
                raise ValueError(
                    f"arm {name!r} equals the baseline; change something, or set aa: true for an A/A check"
                )
        return self

    @property
    def arm_names(self) -> tuple[str, ...]:
        """The arms compared with the baseline, in the spec's order."""
        return tuple(self.arms) or ("aa",)

    @property
    def direction(self) -> Literal["min", "max"]:
        """Whether less or more of the metric is better."""
        return METRICS[self.metric][0]

    @property
    def budget_seconds(self) -> float:
        """The budget in seconds of wall time."""
        return parse_duration(self.budget)

    @property
    def needs_user_code(self) -> bool:
        """Whether running this spec imports the user's code or starts another interpreter."""
        return bool(self.data.entry or self.model.entry or self.python)

    def arm(self, name: str) -> Training:
        """How this arm trains: its overlay laid on the baseline. "baseline" is an arm too."""
        return overlay(self.baseline, self.arms.get(name, {}), name)


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


def parse_spec(value: Any, *, where: str = "the spec") -> Spec:
    """A Spec from plain data (a parsed YAML or JSON document).

    Raises:
        AdvisorError: anything that is wrong with it, each wrong key with its value and what to do.
    """
    if not isinstance(value, dict):
        raise AdvisorError(f"{where} must be a mapping with data, model and arms but got {type(value).__name__}.")
    try:
        return Spec.model_validate(value)
    except ValidationError as error:
        raise invalid(where, error, Spec) from None


def parse_duration(text: str) -> float:
    """Seconds from "90s", "3m", "1.5h" or "45"."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|m|h)?\s*", text)
    seconds = float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2] or "s"] if found else 0.0
    if not 0 < seconds <= 7 * 24 * 3600:
        raise ValueError(f"budget {text!r} is not a duration of at most 7 days; write it like 90s, 10m or 2h")
    return seconds


def _check_entry(entry: str | None) -> None:
    if entry is not None and not ENTRY.match(entry):
        raise ValueError(f"entry {entry!r} is not of the form module:function")
