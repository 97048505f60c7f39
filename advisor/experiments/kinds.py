"""The kinds of experiment: what each is asked, and which arms and blocks it needs for that.

`verify` compares the spec's own arms with the baseline. The others make their arms themselves: of the steps of a recipe
(ablate), the values of one setting (sweep), sizes of the model (bias_variance, double_descent) or of the training split
(data_size). `power` is a pilot of the spec's arms. What the runs then say is in `advisor.experiments.findings`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from advisor.contract import Frozen
from advisor.data.sampling import Sample

if TYPE_CHECKING:
    from advisor.experiments.spec import Spec

Kind = Literal["verify", "ablate", "sweep", "bias_variance", "double_descent", "data_size", "power"]
NEED_ARMS = ("verify", "ablate", "sweep", "power")
# Blocks where none are asked for; of bias_variance times its splits.
MOST_BLOCKS = {
    "verify": 20,
    "ablate": 10,
    "sweep": 10,
    "bias_variance": 3,
    "double_descent": 4,
    "data_size": 5,
    "power": 6,
}
OWN_PART = ("ablate", "sweep", "bias_variance", "double_descent", "data_size")


class Ablate(Frozen):
    """What a recipe's gain is made of: the arms are its steps, in order."""

    design: Literal["leave_one_out", "factorial"] = Field(
        "leave_one_out",
        description="leave_one_out: each step alone and the recipe without it; factorial: main effects and pairs from "
        "combinations of steps, for many of them",
    )
    max_arms: int = Field(16, ge=2, le=32, description="for factorial: combinations at most, the baseline included")


class Sweep(Frozen):
    """One setting at several values: of a technique, or of the training such as lr."""

    technique: str | None = Field(None, description="whose parameter it is; none: a field of the baseline")
    parameter: str = Field(description="its name")
    values: tuple[float, ...] = Field(min_length=2, max_length=15, description="beside the baseline's own")


class BiasVariance(Frozen):
    """Bias and variance over disjoint samples of the training split, perhaps at several sizes of the model."""

    splits: int = Field(4, ge=2, le=50, description="disjoint samples in each division")
    argument: str = Field("width", description="the model's argument that is its size")
    values: tuple[int, ...] = Field((), max_length=12, description="its values beside the model's own")


class DoubleDescent(Frozen):
    """Test error over the size of the model, the epochs or the training split."""

    over: Literal["model", "epochs", "train_size"] = "model"
    argument: str = Field("width", description="the model's argument that is its size")
    values: tuple[int, ...] = Field((), max_length=20, description="sizes beside the baseline's own; none for epochs")


class DataSize(Frozen):
    """The metric over the size of the training split, for the baseline and, if there is one, for an arm."""

    sizes: tuple[int, ...] = Field(
        (), max_length=12, description="training examples; none: five from a sixteenth of all up, each doubled"
    )


def most_blocks(spec: Spec) -> int:
    """The number of blocks at most."""
    if spec.design.max_blocks is not None:
        return spec.design.max_blocks
    splits = (spec.bias_variance or BiasVariance()).splits if spec.kind == "bias_variance" else 1
    return MOST_BLOCKS[spec.kind] * splits


