"""Curves: what a training log says, as series by split and metric, with units and directions."""

import math
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainSerializer, PlainValidator, model_validator

from advisor.contract import Contract, Frozen, spell_number
from advisor.errors import AdvisorError, unknown

FloatArray = NDArray[np.float64]
Split = Literal["train", "validation", "test", "other"]
Direction = Literal["min", "max"]
Unit = Literal["step", "epoch", "second"]
Role = Literal["objective", "metric", "schedule", "diagnostic"]


def _to_array(value: Any) -> FloatArray:
    # None stands for a value that was logged but is not a number.
    cleaned = [math.nan if item is None else item for item in value] if not isinstance(value, np.ndarray) else value
    array = np.array(cleaned, dtype=np.float64)  # a copy: nobody else can write to it
    if array.ndim != 1:
        raise ValueError(f"expected one dimension but got shape {array.shape}")
    array.flags.writeable = False
    return array


def _to_list(array: FloatArray) -> list[float | str]:
    return [spell_number(value) for value in array.tolist()]


Array = Annotated[FloatArray, PlainValidator(_to_array), PlainSerializer(_to_list, when_used="json")]


class Series(Frozen):
    """One logged quantity. `x` and `y` are read-only float64 arrays of equal length.

    `y` may hold NaN or infinity: those are findings, not parse failures. A missing point is absent.
    """

    name: str
    split: Split
    metric: str
    direction: Direction
    unit: Unit = "epoch"
    role: Role = "metric"
    aggregation: Literal["point", "interval_mean", "running_mean", "smoothed", "unknown"] = "unknown"
    mode: Literal["train", "eval", "unknown"] = "unknown"
    scale: Literal["raw", "fraction", "percent", "log"] = "raw"
    x: Array
    y: Array

    @model_validator(mode="after")
    def _check(self) -> "Series":
        if len(self.x) != len(self.y):
            raise ValueError(
                f"series {self.name!r} has {len(self.x)} x values but {len(self.y)} y values; give one x for each y"
            )
        if not np.isfinite(self.x).all():
            raise ValueError(f"series {self.name!r} has x values that are not finite; number its points instead")
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Series) and self.model_dump(mode="json") == other.model_dump(mode="json")

    def __hash__(self) -> int:
        return hash((self.name, self.split, self.metric, self.x.tobytes(), self.y.tobytes()))

    def __len__(self) -> int:
        return len(self.y)


class Segment(Frozen):
    """A part of a run between restarts, from x `start` to x `end`.

    `replaced` holds the points that a resumed run logged a second time: they are left out of the run's series.
    """

    start: float
    end: float
    kind: Literal["restart", "resume"]
    replaced: tuple[Series, ...] = ()


class Curves(Contract):
    """Everything that one training run logged."""

    source: str
    name: str
    series: tuple[Series, ...]
    segments: tuple[Segment, ...] = ()
    planned: float | None = None  # the x at which the run was meant to end, where the log tells
    notes: tuple[str, ...] = ()

    @classmethod
    def from_losses(
        cls,
        train: Iterable[float | None] | None = None,
        validation: Iterable[float | None] | None = None,
        *,
        name: str = "losses",
        unit: Unit = "epoch",
    ) -> "Curves":
        """Curves from plain lists of losses; x counts 0, 1, 2, ... and None counts as non-finite.

        Raises:
            AdvisorError: both lists are missing or empty, or their lengths differ.
        """
        series = []
        splits: list[tuple[Split, list[float | None]]] = [
            ("train", [] if train is None else list(train)),
            ("validation", [] if validation is None else list(validation)),
        ]
        lengths = {len(values) for _, values in splits if values}
        if len(lengths) > 1:
            raise AdvisorError(
                f"train has {len(splits[0][1])} values but validation has {len(splits[1][1])}, so it is unknown which "
                "belong together; put null where a value is missing, or give a log file with an axis."
            )
        for split, y in splits:
            if y:
                x = np.arange(len(y), dtype=np.float64)
                series.append(
                    Series(name=f"{split}_loss", split=split, metric="loss", direction="min", unit=unit,
                           role="objective", x=x, y=np.array([math.nan if v is None else v for v in y]))
                )  # fmt: skip
        if not series:
            raise AdvisorError("No losses were given: both lists are empty; give at least one list of numbers.")
        return cls(source="memory", name=name, series=tuple(series))

    def find(self, name: str) -> Series:
        """The series called `name`.

        Raises:
            AdvisorError: there is none; the message offers the nearest names.
        """
        for series in self.series:
            if series.name == name:
                return series
        raise unknown("series", name, [series.name for series in self.series])

    def pair(self, train: str | None = None, validation: str | None = None) -> tuple[Series | None, Series | None]:
        """The two series that diagnosis compares, either of them None where the log has none.

        The same metric on both sides wins over different ones, losses over other metrics, a series with enough points
        over a handful, means over an epoch over single batches, validation over test, then the order of the log.
        `train` and `validation` name a series and override the choice.
        """
        chosen_train = self.find(train) if train else None
        chosen_validation = self.find(validation) if validation else None
        trains = [chosen_train] if chosen_train else self._candidates("train")
        validations = [chosen_validation] if chosen_validation else self._candidates("validation", "test")
        pairs = [
            (_rank(a) + _rank(b) + (20 if a.metric == b.metric else 0), _detail(a), -i - j, a, b)
            for i, a in enumerate(trains)
            for j, b in enumerate(validations)
            if a.direction == b.direction or (train and validation)
        ]
        if pairs:
            best = max(pairs, key=lambda item: item[:3])
            return best[3], best[4]
        first_train = max(trains, key=lambda series: (_rank(series), _detail(series)), default=None)
        first_validation = max(validations, key=_rank, default=None)
        # Opposite directions cannot be compared: the objective is the more useful of the two.
        if first_train and first_validation and not chosen_train and not chosen_validation:
            return (first_train, None) if _rank(first_train) > _rank(first_validation) else (None, first_validation)
        return first_train, first_validation

    def companion(self, series: Series, direction: Direction) -> Series | None:
        """A series of the same split that is better in `direction`: the accuracy beside a loss, say."""
        for other in self._candidates(series.split):
            if other.direction == direction and other.name != series.name:
                return other
        return None

    def _candidates(self, *splits: Split) -> list[Series]:
        order: Sequence[Split] = splits
        usable = [s for s in self.series if s.split in order and s.role in {"objective", "metric"} and len(s)]
        return sorted(usable, key=lambda s: order.index(s.split))


def _rank(series: Series) -> int:
    """How much a series is what a training minimizes: the loss itself, then a named loss, then other metrics."""
    named_loss = series.metric.endswith("loss") or series.metric.startswith("loss")
    whole = not any(letter.isdigit() for letter in series.metric)
    return (
        (4 if series.role == "objective" else 0)
        + (2 if series.metric == "loss" else 0)
        + (1 if named_loss else 0)
        + (1 if series.metric.endswith("loss") and whole else 0)
    )


def _detail(series: Series) -> int:
    """Which of two logs of one quantity shows a trend better: enough points first, then means over an epoch."""
    return (2 if len(series) >= 5 else 0) + (1 if series.aggregation == "interval_mean" else 0)
