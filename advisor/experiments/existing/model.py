"""The answer to "is B better than A?" for runs that already exist, with every run's value beside it."""

from typing import Literal

from advisor.contract import Contract, Frozen
from advisor.curves import Direction, Split, Unit

Verdict = Literal["better", "worse", "equivalent", "undecided"]
State = Literal["finished", "cut off", "diverged"]
Rule = Literal["selected", "only", "last"]
Method = Literal["paired t", "Welch t", "pooled t", "none"]
Pairing = Literal["seed", "name", "none"]


class RunValue(Frozen):
    """One run in one number. `value` is None where the log holds no finite number at that point."""

    name: str  # the log's path below the given one
    seed: int | None  # where the log or its path tells
    value: float | None
    rule: Rule  # at the epoch that validation selects, the only value there is, or the last
    at: float  # x of the value
    end: float  # the last x of the run
    planned: float | None  # the x that it was to reach, where the log tells
    unit: Unit
    points: int  # how often the metric was logged
    every: float | None  # median distance in x between two of these
    best_gain: float  # by how much the best point of the same series is better than `value`; never negative
    state: State


class Side(Frozen):
    """The runs of one side. `mean` and `sd` are over its finite values."""

    path: str
    series: str  # what the side's logs call the metric
    runs: tuple[RunValue, ...]
    n: int  # runs with a value
    mean: float | None
    sd: float | None
    best_gain: float | None  # mean over the runs with a value
    lacking: tuple[str, ...] = ()  # logs without the metric, left out
    repeated: tuple[str, ...] = ()  # logs that repeat another one's values, left out


class Plan(Frozen):
    """How many runs find an effect with power 0.8 at a two-sided 5 %. None: over 1,000, or unknown without pairs."""

    basis: Literal["observed", "minimum"]
    effect: float  # above 0, in the metric's unit
    pairs: int | None
    more_pairs: int | None
    runs_per_side: int | None
    more_runs: tuple[int, int] | None  # for A and for B


class RunComparison(Contract):
    """B against A on one metric; differences are B minus A. The interval printed is the one that decides."""

    kind: Literal["compare"] = "compare"
    metric: str
    split: Split
    direction: Direction
    share: bool  # shown in per cent
    percent: bool  # logged as 91.3, not as 0.913
    selected_by: str | None  # the validation metric that selects the epoch of a test value
    also: tuple[str, ...]  # the other metrics that both sides have
    a: Side
    b: Side
    pairing: Pairing
    pairs: tuple[tuple[str, str], ...]  # names of runs of A and B
    method: Method
    difference: float | None
    interval: tuple[float, float] | None
    level: float
    p_value: float | None
    correlation: float | None  # of the pairs
    minimum_effect: float
    verdict: Verdict
    sentence: str
    chance_better: float | None  # that a new run of B beats a new run of A; normal theory
    chance_interval: tuple[float, float] | None
    share_better: float | None  # of the pairs or combinations at hand; a run without a value loses, ties count half
    plans: tuple[Plan, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
