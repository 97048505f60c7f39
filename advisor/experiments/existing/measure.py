"""Which metric two sets of runs are compared on, and which one selects the epoch."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from advisor.curves import Direction, Series, Split
from advisor.errors import AdvisorError, nearest
from advisor.experiments.existing.side import Run
from advisor.readers.meaning import meaning_of, tokens
from advisor.words import metric_title

_SPLITS: tuple[Split, ...] = ("test", "validation", "other", "train")
_LOSSES = frozenset({"nll", "cross_entropy", "perplexity"})


@dataclass(frozen=True)
class Measure:
    """A metric of a split, whatever a log calls it. `name`, where given, decides between series of one meaning."""

    split: Split
    metric: str
    direction: Direction

    @property
    def title(self) -> str:
        """ "test accuracy"; the metric alone where its split is unknown."""
        return metric_title(self.metric) if self.split == "other" else f"{self.split} {metric_title(self.metric)}"

    @property
    def rank(self) -> tuple[int, int]:
        """Test before validation; accuracy, then other scores, then errors, then losses, which differ in their terms
        from recipe to recipe."""
        loss = "loss" in self.metric or self.metric in _LOSSES
        kind = 0 if self.metric == "accuracy" else 1 if self.direction == "max" else 3 if loss else 2
        return _SPLITS.index(self.split), kind


@dataclass(frozen=True)
class Choice:
    """The metric of the comparison, the validation metric that selects (if any), and the others of both sides."""

    measure: Measure
    selector: Measure | None
    also: tuple[Measure, ...]
    name: str | None = None  # as the user gave it

    def series(self, run: Run) -> Series | None:
        """The run's series of the metric, or None."""
        named = [item for item in run.measured if self.name and _called(item, self.name)]
        return named[0] if named else find(run, self.measure)


def find(run: Run, measure: Measure) -> Series | None:
    """The run's series of this meaning: a mean over the epoch before single batches, then the order of the log."""
    fitting = [item for item in run.measured if _measure(item) == measure]
    return min(fitting, key=lambda item: item.aggregation != "interval_mean", default=None)


def choose(a: Sequence[Run], b: Sequence[Run], name: str | None = None) -> Choice:
    """The metric called `name`, or the first by rank of those that both sides log.

    Raises:
        AdvisorError: a side lacks it, or both share no test or validation metric; the message lists what they have.
    """
    counts = _counts(a), _counts(b)
    both = sorted((item for item in counts[0] if item in counts[1]), key=lambda item: item.rank)
    held_out = [item for item in both if item.split != "train"]
    if name is not None:
        measure = _named(name, a, b, both)
    elif held_out:
        # A metric that few runs have is of little use; which one leads must not hang on one odd file.
        cover = {item: min(counts[0][item] / len(a), counts[1][item] / len(b)) for item in held_out}
        most = max(cover.values())
        measure = next(item for item in held_out if cover[item] >= most / 2)
    else:
        raise AdvisorError(
            f"A and B share no test or validation metric; {_has('A', a)}; {_has('B', b)}; "
            "log one on both sides, or name a metric of both with --metric."
        )
    selectors = [item for item in both if item.split == "validation"] if measure.split == "test" else []
    selector = min(selectors, key=lambda item: (item.metric != measure.metric, -item.rank[1]), default=None)
    also = tuple(item for item in both if item != measure)
    return Choice(measure, selector, also, name)


def _named(name: str, a: Sequence[Run], b: Sequence[Run], both: Sequence[Measure]) -> Measure:
    exact = {_measure(item) for run in (*a, *b) for item in run.measured if _called(item, name)}
    meaning = meaning_of(name)
    fitting = [item for item in both if item in exact] or [
        item for item in both
        if item.metric == meaning.metric and meaning.split in {None, item.split} and not exact
    ]  # fmt: skip
    if fitting:
        return fitting[0]
    sides = [
        letter for letter, side in (("A", a), ("B", b))
        if not any(_measure(item) in exact for run in side for item in run.measured)
    ]  # fmt: skip
    lacking = " and ".join(sides) if sides else "A or B"
    raise AdvisorError(
        f"{lacking} {'have' if len(sides) > 1 else 'has'} no metric {name!r}; {_has('A', a, name)}; "
        f"{_has('B', b, name)}; name one that both have."
    )


def _has(letter: str, runs: Sequence[Run], name: str = "") -> str:
    names = {item.name for run in runs for item in run.measured}
    return f"{letter} has {', '.join(nearest(name, names)[:12]) or 'no metric at all'}"


def _counts(runs: Sequence[Run]) -> Counter[Measure]:
    # In the order of the logs, so that ties in rank are settled by it.
    return Counter(item for run in runs for item in dict.fromkeys(_measure(series) for series in run.measured))


def _measure(series: Series) -> Measure:
    return Measure(series.split, series.metric, series.direction)


def _called(series: Series, name: str) -> bool:
    return series.name == name or tokens(series.name) == tokens(name)
