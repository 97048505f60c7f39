"""The last part of a run's evaluation, where it is asked for: its values on corrupted test examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from advisor.experiments.evidence import RunResult
from advisor.techniques.core import Run
from advisor.training.loop import Part, answers, judge
from advisor.training.plan import RunPlan
from advisor.training.robustness.corrupted_test import CorruptedTest
from advisor.training.robustness.forms import why_none
from advisor.training.robustness.registry import SEVERITIES

if TYPE_CHECKING:
    import torch

CLEAN = "clean"  # the label of the same examples as they are


def with_corrupted(
    result: RunResult,
    plan: RunPlan,
    run: Run,
    predict: Callable[[torch.Tensor], torch.Tensor],
    source: CorruptedTest,
    test: Part,
) -> RunResult:
    """The result with the means over all corruptions and severities, and the accuracy or rmse of each.

    Of data that no corruption fits it has a note that says why instead. All other values stay as they are.
    """
    reason = why_none(source.dataset)
    if reason is not None:
        return _noted(result, f"corrupted values were not measured: {reason}")
    main, *others = ("rmse",) if test.kind == "real" else ("accuracy", "nll")
    clean = source.clean(plan, test)
    table = {CLEAN: judge(answers(run, predict, clean), clean, (main,)).metrics[main]}
    found: dict[str, list[float]] = {name: [] for name in (main, *others)}
    for label, part in source.versions(plan, test, run.task.input_range):
        values = judge(answers(run, predict, part), part, (main, *others)).metrics
        table[label] = values[main]
        for name, all_values in found.items():
            all_values.append(values[name])
    means = {f"corrupted_{name}": sum(values) / len(values) for name, values in found.items()}
    names = ", ".join(corruption.name for corruption in source.corruptions)
    note = (
        f"corrupted values are means over {names} in {len(SEVERITIES)} severities, on {len(clean)} of {len(test)} test "
        "examples"
    )
    return _noted(result.model_copy(update={"test": result.test | means, "corruptions": table}), note)


def _noted(result: RunResult, note: str) -> RunResult:
    return result.model_copy(update={"notes": (*result.notes, note)})
