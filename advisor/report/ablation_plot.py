"""The exhibits of an ablation: what each step brings alone and in the recipe, or averaged over the others' settings."""

from typing import TYPE_CHECKING

from advisor.experiments.ablation import Ablation, Contrast, StepEvidence
from advisor.experiments.evidence import Evidence, Results
from advisor.experiments.factorial import Effect, Factorial
from advisor.report import words
from advisor.report.axis import Lines, too_small
from advisor.report.exhibit import Exhibit, Table, table
from advisor.report.picture import clean
from advisor.report.rows import MOST_ROWS, Bar, Row, rows_figure
from advisor.words import change, interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROLES = {
    "carries": "helps", "synergy": "helps", "harmful": "hurts", "redundancy": "hurts", "redundant": "equivalent",
    "negligible": "equivalent", "undecided": "undecided",
}  # fmt: skip


def deciding(contrast: Contrast, margin: float) -> tuple[tuple[float, float] | None, float]:
    """The interval that the contrast's verdict rests on, and its level; the one that its sentence states."""
    if contrast.decided and not contrast.within(margin):
        return contrast.interval, contrast.level
    return contrast.simultaneous, contrast.simultaneous_level


def ablation_exhibit(evidence: Evidence, found: Ablation) -> Exhibit:
    """Two bars a step: what it adds to the baseline alone, and what the recipe loses without it."""
    results, margin = evidence.results, found.minimum_effect
    steps = found.steps[:MOST_ROWS]

    def row(step: StepEvidence) -> Row:
        bars = (_bar(step.alone, margin, "o"), _bar(step.missed, margin, "D"))
        return Row(step.step, step.verdict, ROLES[step.verdict], bars)

    rows = [_gain(found.gain, results), *map(row, steps)]
    above: Lines = [
        (f"change of {results.measured}{words.in_unit(results.metric)}", "ink"),
        ("● alone, on top of the baseline", "muted"),
        ("◆ missed when left out: recipe minus recipe without it", "muted"),
        *too_small(results.minimum_effect, results.metric),
    ]
    said = "; ".join(
        f"{clean(step.step, 40)} {step.verdict}: alone {change(step.alone.mean, found.metric)}, missed when left out "
        f"{change(step.missed.mean, found.metric)}"
        for step in found.steps
    )
    return Exhibit(
        heading="What each step brings",
        title=f"What each step of the recipe does to {results.measured}. The whole recipe: "
        f"{change(found.gain.mean, found.metric)}. {said}",
        build=lambda: _figure(above, rows, results),
        caption="Read each step twice: how far its dot lies from zero is what it brings alone, its diamond what the "
        "recipe owes to it. Where the dot is large and the diamond small, other steps do its work. Bars are the "
        "intervals that decided; those of all steps hold together.",
        table=_ablation_table(found),
    )


def _ablation_table(found: Ablation) -> Table:
    margin = found.minimum_effect
    shares = any(step.share_missed is not None for step in found.steps)
    averaged = any(step.shapley is not None for step in found.steps)
    whole = _stated(found.gain, found.metric, 0.0)
    rows: list[tuple[str, ...]] = [("whole recipe", "", whole, *[""] * averaged, *["100 %"] * shares, "")]
    for step in found.steps:
        mean = change(step.shapley.mean, found.metric) if step.shapley else "none"
        share = f"{100 * step.share_missed:.0f} %" if step.share_missed is not None else "none"
        both = [_stated(contrast, found.metric, margin) for contrast in (step.alone, step.missed)]
        rows.append((step.step, *both, *[mean] * averaged, *[share] * shares, step.verdict))
    columns = [("Step", False), ("Alone (interval, level)", True), ("Missed when left out (interval, level)", True)]
    columns += [("Mean over all orders", True)] * averaged + [("Share of the gain, when left out", True)] * shares
    return table("What each step brings", *columns, ("Verdict", False), rows=rows)


