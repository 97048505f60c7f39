"""The exhibit of double descent: test and train values over the size of the model, the epochs or the training split."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from advisor.curves import FloatArray
from advisor.experiments.double_descent import NOUN, DoubleDescent
from advisor.experiments.evidence import Evidence, RunResult
from advisor.experiments.findings import SCORES
from advisor.experiments.kinds import DoubleDescent as Chosen
from advisor.experiments.kinds import own_size
from advisor.experiments.spec import Spec
from advisor.report import words
from advisor.report.axis import Lines, drawable, size_axis, value_limits, wrapped
from advisor.report.exhibit import Exhibit, Table, table
from advisor.report.picture import COLOURS, LINE, WIDTH, canvas, clean, place, write
from advisor.words import metric_title, value

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEFT, RIGHT, BELOW, GAP = 0.6, 0.2, 0.55, 0.32  # inches
TEST, TRAIN = 2.1, 1.1
MOST_BLOCKS = 40  # drawn as lines of their own


@dataclass(frozen=True)
class Measured:
    """Values by size and block, (sizes, blocks), the lower the better; NaN where a run is missing."""

    split: str
    name: str
    share: bool
    values: FloatArray

    def means(self) -> FloatArray:
        """(sizes,) of the blocks that have a finite value; NaN where none has."""
        finite = np.isfinite(self.values)
        total = np.where(finite, self.values, 0.0).sum(axis=1)
        return np.where(finite.any(axis=1), total / np.maximum(finite.sum(axis=1), 1), np.nan)


def descent_exhibit(evidence: Evidence, found: DoubleDescent) -> Exhibit:
    """Two panels above one another, for test and train values have different units and ranges."""
    noun = _noun(evidence, found)
    test, train = measured(evidence, found)
    noise = words.size(found.detectable, "accuracy" if test.share else "loss")
    marks = _marks(found, noun)
    said = "; ".join(
        f"{noun} {words.position(size)}: {_value(mean, test)}"
        for size, mean in zip(found.sizes, test.means().tolist(), strict=True)
    )
    return Exhibit(
        heading=f"{words.capital(test.split)} and training {test.name} by {noun}",
        title=f"{words.capital(test.split)} {test.name} over {noun}, {found.shape.replace('_', ' ')}. {said}. "
        + ". ".join(text for text, _ in marks),
        build=lambda: _figure(found, test, train, noun, marks),
        caption=f"Thick lines are means, thin ones the {found.blocks} blocks. A double descent would be a fall, a peak "
        "near the place from which the training data are fitted, and a second fall; a difference between two sizes "
        f"below about {noise} would count as noise. Below the dotted line the training data count as fitted.",
        table=_table(evidence, found, test, train, noun),
    )


def measured(evidence: Evidence, found: DoubleDescent) -> tuple[Measured, Measured]:
    """The test and train values of the sizes that were judged."""
    spec, runs = evidence.spec, evidence.results.runs
    metric = evidence.results.metric
    flip = metric in SCORES
    known = {(run.arm, run.block): run for run in runs}
    blocks = sorted({run.block for run in runs})
    if found.axis == "epochs":
        rows = [known["baseline", block].rows for block in blocks if ("baseline", block) in known]
        table_ = np.array(
            [[_pair(row[int(size) - 1], flip=flip) if len(row) >= size else (np.nan, np.nan) for row in rows]
             for size in found.sizes]
        )  # fmt: skip
        name = _lower(metric)
        return (Measured("validation", name, flip, table_[..., 0]), Measured("training", name, flip, table_[..., 1]))
    arms = {_size(evidence, arm): arm for arm in ("baseline", *(spec.arm_names if isinstance(spec, Spec) else ()))}
    of_train = "accuracy" if any("accuracy" in run.train for run in runs) else metric

    def read(split: str, of: str) -> FloatArray:
        return np.array([[_read(known.get((arms.get(size, ""), block)), split, of) for block in blocks]
                         for size in found.sizes])  # fmt: skip

    return (
        Measured("test", _lower(metric), flip, read("test", metric)),
        Measured("training", _lower(of_train), of_train in SCORES, read("train", of_train)),
    )


def _pair(row: object, *, flip: bool) -> tuple[float, float]:
    values = [getattr(row, name) for name in ("validation_metric", "train_metric")]
    first, second = (np.nan if number is None else float(number) for number in values)
    return (1 - first, 1 - second) if flip else (first, second)


def _read(run: RunResult | None, split: str, metric: str) -> float:
    if run is None:
        return float("nan")
    found: float = (run.test if split == "test" else run.train).get(metric, float("nan"))
    return 1 - found if metric in SCORES else found


def _size(evidence: Evidence, arm: str) -> float:
    spec = evidence.spec
    assert isinstance(spec, Spec)
    chosen = spec.double_descent or Chosen()
    if chosen.over == "train_size":
        return float(evidence.results.sizes["train"] if arm == "baseline" else spec.data_of(arm).train_size or 0)
    if arm == "baseline":
        return own_size(spec, chosen.argument)
    return float(spec.model_of(arm).arguments[chosen.argument])


def _lower(metric: str) -> str:
    if metric == "accuracy":
        return "error"
    return f"1 - {metric_title(metric)}" if metric in SCORES else metric_title(metric)


def _noun(evidence: Evidence, found: DoubleDescent) -> str:
    spec = evidence.spec
    if found.axis == "width" and isinstance(spec, Spec):
        return clean((spec.double_descent or Chosen()).argument.replace("_", " "), 30)
    return NOUN[found.axis]


def _marks(found: DoubleDescent, noun: str) -> Lines:
    lines: Lines = []
    if found.peak is not None:
        low, high = found.peak.interval
        between = f" ({words.position(low)} to {words.position(high)})"
        lines.append((f"│ peak at {noun} {words.position(found.peak.at)}{between}", "alarm"))
    fitted = found.interpolation
    if fitted.at is not None:
        side = "up to" if found.axis == "training_size" else "from"
        lines.append((f"┊ training data fitted {side} {noun} {words.position(fitted.at)}", "validation"))
    if found.user_size is not None:
        lines.append((f"▲ yours: {noun} {words.position(found.user_size)}", "ink"))
    return lines


def _figure(found: DoubleDescent, test: Measured, train: Measured, noun: str, marks: Lines) -> "Figure":
    above = wrapped(marks)
    top = 0.3 + LINE * len(above)
    figure = canvas(top + TEST + GAP + TRAIN + BELOW)
    write(figure, above)
    upper = place(figure, left=LEFT, right=RIGHT, top=top, bottom=BELOW + TRAIN + GAP)
    lower = place(figure, left=LEFT, right=RIGHT, top=top + TEST + GAP, bottom=BELOW)
    for axes, series, role in ((upper, test, "line-1"), (lower, train, "line-2")):
        _panel(axes, found, series, role, noun)
    left, right = upper.get_xlim()
    if found.user_size is not None and left <= found.user_size <= right:
        upper.plot([found.user_size], [0.03], marker="^", markersize=7, color=COLOURS["ink"], zorder=6,
                   transform=upper.get_xaxis_transform())  # fmt: skip
    upper.set_xlabel("")
    upper.tick_params(labelbottom=False)
    lower.axhline(found.interpolation.threshold * (100 if train.share else 1), color=COLOURS["muted"], linewidth=0.9,
                  linestyle=(0, (1, 2)), zorder=2)  # fmt: skip
    return figure


def _panel(axes: "Axes", found: DoubleDescent, series: Measured, role: str, noun: str) -> None:
    from matplotlib.ticker import MaxNLocator

    scale = 100.0 if series.share else 1.0
    sizes = np.array(found.sizes)
    size_axis(axes, [*found.sizes], noun, inches=WIDTH - LEFT - RIGHT)
    left, right = axes.get_xlim()
    means = series.means() * scale
    axes.set_ylim(*value_limits(drawable((series.values * scale).ravel()), drawable(means)))
    for block in range(min(series.values.shape[1], MOST_BLOCKS)):
        one = series.values[:, block] * scale
        seen = np.isfinite(one)
        axes.plot(sizes[seen], np.clip(one[seen], -1e12, 1e12), color=COLOURS[role], linewidth=0.8, alpha=0.35,
                  zorder=3)  # fmt: skip
    seen = np.isfinite(means)
    axes.plot(sizes[seen], means[seen], color=COLOURS[role], linewidth=1.9, marker="o", markersize=3.5, zorder=4)
    if found.peak is not None:
        axes.axvspan(*np.clip(found.peak.interval, left, right), color=COLOURS["alarm"], alpha=0.12, linewidth=0)
        axes.axvline(found.peak.at, color=COLOURS["alarm"], linewidth=1.1, zorder=2)
    if found.interpolation.at is not None:
        axes.axvline(found.interpolation.at, color=COLOURS["validation"], linewidth=1.1, linestyle="--", zorder=2)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    unit = " (%)" if series.share else ""
    axes.text(-LEFT / (WIDTH - LEFT - RIGHT) + 0.014, 1.03, f"{series.split} {series.name}{unit}",
              transform=axes.transAxes, color=COLOURS["muted"], parse_math=False)  # fmt: skip


def _table(evidence: Evidence, found: DoubleDescent, test: Measured, train: Measured, noun: str) -> Table:
    rows: list[tuple[str, ...]] = []
    fitted = np.isfinite(train.values) & (train.values <= found.interpolation.threshold)
    for index, size in enumerate(found.sizes):
        mark = []
        if found.peak is not None and size == found.peak.at:
            mark.append("peak")
        if size == found.interpolation.at:
            mark.append("fitted")
        if size == found.user_size:
            mark.append("yours")
        if size == found.cheapest_as_good:
            mark.append("cheapest as good")
        cells = [f"{_value(mean, series)} ({_spread(series.values[index], series)})"
                 for series, mean in ((test, test.means()[index]), (train, train.means()[index]))]  # fmt: skip
        blocks = f"{int(fitted[index].sum())} of {test.values.shape[1]}"
        rows.append((words.position(size), *cells, blocks, ", ".join(mark)))
    return table(
        f"By {noun}", (words.capital(noun), False),
        (f"{words.capital(test.split)} {test.name} (standard deviation)", True),
        (f"Training {train.name} (standard deviation)", True), ("Blocks that fit", True), ("Mark", False), rows=rows,
    )  # fmt: skip


def _spread(values: FloatArray, series: Measured) -> str:
    kept = values[np.isfinite(values)]
    return _value(float(kept.std(ddof=1)), series) if len(kept) > 1 else "none"


def _value(number: float, series: Measured) -> str:
    if not np.isfinite(number):
        return words.NOT_FINITE
    return value(number, "accuracy" if series.share else "loss")
