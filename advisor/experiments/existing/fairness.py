"""What makes a comparison of existing runs unfair or blunt, each with its numbers."""

import math
import re
import statistics
from collections.abc import Iterator, Sequence

import numpy as np

from advisor.curves import FloatArray
from advisor.experiments.existing.measure import Choice
from advisor.experiments.existing.model import Side
from advisor.experiments.existing.point import Scales, falls_short
from advisor.experiments.existing.side import Run
from advisor.experiments.existing.words import Scale, moment, names, plural

_UNEQUAL = 1.05  # ratio of budgets, or of distances between evaluations, that counts as unequal
_OTHER_QUANTITY = 20  # ratio of means beyond which the two may not be the same quantity
_SMALL_SETS = 1000
_ENOUGH_DISTINCT = 4
_FOLD = re.compile(r"(?:^|[^a-z])fold[ _=-]?\d")


def warnings_on(
    a: Side, b: Side, choice: Choice, scale: Scale, *, scales: Scales, shared: Sequence[str], resolution: int | None
) -> Iterator[str]:
    """Every reason to read the result with care, the gravest first.

    Args:
        shared: runs that are on both sides.
        resolution: k where all values are multiples of 1/k, else None.
    """
    if shared:
        yield (
            f"{plural(len(shared), 'run')} of A {'is' if len(shared) == 1 else 'are'} also in B, value for value "
            f"({names(tuple(shared))}): copies, or what B changes never reached them; "
            "they pull the difference towards 0"
        )
    yield from _missing("A", a)
    yield from _missing("B", b)
    yield from _budgets(a, b)
    yield from _selection(a, b, choice, scale)
    yield from _counts(a, b)
    yield from _scales(a, b, scale, scales)
    if any(len({run.name for run in side.runs if _FOLD.search(run.name.lower())}) > 1 for side in (a, b)):
        yield (
            "the runs are named for folds: folds share training examples, and the interval is too sure of itself "
            "(Nadeau & Bengio 2003)"
        )
    if choice.measure.split == "train":
        yield "this is a training metric: it says nothing about generalization"
    if choice.measure.split == "other":
        yield f"nothing tells of which split {a.series!r} is: make sure that it is not of the training data"
    if resolution is not None:
        yield _few_examples(resolution, a, b, choice, scale)


def _few_examples(k: int, a: Side, b: Side, choice: Choice, scale: Scale) -> str:
    unit = 100.0 if scale.percent else 1.0
    means = [side.mean / unit for side in (a, b) if side.mean is not None]
    of_counts = choice.measure.metric in {"accuracy", "error"} and bool(means)
    share = statistics.fmean(means) if of_counts else 0.0
    chance = math.sqrt(max(0.0, share * (1 - share)) / k) * unit
    drawn = (
        f", and the draw of the examples is worth {scale.amount(chance)} (standard error; less in the difference where "
        "both sides use the same)"
        if chance
        else ""
    )
    return (
        f"all values are multiples of 1/{k}, so they are of about that many examples, or rounded: one example is "
        f"{scale.amount(unit / k)}{drawn}; more runs do not cure that"
    )


def _missing(letter: str, side: Side) -> Iterator[str]:
    for state, what in (
        ("diverged", "ended with a loss or metric that is no finite number"),
        ("cut off", "ended early"),
    ):
        found = [run for run in side.runs if run.state == state]
        if found:
            valued = sum(run.value is not None for run in found)
            counts = "with their values" if valued == len(found) else f"{valued} of them with a value"
            yield (
                f"{len(found)} of {plural(len(side.runs), 'run')} of {letter} {what} "
                f"({names(tuple(run.name for run in found))}): counted {counts}; find out why, for what is missing "
                "depends on how the run went"
            )
    early = [run for run in side.runs if run.state == "finished" and falls_short(run.end, run.planned)]
    if early:
        yield (
            f"{len(early)} of {plural(len(side.runs), 'run')} of {letter} ended before the step that they had planned "
            f"({names(tuple(run.name for run in early))}): stopped early by a rule, or cut off"
        )
    if side.lacking:
        yield (
            f"{plural(len(side.lacking), 'log')} of {letter} {'has' if len(side.lacking) == 1 else 'have'} no such "
            f"metric and {'was' if len(side.lacking) == 1 else 'were'} left out ({names(side.lacking)}): runs that "
            "ended before their first evaluation, or no runs"
        )
    if side.repeated:
        yield (
            f"{plural(len(side.repeated), 'log')} of {letter} repeat another one's values and count once "
            f"({names(side.repeated)}): checkpoints or copies of one run, or seeds that have no effect"
        )


