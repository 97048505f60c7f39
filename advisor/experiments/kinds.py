"""The kinds of experiment: what each is asked, and which arms and blocks it needs for that.

`verify` compares the spec's own arms with the baseline. The others make their arms themselves: of the steps of a recipe
(ablate), the values of one setting (sweep), sizes of the model (bias_variance, double_descent) or of the training split
(data_size). `power` is a pilot of the spec's arms. What the runs then say is in `advisor.experiments.findings`.

A kind's part, its checks and its arms stand together, because each kind's checks are about the arms that it makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from advisor.contract import Frozen
from advisor.data.sampling import Sample
from advisor.errors import AdvisorError, unknown
from advisor.models.registry import find_model
from advisor.techniques import find_technique

if TYPE_CHECKING:
    from advisor.experiments.spec import Spec

Kind = Literal["verify", "recipe", "ablate", "sweep", "bias_variance", "double_descent", "data_size", "power"]
NEED_ARMS = ("verify", "recipe", "ablate", "sweep", "power")
# Blocks where none are asked for; of bias_variance times its splits.
MOST_BLOCKS = {
    "verify": 20,
    "recipe": 20,
    "ablate": 10,
    "sweep": 10,
    "bias_variance": 3,
    "double_descent": 4,
    "data_size": 5,
    "power": 6,
}
TUNING_RUNS = 30  # of the baseline and of each arm, where they are tuned: 15 settings on 2 blocks
OWN_PART = ("recipe", "ablate", "sweep", "bias_variance", "double_descent", "data_size")
# The fewest that can be judged, the baseline's own size and epochs included.
LEAST_BLOCKS = {"double_descent": 3, "power": 3}
LEAST_SIZES = {"double_descent": 5, "data_size": 3}
LEAST_TRAIN_SIZE = 8
Size = Annotated[int, Field(ge=1)]
TrainSize = Annotated[int, Field(ge=LEAST_TRAIN_SIZE)]


class Recipe(Frozen):
    """Steps that are kept or not, each by a test of its own, and the whole of what was kept measured once more."""

    order: Literal["sequence", "parallel"] = Field(
        "sequence",
        description="sequence: each step on top of those kept before it, on new blocks; parallel: each on the baseline",
    )


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
    values: tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...] = Field(
        min_length=2, max_length=15, description="above 0, beside the baseline's own"
    )


class BiasVariance(Frozen):
    """Bias and variance over disjoint samples of the training split, perhaps at several sizes of the model."""

    splits: int = Field(4, ge=2, le=50, description="disjoint samples in each division")
    argument: str = Field("width", description="the model's argument that is its size")
    values: tuple[Size, ...] = Field((), max_length=12, description="its values beside the model's own")


class DoubleDescent(Frozen):
    """Test error over the size of the model, the epochs or the training split."""

    over: Literal["model", "epochs", "train_size"] = "model"
    argument: str = Field("width", description="the model's argument that is its size")
    values: tuple[Size, ...] = Field(
        (),
        max_length=20,
        description="sizes beside the baseline's own, at least four; none: of the model ten from a sixteenth to four "
        "times its own, of train_size nine from a sixteenth of the data's train_size up; never for epochs",
    )


class DataSize(Frozen):
    """The metric over the size of the training split, for the baseline and, if there is one, for an arm."""

    sizes: tuple[TrainSize, ...] = Field(
        (),
        max_length=12,
        description="training examples beside the baseline's own number; none: a sixteenth, an eighth, a quarter and "
        "half of the data's train_size, which must then be given",
    )


def most_blocks(spec: Spec) -> int:
    """The number of blocks at most."""
    if spec.design.max_blocks is not None:
        return spec.design.max_blocks
    splits = (spec.bias_variance or BiasVariance()).splits if spec.kind == "bias_variance" else 1
    return MOST_BLOCKS[spec.kind] * splits


def confirming_blocks(spec: Spec) -> int:
    """The blocks on which the kept steps of a recipe are measured once more."""
    return max(2, spec.max_blocks // 2)


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
    if spec.aa and spec.kind != "verify":
        raise ValueError(f"aa: true checks verify, but kind is {spec.kind}; leave aa or the kind out")
    if spec.design.tune != "none" and spec.kind != "verify":
        raise ValueError(f"design.tune: {spec.design.tune} belongs to verify, but kind is {spec.kind}; leave it out")
    if spec.kind == "sweep":
        _check_sweep(spec)
    if spec.kind in ("sweep", "bias_variance", "double_descent") and spec.arms:
        raise ValueError(f"kind: {spec.kind} makes its own arms; leave arms {', '.join(spec.arms)} out")
    if spec.kind == "data_size" and len(spec.arms) > 1:
        raise ValueError(f"kind: data_size compares one arm with the baseline but got {', '.join(spec.arms)}")
    for name, change in spec.arms.items():
        if spec.kind == "data_size" and "data.train_size" in settings_of(change):
            raise ValueError(f"kind: data_size sets the train_size of arm {name!r} itself; leave it out there")
    if spec.kind == "double_descent" and (spec.double_descent or DoubleDescent()).over == "epochs":
        _check_epochs(spec)
    elif spec.kind in LEAST_SIZES and len(other_sizes(spec)) + 1 < LEAST_SIZES[spec.kind]:
        raise ValueError(
            f"kind: {spec.kind} needs {LEAST_SIZES[spec.kind] - 1} sizes or more beside the baseline's own but got "
            f"{list(other_sizes(spec))}; give more of them"
        )
    if spec.kind == "bias_variance" and spec.design.split != "fixed":
        raise ValueError("kind: bias_variance needs split: fixed, one test split for all samples")
    if spec.kind == "power" and spec.minimum_effect <= 0:
        raise ValueError("kind: power is about finding an effect; set minimum_effect to the smallest that matters")
    blocks = spec.design.max_blocks
    splits = (spec.bias_variance or BiasVariance()).splits
    least = splits if spec.kind == "bias_variance" else LEAST_BLOCKS.get(spec.kind, 2)
    if blocks is not None and blocks < least:
        each = ", one for each of its splits" if spec.kind == "bias_variance" else ""
        raise ValueError(f"kind: {spec.kind} needs {least} blocks or more{each}, but max_blocks is {blocks}; raise it")


def _check_sweep(spec: Spec) -> None:
    if spec.sweep is None:
        raise ValueError("kind: sweep needs sweep: {technique, parameter, values}")
    names = [arm_for(spec.sweep.parameter, value) for value in spec.sweep.values]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"sweep.values hold {name!r} {names.count(name)} times; six digits must tell them apart")
    own = own_value(spec)
    if own in spec.sweep.values:
        raise ValueError(
            f"sweep.values hold {own:g}, the baseline's own {spec.sweep.parameter}; leave it out, the baseline is "
            "trained anyway"
        )


def _check_epochs(spec: Spec) -> None:
    if spec.double_descent is not None and spec.double_descent.values:
        raise ValueError("double_descent over epochs judges each epoch of the baseline; leave values out")
    if spec.baseline.epochs < LEAST_SIZES["double_descent"]:
        raise ValueError(
            f"double_descent over epochs needs {LEAST_SIZES['double_descent']} epochs or more but the baseline has "
            f"{spec.baseline.epochs}; train longer"
        )


def own_value(spec: Spec) -> float | None:
    """What the baseline has of the setting that is swept; None where that is nothing, or no number."""
    assert spec.sweep is not None
    chosen = spec.sweep
    if chosen.technique is None:
        return _number(getattr(spec.baseline, chosen.parameter, None))
    return _number(spec.baseline.techniques.get(chosen.technique, {}).get(chosen.parameter))


def upper_bound(spec: Spec) -> float | None:
    """The largest value that the swept setting may have, where there is one."""
    assert spec.sweep is not None
    chosen = spec.sweep
    model = type(spec.baseline) if chosen.technique is None else find_technique(chosen.technique)
    for bounds in model.model_fields[chosen.parameter].metadata:
        limit = getattr(bounds, "le", None)
        if limit is None and getattr(bounds, "lt", None) is not None:
            limit = bounds.lt * (1 - 1e-6)
        if limit is not None:
            return float(limit)
    return None


def own_size(spec: Spec, argument: str) -> float:
    """The model's own size: its argument as given, or the default of a named model.

    Raises:
        AdvisorError: there is no such argument, or only the user's code knows it.
    """
    given = spec.model.arguments.get(argument)
    if given is None and spec.model.name is not None:
        known = find_model(spec.model.name).arguments
        if argument in known.model_fields:
            given = known.model_fields[argument].default
        elif known.model_config.get("extra") != "allow":
            raise unknown(f"argument of model {spec.model.name!r}", argument, known.model_fields)
    size = _number(given)
    if size is None:
        raise AdvisorError(
            f"The model's own {argument} is not known as a number but is {given!r}; give it in model: {{arguments: "
            f"{{{argument}: ...}}}}."
        )
    return size


def other_sizes(spec: Spec) -> tuple[int, ...]:
    """The sizes beside the baseline's own, rising: those that were given, or what the kind takes by itself.

    Raises:
        AdvisorError: none were given, and the baseline's own size is not known either.
    """
    if spec.kind == "data_size":
        return _train_sizes(spec, (spec.data_size or DataSize()).sizes, [2.0**-step for step in range(1, 5)])
    if spec.kind == "bias_variance":
        chosen = spec.bias_variance or BiasVariance()
        return _model_sizes(spec, chosen.argument, chosen.values) if chosen.values else ()
    descent = spec.double_descent or DoubleDescent()
    if descent.over == "train_size":
        return _train_sizes(spec, descent.values, [2 ** (-step / 2) for step in range(1, 9)])
    return _model_sizes(spec, descent.argument, descent.values)


def _model_sizes(spec: Spec, argument: str, given: Sequence[int]) -> tuple[int, ...]:
    own = own_size(spec, argument)
    sizes = given or [max(1, round(own * 2 ** (2 * step / 3))) for step in range(-6, 4)]
    return tuple(sorted({size for size in sizes if size != own}))


def _train_sizes(spec: Spec, given: Sequence[int], shares: Sequence[float]) -> tuple[int, ...]:
    own = spec.data.train_size
    if not given and own is None:
        part = "data_size: {sizes: [...]}" if spec.kind == "data_size" else "double_descent: {values: [...]}"
        raise AdvisorError(
            f"kind: {spec.kind} needs {part}, numbers of training examples; or give data: {{train_size: ...}}, and "
            "parts of it are taken."
        )
    sizes = given or [round((own or 0) * share) for share in shares]
    return tuple(sorted({size for size in sizes if size != own and size >= LEAST_TRAIN_SIZE}))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def derived_arms(spec: Spec) -> dict[str, dict[str, Any]]:
    """Name -> overlay on the baseline, of every arm that the kind needs beside the baseline."""
    if spec.kind == "ablate":
        from advisor.experiments.combinations import combinations

        return {
            name: merged([spec.arms[step] for step in steps]) for name, steps in combinations(spec).items() if steps
        }
    if spec.kind == "sweep" and spec.sweep is not None:
        return {arm_for(spec.sweep.parameter, value): _swept(spec, value) for value in spec.sweep.values}
    if spec.kind == "double_descent" and (spec.double_descent or DoubleDescent()).over == "epochs":
        return {}
    if spec.kind == "bias_variance" or (spec.kind == "double_descent" and not _over_data(spec)):
        part = (spec.bias_variance or BiasVariance()) if spec.kind == "bias_variance" else spec.double_descent
        argument = (part or DoubleDescent()).argument
        return {arm_for(argument, size): {"model": {argument: size}} for size in other_sizes(spec)}
    if spec.kind in ("double_descent", "data_size"):
        arms = dict(spec.arms)
        for size in other_sizes(spec):
            smaller = {"data": {"train_size": size}}
            made = {name: smaller if own is None else merged([spec.arms[own], smaller])
                    for own, name in sized(spec, size).items()}  # fmt: skip
            for name in sorted(made.keys() & spec.arms.keys()):
                raise AdvisorError(f"Arm {name!r} has the name of one that kind: {spec.kind} makes; rename it.")
            arms |= made
        return arms
    return spec.arms


def sized(spec: Spec, size: int) -> dict[str | None, str]:
    """The arms with so many training examples: None -> that of the baseline, arm -> that of the arm."""
    return {None: arm_for("n", size), **{name: f"{name}.{arm_for('n', size)}" for name in spec.arms}}


def _over_data(spec: Spec) -> bool:
    return (spec.double_descent or DoubleDescent()).over == "train_size"


def settings_of(change: dict[str, Any]) -> dict[str, Any]:
    """What an overlay sets, by name: "lr", "techniques.mixup", "model.width"."""
    flat: dict[str, Any] = {}
    for key, value in change.items():
        flat |= {f"{key}.{name}": inner for name, inner in value.items()} if isinstance(value, dict) else {key: value}
    return flat


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