def sample_for(spec: Spec, block: int) -> Sample | None:
    """The part of the training split that a block trains on; None: all of it."""
    if spec.kind != "bias_variance":
        return None
    splits = (spec.bias_variance or BiasVariance()).splits
    return Sample(group=block // splits, part=block % splits, parts=splits)


def check_kind(spec: Spec) -> None:
    """Refuse parts of other kinds, and settings that make no experiment.

    Raises:
        ValueError: as pydantic expects it.
    """
    for part in OWN_PART:
        if getattr(spec, part) is not None and spec.kind != part:
            raise ValueError(f"{part} belongs to kind: {part}, but kind is {spec.kind}; leave it out or set the kind")
    if spec.kind == "sweep" and spec.sweep is None:
        raise ValueError("kind: sweep needs sweep: {technique, parameter, values}")
    if spec.kind in ("sweep", "bias_variance", "double_descent") and spec.arms:
        raise ValueError(f"kind: {spec.kind} makes its own arms; leave arms {', '.join(spec.arms)} out")
    if spec.kind == "data_size" and len(spec.arms) > 1:
        raise ValueError(f"kind: data_size compares one arm with the baseline but got {', '.join(spec.arms)}")
    if spec.kind == "data_size" and len((spec.data_size or DataSize()).sizes) < 2:
        raise ValueError("kind: data_size needs data_size: {sizes: [...]} with at least two sizes beside the whole")
    descent = spec.double_descent or DoubleDescent()
    if spec.kind == "double_descent" and (descent.over == "epochs") == bool(descent.values):
        wanted = "no values" if descent.over == "epochs" else "values: at least four sizes beside the baseline's own"
        raise ValueError(f"double_descent over {descent.over} needs {wanted}")
    if spec.kind == "bias_variance" and spec.design.split != "fixed":
        raise ValueError("kind: bias_variance needs split: fixed, one test split for all samples")


def derived_arms(spec: Spec) -> dict[str, dict[str, Any]]:
    """Name -> overlay on the baseline, of every arm that the kind needs beside the baseline."""
    if spec.kind == "ablate":
        return {
            name: merged([spec.arms[step] for step in steps]) for name, steps in combinations(spec).items() if steps
        }
    if spec.kind == "sweep" and spec.sweep is not None:
        return {arm_for(spec.sweep.parameter, value): _swept(spec, value) for value in spec.sweep.values}
    if spec.kind == "bias_variance" and spec.bias_variance is not None:
        chosen = spec.bias_variance
        own = spec.model.arguments.get(chosen.argument)
        return {arm_for(chosen.argument, value): {"model": {chosen.argument: value}} for value in chosen.values
                if value != own}  # fmt: skip
    if spec.kind == "double_descent" and spec.double_descent is not None:
        descent = spec.double_descent
        if descent.over == "train_size":
            return {arm_for("n", value): {"data": {"train_size": value}} for value in descent.values
                    if value != spec.data.train_size}  # fmt: skip
        own = spec.model.arguments.get(descent.argument)
        return {arm_for(descent.argument, value): {"model": {descent.argument: value}} for value in descent.values
                if value != own}  # fmt: skip
    if spec.kind == "data_size" and spec.data_size is not None:
        arms = dict(spec.arms)
        for size in spec.data_size.sizes:
            if size != spec.data.train_size:
                arms[arm_for("n", size)] = {"data": {"train_size": size}}
                arms |= {
                    f"{name}.{arm_for('n', size)}": merged([change, {"data": {"train_size": size}}])
                    for name, change in spec.arms.items()
                }
        return arms
    return spec.arms


def combinations(spec: Spec) -> dict[str, list[str]]:
    """Arm -> the steps of the recipe that are on in it, for an ablation; the baseline has none."""
    from advisor.experiments.ablation import ablation_arms
    from advisor.experiments.factorial import factorial_design

    steps = list(spec.arms)
    chosen = spec.ablate or Ablate()
    if not steps:
        return {}
    if chosen.design == "factorial":
        design = factorial_design(steps, chosen.max_arms, seed=spec.design.seed)
        return {name: list(on) for name, on in design.arms.items()}
    return ablation_arms(steps)


def arm_for(parameter: str, value: float) -> str:
    """The name of the arm in which this parameter has this value: "width-64", "alpha-0.2"."""
    return f"{parameter}-{value:g}".replace("--", "-minus-")


def merged(overlays: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Overlays laid on top of one another; techniques, model and data are joined, other settings replaced."""
    result: dict[str, Any] = {}
    for change in overlays:
        for key, value in change.items():
            both = isinstance(value, dict) and isinstance(result.get(key), dict)
            result[key] = {**result[key], **value} if both else value
    return result


def _swept(spec: Spec, value: float) -> dict[str, Any]:
    assert spec.sweep is not None
    name, parameter = spec.sweep.technique, spec.sweep.parameter
    whole = int(value) if value == int(value) else value
    if name is None:
        current = getattr(spec.baseline, parameter, None)
        return {parameter: whole if isinstance(current, int) and not isinstance(current, bool) else value}
    known = spec.baseline.techniques.get(name, {})
    return {"techniques": {name: {**known, parameter: value}}}