def _budgets(a: Side, b: Side) -> Iterator[str]:
    unit_a, unit_b = a.runs[0].unit, b.runs[0].unit
    if unit_a != unit_b:
        yield f"A counts by {unit_a}, B by {unit_b}: whether they trained equally long cannot be told"
        return
    ends = [_median(run.end for run in side.runs) for side in (a, b)]
    # Counting may begin at 0: the last of 10 epochs is 9, and one more is no difference in budget.
    slack = 1.0 if unit_a == "epoch" else 0.0
    if _differ(ends[0], ends[1]) and abs(ends[0] - ends[1]) > slack:
        yield (
            f"unequal budgets: A ends at {moment(ends[0], unit_a)}, B at {moment(ends[1], unit_a)} (medians); the "
            "longer training may be all that differs"
        )
    every = [[run.every for run in side.runs if run.every is not None] for side in (a, b)]
    if all(every) and _differ(_median(every[0]), _median(every[1])):
        yield (
            f"A is evaluated every {plural(_median(every[0]), unit_a)}, B every {plural(_median(every[1]), unit_a)} "
            "(medians): the best of more looks is better by chance"
        )


def _selection(a: Side, b: Side, choice: Choice, scale: Scale) -> Iterator[str]:
    """What choosing each run's best epoch on the reported numbers would have added."""
    looked = [run for side in (a, b) for run in side.runs if run.rule == "last" and run.points > 1]
    if not looked or a.best_gain is None or b.best_gain is None or max(a.best_gain, b.best_gain) <= 0:
        return
    why = (
        "no validation series could select an epoch"
        if choice.measure.split == "test"
        else "these numbers cannot both select an epoch and report it"
    )
    yield (
        f"{why}, so the last one counts: reporting each run's best would flatter A by {scale.amount(a.best_gain)} and "
        f"B by {scale.amount(b.best_gain)} on average"
    )


def _counts(a: Side, b: Side) -> Iterator[str]:
    if len(a.runs) != len(b.runs):
        yield (
            f"{plural(len(a.runs), 'run')} against {len(b.runs)}: make sure that none was left away for its result, "
            "and that the side with more was not tuned longer"
        )


def _scales(a: Side, b: Side, scale: Scale, scales: Scales) -> Iterator[str]:
    if scales.mixed:
        yield (
            f"{plural(scales.percent, 'log')} in per cent and {scales.fraction} as a fraction: per cent was divided by "
            "100; check a run whose values all lie below 1"
        )
    means = [side.mean for side in (a, b) if side.mean is not None]
    if not scale.share and len(means) == 2 and min(means) > 0 and max(means) > _OTHER_QUANTITY * min(means):
        yield (
            f"the means differ {max(means) / min(means):.3g}-fold ({scale.value(means[0])} and "
            f"{scale.value(means[1])}): the two logs may not measure the same quantity"
        )


def resolution(runs: Sequence[Run], choice: Choice) -> int | None:
    """The smallest k up to 1,000 of which all logged values are multiples of 1/k; None where there is none.

    Values are looked at as fractions; rounding to four decimals is allowed for where k is small enough to tell.
    """
    parts = [
        series.y / (100.0 if series.scale == "percent" else 1.0)
        for run in runs if (series := choice.series(run)) and series.scale in {"fraction", "percent"}
    ]  # fmt: skip
    values: FloatArray = np.unique(np.concatenate(parts)) if parts else np.empty(0)
    values = values[np.isfinite(values)]
    if len(values) < _ENOUGH_DISTINCT:
        return None
    few = values[:: max(1, len(values) // 100)]
    for k in range(2, _SMALL_SETS + 1):
        tolerance = 5.1e-5 if k <= 200 else 1e-6
        if all(np.abs(part - np.round(part * k) / k).max() <= tolerance for part in (few, values)):
            return k
    return None


def _median(values: "Sequence[float] | Iterator[float]") -> float:
    return statistics.median(values)


def _differ(one: float, other: float) -> bool:
    low, high = sorted((abs(one), abs(other)))
    return high > _UNEQUAL * low and not math.isclose(low, high)