def factorial_exhibit(evidence: Evidence, found: Factorial) -> Exhibit:
    """Main effects and pairs, the largest of them where there are many."""
    results = evidence.results
    effects = [*found.main, *found.pairs]
    room = MOST_ROWS - (found.gain is not None)
    largest = sorted(effects, key=lambda effect: (len(effect.term.steps), -abs(effect.contrast.mean)))[:room]
    shown = [effect for effect in effects if effect in largest]
    rows = [_gain(found.gain, results)] if found.gain is not None else []
    rows += [_effect_row(effect, found) for effect in shown]
    above: Lines = [
        (f"change of {results.measured}{words.in_unit(results.metric)}", "ink"),
        ("◆ a step, averaged over the others' settings", "muted"),
    ]
    above += [("■ a pair: what both do beyond their sum, halved", "muted")] if found.pairs else []
    above += too_small(results.minimum_effect, results.metric)
    left_out = len(effects) - len(shown)
    hidden = f" The {left_out} smallest pairs are in the table alone." if left_out else ""
    said = "; ".join(
        f"{clean(effect.term.name, 60)} {effect.verdict}: {change(effect.contrast.mean, found.metric)}"
        for effect in shown
    )
    return Exhibit(
        heading="Main effects and pairs",
        title=f"What each step and pair of steps does to {results.measured}, averaged over the other steps. {said}",
        build=lambda: _figure(above, rows, results),
        caption="A bar that does not touch zero is an effect that was shown; the main effects of all steps add up to "
        "the whole recipe's change. A pair beside zero means that the two steps' effects simply add up." + hidden,
        table=_factorial_table(found),
    )


def _factorial_table(found: Factorial) -> Table:
    rows: list[tuple[str, ...]] = []
    mixed = any(effect.term.aliases for effect in (*found.main, *found.pairs))
    if found.gain is not None:
        rows.append(("whole recipe", _stated(found.gain, found.metric, 0.0), *("",) * mixed, ""))
    for effect in (*found.main, *found.pairs):
        stated = _stated(effect.contrast, found.metric, found.minimum_effect)
        leaks = (", ".join(effect.term.aliases) or "nothing",) * mixed
        rows.append((effect.term.name, stated, *leaks, effect.verdict))
    columns = [("Step or pair", False), ("Effect (interval, level)", True), *[("Pairs mixed into it", False)] * mixed]
    return table("Main effects and pairs", *columns, ("Verdict", False), rows=rows)


def _effect_row(effect: Effect, found: Factorial) -> Row:
    marker = "D" if len(effect.term.steps) == 1 else "s"
    bar = _bar(effect.contrast, found.minimum_effect, marker)
    name = " × ".join(effect.term.steps)
    short = " × ".join(clean(step, 9) for step in effect.term.steps) if len(name) > 22 and marker == "s" else ""
    return Row(name, effect.verdict, ROLES[effect.verdict], (bar,), short)


def _figure(above: Lines, rows: list[Row], results: Results) -> "Figure":
    return rows_figure(above, rows, metric=results.metric, minimum_effect=results.minimum_effect,
                       direction=results.direction)  # fmt: skip


def _gain(gain: Contrast, results: Results) -> Row:
    role = "undecided"
    if gain.decided:
        role = "helps" if (gain.mean > 0) == (results.direction == "max") else "hurts"
    return Row("whole recipe", change(gain.mean, results.metric), role, (_bar(gain, 0.0, "D"),))


def _bar(contrast: Contrast, margin: float, marker: str) -> Bar:
    return Bar(contrast.mean, deciding(contrast, margin)[0], marker)


def _stated(contrast: Contrast, metric: str, margin: float) -> str:
    bounds, level = deciding(contrast, margin)
    if bounds is None:
        return f"{change(contrast.mean, metric)} (no spread)"
    return f"{change(contrast.mean, metric)} ({interval(*bounds, metric)}, {words.level(level)})"
