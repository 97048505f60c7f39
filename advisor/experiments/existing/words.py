"""A comparison of existing runs in a dozen lines, and its numbers in words."""

from dataclasses import dataclass

from advisor.curves import Unit
from advisor.experiments.existing.model import Plan, RunComparison, Side
from advisor.experiments.existing.power import MEANINGFUL, MOST_RUNS

SHOWN_VALUES = 8  # of a side; the structured form has all
SHOWN_METRICS = 6
SHOWN_NAMES = 3


@dataclass(frozen=True)
class Scale:
    """How a metric's numbers are written: shares in per cent and points with two decimals, others as they are."""

    share: bool
    percent: bool = False

    def value(self, number: float) -> str:
        """ "91.32 %" or "0.2843"."""
        return f"{self._factor * number:.2f} %" if self.share else f"{number:.4g}"

    def bare(self, number: float) -> str:
        """As `value`, without the unit."""
        return self.value(number).removesuffix(" %")

    def amount(self, number: float) -> str:
        """An unsigned difference: "1.82 points" or "0.12"."""
        return f"{self._factor * abs(number):.2f} points" if self.share else f"{abs(number):.3g}"

    def change(self, number: float) -> str:
        """A signed difference: "+1.82 points" or "-0.12"."""
        return f"{self._signed(number)} points" if self.share else self._signed(number)

    def interval(self, low: float, high: float) -> str:
        """Two signed differences: "+0.41 to +3.22 points"."""
        return f"{self._signed(low)} to {self._signed(high)}{' points' if self.share else ''}"

    @property
    def _factor(self) -> float:
        return 1.0 if self.percent else 100.0

    def _signed(self, number: float) -> str:
        text = f"{self._factor * number:+.2f}" if self.share else f"{number:+.3g}"
        return text if float(text) else text.replace("-", "+")


def moment(x: float, unit: Unit) -> str:
    """ "epoch 12", "step 3000", "second 80"."""
    return f"{unit} {x:.10g}"


def names(items: tuple[str, ...]) -> str:
    """The first few names, and how many more there are."""
    more = len(items) - SHOWN_NAMES
    return ", ".join(items[:SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")


def plural(count: float, word: str) -> str:
    """ "1 run", "2 runs", "0.5 epochs"."""
    return f"{count:.10g} {word}{'' if count == 1 else 's'}"


def describe_comparison(comparison: RunComparison) -> list[str]:
    """The verdict, both sides, what was measured, the chance on new runs, the plan, and what to beware of."""
    scale = Scale(comparison.share, comparison.percent)
    lines = [comparison.sentence, _side("A", comparison.a, scale), _side("B", comparison.b, scale)]
    lines.append(_measured(comparison))
    lines += _chance(comparison)
    lines += [_plan(plan, scale, paired=comparison.method == "paired t") for plan in comparison.plans]
    lines += [f"! {warning}" for warning in comparison.warnings]
    lines += [f"note: {note}" for note in comparison.notes]
    return lines


def _side(letter: str, side: Side, scale: Scale) -> str:
    shown = [scale.bare(run.value) if run.value is not None else run.state for run in side.runs[:SHOWN_VALUES]]
    more = ", ..." if len(side.runs) > SHOWN_VALUES else ""
    mean = "no finite value" if side.mean is None else f"mean {scale.value(side.mean)}"
    spread = "" if side.sd is None else f" (sd {scale.bare(side.sd)})"
    return f"{letter}: {plural(len(side.runs), 'run')} in {side.path}, {mean}{spread}: {', '.join(shown)}{more}"


def _measured(comparison: RunComparison) -> str:
    a, b = comparison.a.series, comparison.b.series
    name = repr(a) if a == b else f"{a!r} of A and {b!r} of B"
    rules = {run.rule for run in (*comparison.a.runs, *comparison.b.runs)}
    point = {
        "selected": f"where {comparison.selected_by} is best",
        "only": "logged once a run",
        "last": "at the end of the run",
    }
    how = " or ".join(point[rule] for rule in ("selected", "only", "last") if rule in rules)
    also = comparison.also
    more = f" and {len(also) - SHOWN_METRICS} more" if len(also) > SHOWN_METRICS else ""
    others = f"; also on both sides: {', '.join(also[:SHOWN_METRICS])}{more}" if also else ""
    return f"measured: {name}, {how}{others}"


def _chance(comparison: RunComparison) -> list[str]:
    if comparison.chance_better is None or comparison.chance_interval is None:
        return []
    low, high = comparison.chance_interval
    same = f" of the same {comparison.pairing}" if comparison.method == "paired t" else ""
    counted = "" if comparison.share_better is None else f", {comparison.share_better:.0%} of those at hand"
    chance = f"{_probability(comparison.chance_better)} ({_probability(low)} to {_probability(high)}, normal theory)"
    return [
        f"a new run of B beats one of A{same} with probability {chance}{counted}; above {MEANINGFUL} is meaningful to "
        "Bouthillier et al. (2021)"
    ]


def _probability(number: float) -> str:
    return ">0.99" if number > 0.99 else "<0.01" if number < 0.01 else f"{number:.2f}"


def _plan(plan: Plan, scale: Scale, *, paired: bool) -> str:
    which = "the observed" if plan.basis == "observed" else "the minimum effect of"
    parts = []
    if plan.runs_per_side is None:
        parts.append(f"over {MOST_RUNS} runs a side unpaired")
    elif plan.more_runs is not None:
        parts.append(f"{plan.runs_per_side} runs a side unpaired ({_more(*plan.more_runs)})")
    if paired and plan.pairs is not None and plan.more_pairs is not None:
        parts.insert(0, f"{plural(plan.pairs, 'pair')} ({_more(plan.more_pairs)})")
    elif paired:
        parts.insert(0, f"over {MOST_RUNS} pairs")
    return f"to find {which} {scale.amount(plan.effect)} with power 0.8: {' or '.join(parts)}"


def _more(*counts: int) -> str:
    if not any(counts):
        return "there are enough"
    return f"{counts[0]} more" if len(set(counts)) == 1 else f"{counts[0]} more of A, {counts[1]} of B"
