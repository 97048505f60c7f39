"""From two sides and their pairs to the verdict: the difference, its interval, and when a verdict is withheld."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from advisor.curves import Direction
from advisor.experiments.existing.measure import Measure
from advisor.experiments.existing.model import Method, Plan, RunValue, Side, Verdict
from advisor.experiments.existing.pairing import Pairs
from advisor.experiments.existing.power import chance_positive, pairs_needed, runs_needed
from advisor.experiments.existing.unpaired import Difference, difference_of_means
from advisor.experiments.existing.words import Scale, plural
from advisor.experiments.statistics import compare

ALPHA = 0.05


@dataclass(frozen=True)
class Judgement:
    """What the values say. `known` is the difference where it has an interval."""

    difference: Difference | None
    verdict: Verdict
    sentence: str
    correlation: float | None
    chance: tuple[float, tuple[float, float]] | None
    plans: tuple[Plan, ...]

    @property
    def known(self) -> Difference | None:
        return self.difference if self.difference is not None and self.difference.interval is not None else None


def judge(a: Side, b: Side, pairs: Pairs, measure: Measure, scale: Scale, minimum_effect: float) -> Judgement:
    """The verdict on B against A with its sentence, the chance that B's next run is better, and the plans."""
    values = values_by_name(a.runs), values_by_name(b.runs)
    both = paired_values(*values, pairs)
    difference = estimate(*values, pairs)
    verdict = verdict_on(difference, measure.direction, minimum_effect)
    reason = withheld(verdict, a, b, pairs, measure.direction, minimum_effect)
    shown: Verdict = "undecided" if reason else verdict
    sizes = a.n, b.n
    basis = _basis("none" if difference is None else difference.method, sizes, len(both), pairs.how)
    known = difference if difference is not None and difference.interval is not None else None
    return Judgement(
        difference=difference,
        verdict=shown,
        sentence=_sentence(difference, shown, reason, title=measure.title, scale=scale, sizes=sizes, basis=basis,
                           minimum_effect=minimum_effect),
        correlation=_correlation(both),
        chance=None if known is None else _chance(known, higher_is_better=measure.direction == "max"),
        plans=() if known is None else plan_runs(known, minimum_effect, sizes, (a.sd, b.sd), len(both)),
    )  # fmt: skip


def _chance(difference: Difference, *, higher_is_better: bool) -> tuple[float, tuple[float, float]]:
    gain = difference.value if higher_is_better else -difference.value
    return chance_positive(gain, difference.standard_error, difference.degrees, difference.new_sd, alpha=ALPHA)


def _correlation(both: Sequence[tuple[float, float]]) -> float | None:
    """Of the paired values; None for fewer than three pairs or where a side does not vary."""
    table = np.array(both)
    if len(both) < 3 or not all(np.ptp(table, axis=0) > 1e-12 * np.abs(table).max()):
        return None
    return float(np.corrcoef(table.T)[0, 1])


def values_by_name(runs: Sequence[RunValue]) -> dict[str, float]:
    """The finite values."""
    return {run.name: run.value for run in runs if run.value is not None}


def paired_values(a: Mapping[str, float], b: Mapping[str, float], pairs: Pairs) -> list[tuple[float, float]]:
    """The values of the pairs in which both runs have one."""
    return [(a[one], b[other]) for one, other in pairs.names if one in a and other in b]


def estimate(a: Mapping[str, float], b: Mapping[str, float], pairs: Pairs) -> Difference | None:
    """B minus A, paired where at least two pairs have both values; None where a side has no value."""
    both = paired_values(a, b, pairs)
    if len(both) >= 2:
        differences = [other - one for one, other in both]
        found = compare(differences, metric="difference", alpha=ALPHA)
        value = float(np.mean(differences))
        if found.interval is None or found.sd is None:
            return Difference("paired t", value, 0.0, 0.0, 0.0)
        error = found.sd / math.sqrt(len(both))
        return Difference("paired t", value, error, len(both) - 1, found.sd, found.interval, found.p_value)
    return difference_of_means(list(a.values()), list(b.values()), alpha=ALPHA) if a and b else None


def verdict_on(difference: Difference | None, direction: Direction, minimum_effect: float) -> Verdict:
    """What the interval says: inside the minimum effect wins over the sign."""
    if difference is None or difference.interval is None:
        return "undecided"
    low, high = difference.interval
    if -minimum_effect <= low and high <= minimum_effect:
        return "equivalent"
    if low > 0 or high < 0:
        return "better" if (low > 0) == (direction == "max") else "worse"
    return "undecided"


