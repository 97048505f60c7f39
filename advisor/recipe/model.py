"""The task that a recipe is for, and the recipe: ordered steps, each measurable alone."""

from typing import Any, Literal

from pydantic import Field

from advisor.contract import Contract, Frozen
from advisor.experiments.spec import METRICS
from advisor.techniques.core import TECHNIQUES, Effect, TargetKind

Modality = Literal["image", "table", "text", "sequence"]


class Task(Contract):
    """What is trained, as far as it is known; unknown is None and makes the advice more careful."""

    modality: Modality
    train_size: int | None = Field(None, ge=1, description="number of training examples")
    classes: int | None = Field(None, ge=2, description="number of classes; None for regression or unknown")
    goal: str = Field("accuracy", description="the metric that counts")
    regime: Literal["scratch", "fine_tuning"] = "scratch"
    model: str | None = Field(None, description="kind of model: mlp, cnn, resnet, vit, transformer, ...")
    normalization: bool | None = Field(None, description="whether the model has normalization layers")
    flip_safe: bool | None = Field(None, description="whether a mirrored image keeps its label (digits: no)")
    imbalance: float | None = Field(None, ge=1, description="examples of the largest class over the smallest")
    already_used: dict[str, dict[str, Any]] = Field({}, description="techniques in use, by name, with parameters")

    @property
    def target_kind(self) -> TargetKind | None:
        """The kind of targets as far as classes and goal tell; None where they do not."""
        if self.classes is not None:
            return "class"
        kinds = METRICS[self.goal][1] if self.goal in METRICS else frozenset()
        return "class" if "class" in kinds else "real" if "real" in kinds else None


class Step(Frozen):
    """One change to make, with the reason for it and where that comes from."""

    technique: str
    parameters: dict[str, Any]
    reason: str
    rule_ids: tuple[str, ...]
    expected_effect: Effect | None = None  # from the literature, in its own scope; verify measures yours

    @property
    def settings(self) -> dict[str, Any]:
        """The parameters worth saying: the first, which is the strength, and those that are not at their default."""
        known = TECHNIQUES.get(self.technique)
        if known is None:
            return self.parameters
        defaults = {name: field.default for name, field in known.parameter_fields().items()}
        first = next(iter(defaults), None)
        return {k: value for k, value in self.parameters.items() if k == first or value != defaults.get(k)}


class Withheld(Frozen):
    """A technique that was considered and left out, with why."""

    technique: str
    why: str
    rule_ids: tuple[str, ...] = ()


class Recipe(Contract):
    """Ordered steps so that each can be measured alone before it is combined."""

    task: Task
    diagnosis_id: str | None = None
    because: str = ""  # the symptom that the steps answer, with its numbers
    steps: tuple[Step, ...]
    withheld: tuple[Withheld, ...] = ()
    warnings: tuple[str, ...] = ()
    ablation_plan: tuple[str, ...] = ()
    code: str = ""
