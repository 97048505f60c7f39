"""The exhibit of a whole recipe: each step's effect when it was decided on, and what the kept ones bring together."""

from advisor.experiments.evidence import Evidence
from advisor.experiments.recipe_trial import RecipeTrial, StepDecision
from advisor.report import words
from advisor.report.axis import Lines, too_small
from advisor.report.exhibit import Exhibit, Table, table
from advisor.report.picture import clean
from advisor.report.rows import MOST_ROWS, Bar, Row, rows_figure
from advisor.words import change, interval


def recipe_exhibit(evidence: Evidence, found: RecipeTrial) -> Exhibit | None:
    """A row a step, then the kept steps together as they were selected and as they were confirmed."""
    results = evidence.results
    tested = [decided for decided in found.decisions if decided.mean is not None]
    if not tested:
        return None
    shown = tested[: MOST_ROWS - 2]
    rows = [
        Row(decided.step, said(decided), _role(decided), (Bar(decided.mean or 0.0, None, "o"),)) for decided in shown
    ]
    if found.selected_gain is not None:
        rows.append(Row("all kept, by these", change(found.selected_gain, results.metric), "equivalent",
                        (Bar(found.selected_gain, None, "D"),)))  # fmt: skip
    if found.confirmed_gain is not None:
        confirmed = next((arm.comparison.interval for arm in results.arms if arm.name == "recipe"), None)
        role = "helps" if (found.confirmed_gain > 0) == (results.direction == "max") else "hurts"
        rows.append(Row("all kept, on new blocks", change(found.confirmed_gain, results.metric), role,
                        (Bar(found.confirmed_gain, confirmed, "D"),)))  # fmt: skip
    above: Lines = [(f"change of {results.measured}{words.in_unit(results.metric)}", "ink")]
    above += too_small(results.minimum_effect, results.metric)
    base = "those kept before it" if found.order == "sequence" else "the baseline"
    described = "; ".join(f"{clean(row.name, 40)}: {row.said}" for row in rows)
    return Exhibit(
        heading="Step by step",
        title=f"Change of {results.measured} by each step of the recipe, on top of {base}, and by all kept steps. "
        f"{described}",
        build=lambda: rows_figure(
            above, rows, metric=results.metric, minimum_effect=results.minimum_effect, direction=results.direction
        ),
        caption=f"Dots are mean differences on top of {base}, on blocks that no other decision used; the sentences "
        "below have their intervals. What was selected is too large on average; the last diamond is what the kept "
        "steps bring together on new blocks and other test examples.",
        table=_table(evidence, found),
    )


def said(decided: StepDecision) -> str:
    """ "kept", "left out: hurts" or "not tested"."""
    if decided.verdict == "not tested":
        return "not tested"
    return "kept" if decided.kept else f"left out: {decided.verdict}"


def _role(decided: StepDecision) -> str:
    return "undecided" if decided.verdict == "not tested" else decided.verdict


def _table(evidence: Evidence, found: RecipeTrial) -> Table:
    metric = evidence.results.metric
    rows: list[tuple[str, ...]] = [
        (decided.step, ", ".join(decided.on_top_of) or "the baseline", change(decided.mean, metric),
         str(decided.blocks), words.level(decided.alpha), said(decided))
        for decided in found.decisions
    ]  # fmt: skip
    for name, gain in (("all kept, by these", found.selected_gain), ("all kept, on new blocks", found.confirmed_gain)):
        if gain is not None:
            rows.append((name, "the baseline", change(gain, metric), "", "", ""))
    if found.optimism is not None:
        bounds = f" ({interval(*found.optimism_interval, metric)})" if found.optimism_interval else ""
        rows.append(("optimism", "", f"{change(found.optimism, metric)}{bounds}", "", "", ""))
    return table(
        "Step by step", ("Step", False), ("On top of", False), ("Mean difference", True), ("Blocks", True),
        ("Error rate", True), ("Decision", False), rows=rows,
    )  # fmt: skip