def withheld(verdict: Verdict, a: Side, b: Side, pairs: Pairs, direction: Direction, minimum_effect: float) -> str:
    """Why the verdict must not stand although the interval gives it; empty where it may.

    Runs without a value are missing because of how they went: what is left is a selection. Runs that were cut off or
    broke down late have a value, and the verdict must not hang on whether it counts.
    """
    if verdict == "undecided":
        return ""
    lost_a, lost_b = len(a.runs) - a.n, len(b.runs) - b.n
    share_a, share_b = lost_a / len(a.runs), lost_b / len(b.runs)
    against = {"better": share_b > share_a, "worse": share_a > share_b, "equivalent": share_a != share_b}
    if against[verdict]:
        return (
            f"{lost_a} of A's {plural(len(a.runs), 'run')} and {lost_b} of B's {len(b.runs)} ended without a value, "
            "so what is left is a selection"
        )
    whole = [values_by_name([run for run in side.runs if run.state == "finished"]) for side in (a, b)]
    if verdict_on(estimate(whole[0], whole[1], pairs), direction, minimum_effect) != verdict:
        return "without the runs that were cut off or diverged, the verdict would be another"
    return ""


def _sentence(
    difference: Difference | None,
    verdict: Verdict,
    reason: str,
    *,
    title: str,
    scale: Scale,
    sizes: tuple[int, int],
    basis: str,
    minimum_effect: float,
) -> str:
    if difference is None:
        return f"Undecided: no run of {'B' if sizes[0] else 'A'} has a finite {title}."
    stated = f"{title} {scale.change(difference.value)}"
    if difference.method == "none":
        return (
            f"Undecided: {stated}, but one run each decides nothing: how much runs differ by chance is unknown; train "
            "both again with the same other seeds."
        )
    if difference.interval is None:
        return f"Undecided: {stated} ({basis}), and no spread to judge by."
    stated += f" (95 % interval {scale.interval(*difference.interval)}; {basis})"
    if reason:
        return f"Undecided: {stated}, but {reason}."
    if verdict == "equivalent":
        return f"Equivalent: {stated}; the interval lies inside the minimum effect of {scale.amount(minimum_effect)}."
    return f"{verdict.capitalize()}: {stated}{'; the interval holds 0' if verdict == 'undecided' else ''}."


def _basis(method: Method, sizes: tuple[int, int], pairs: int, how: str) -> str:
    runs = f"{sizes[0]} against {plural(sizes[1], 'run')}"
    if method == "paired t":
        return f"{plural(pairs, 'pair')} by {how}"
    if method == "pooled t":
        return f"{runs}, assuming that both sides scatter as {'A' if sizes[0] > 1 else 'B'}'s runs do"
    return f"{runs}, unpaired"


def plan_runs(
    difference: Difference, minimum_effect: float, sizes: tuple[int, int], sds: tuple[float | None, float | None],
    pairs: int,
) -> tuple[Plan, ...]:  # fmt: skip
    """How many runs would find the observed and the minimum effect; empty where no spread is known.

    A side of one run is taken to scatter as the other does.
    """
    known = [sd for sd in sds if sd is not None]
    if difference.interval is None or not any(known):
        return ()
    sd_a, sd_b = (sd if sd is not None else known[0] for sd in sds)
    plans = []
    for effect in dict.fromkeys((abs(difference.value), minimum_effect)):
        if effect <= 0:
            continue
        needed = pairs_needed(effect, difference.new_sd) if difference.method == "paired t" else None
        each = runs_needed(effect, sd_a, sd_b)
        more = None if each is None else (max(0, each - sizes[0]), max(0, each - sizes[1]))
        plans.append(
            Plan(
                basis="minimum" if effect == minimum_effect else "observed",
                effect=effect,
                pairs=needed,
                more_pairs=None if needed is None else max(0, needed - pairs),
                runs_per_side=each,
                more_runs=more,
            )
        )
    return tuple(plans)


def share_better(a: Side, b: Side, pairs: Pairs, direction: Direction) -> float:
    """The share of pairs, or of all combinations, in which B's run is better. A run without a value loses."""
    sign = 1.0 if direction == "max" else -1.0
    scores = [{run.name: -math.inf if run.value is None else sign * run.value for run in side.runs} for side in (a, b)]
    meetings = (
        [(scores[0][one], scores[1][other]) for one, other in pairs.names]
        if pairs.names
        else [(one, other) for one in scores[0].values() for other in scores[1].values()]
    )
    return float(np.mean([1.0 if other > one else 0.5 if other == one else 0.0 for one, other in meetings]))
