"""Runs that already exist: is B really better than A, by how much, and how many more runs would tell?"""

import math
import os
from collections.abc import Iterator

from advisor.errors import AdvisorError
from advisor.experiments.existing.fairness import resolution, warnings_on
from advisor.experiments.existing.judging import ALPHA, judge, share_better
from advisor.experiments.existing.measure import Choice, choose
from advisor.experiments.existing.model import RunComparison
from advisor.experiments.existing.overlap import same_values, shared_files
from advisor.experiments.existing.pairing import Pairs, pair
from advisor.experiments.existing.point import Logs, scales, side, sort_out
from advisor.experiments.existing.side import read_side
from advisor.experiments.existing.words import Scale
from advisor.words import SHARES

LIMIT = "the interval speaks of new runs on the same data, not of other data"


def compare_runs(
    a: str | os.PathLike[str],
    b: str | os.PathLike[str],
    *,
    metric: str | None = None,
    minimum_effect: float = 0.0,
    unpaired: bool = False,
) -> RunComparison:
    """Compare the runs below `b` with those below `a`, each a log or a folder of logs in any format.

    `metric` is a series' or a metric's name; `minimum_effect` is in its unit, as logged. `unpaired` ignores that
    seeds or names agree.

    Raises:
        AdvisorError: a path holds no runs, both hold the same, or the metric is not on both sides.
    """
    if not math.isfinite(minimum_effect) or minimum_effect < 0:
        raise AdvisorError(
            f"minimum_effect must be a number from 0 on but is {minimum_effect}; use 0 to ask for any effect."
        )
    found_a, found_b = read_side(a), read_side(b)
    shared = shared_files(found_a, found_b)
    choice = choose(found_a, found_b, metric)
    logs_a, logs_b = sort_out(found_a, choice), sort_out(found_b, choice)
    return _compared(a, b, logs_a, logs_b, choice, shared, minimum_effect, unpaired=unpaired)


def _compared(
    a: str | os.PathLike[str], b: str | os.PathLike[str], logs_a: Logs, logs_b: Logs, choice: Choice,
    shared: tuple[str, ...], minimum_effect: float, *, unpaired: bool,
) -> RunComparison:  # fmt: skip
    everyone = (*logs_a.runs, *logs_b.runs)
    written = scales(everyone, choice)
    side_a, side_b = (
        side(str(path), logs, choice, to_fraction=written.mixed) for path, logs in ((a, logs_a), (b, logs_b))
    )
    measure = choice.measure
    fraction = measure.metric == "ece" or (written.fraction > 0 and measure.metric in SHARES | {"error"})
    scale = Scale(share=written.percent > 0 or fraction, percent=written.percent > 0 and not written.mixed)
    pairs = Pairs("none") if unpaired else pair(logs_a.runs, logs_b.runs)
    judged = judge(side_a, side_b, pairs, measure, scale, minimum_effect)
    difference, known, chance = judged.difference, judged.known, judged.chance
    warnings = warnings_on(
        side_a, side_b, choice, scale, scales=written, shared=shared or same_values(logs_a.runs, logs_b.runs),
        resolution=resolution(everyone, choice) if scale.share else None,
    )  # fmt: skip
    notes = [*_pairing_notes(pairs, judged.correlation), *_reading_notes("A", logs_a), *_reading_notes("B", logs_b)]
    return RunComparison(
        metric=measure.metric,
        split=measure.split,
        direction=measure.direction,
        share=scale.share,
        percent=scale.percent,
        selected_by=choice.selector.title if choice.selector else None,
        also=tuple(item.title for item in choice.also),
        a=side_a,
        b=side_b,
        pairing=pairs.how,
        pairs=pairs.names,
        method="none" if difference is None else difference.method,
        difference=None if difference is None else difference.value,
        interval=None if known is None else known.interval,
        level=1 - ALPHA,
        p_value=None if known is None else known.p_value,
        correlation=judged.correlation,
        minimum_effect=minimum_effect,
        verdict=judged.verdict,
        sentence=judged.sentence,
        chance_better=None if chance is None else chance[0],
        chance_interval=None if chance is None else chance[1],
        share_better=share_better(side_a, side_b, pairs, measure.direction) if len(everyone) > 2 else None,
        plans=judged.plans,
        warnings=tuple(warnings),
        notes=(*notes, LIMIT),
    )


def _reading_notes(letter: str, logs: Logs) -> Iterator[str]:
    """How many other files could not be read (a crashed run may be among them), and rows that may be runs."""
    notes = dict.fromkeys(note for run in logs.runs for note in run.curves.notes)
    yield from (f"{letter}: {note}" for note in notes if "not readable as logs" in note)
    if len(logs.runs) == 1 and any("rows were numbered" in note for note in notes):
        yield f"{letter}: its rows count as epochs of one run; where each row is a run, add a column 'seed'"


def _pairing_notes(pairs: Pairs, correlation: float | None) -> Iterator[str]:
    yield from pairs.notes
    if correlation is not None and correlation <= 0:
        yield (
            f"runs of the same {pairs.how} do not vary together here (correlation {correlation:.2f}): they seem to "
            "share nothing, and pairing them gains nothing"
        )
