"""A whole recipe: which of its steps to keep, under one error rate, and what the kept ones bring on new blocks.

In sequence, each step is tested on top of those kept before it, on blocks that no other decision used. The error rate
is divided among the steps; what a step was tested with passes to the next when it was decided (the fallback procedure,
Wiens 2003), so that the chance of any false decision stays at the error rate. In parallel, all steps are tested against
the baseline on the same blocks, by Holm's procedure. What was kept is then measured against the baseline on new blocks
and on the half of the test split that no decision saw: effects that were selected are too large on average, the
confirmed one is not.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from advisor.contract import Frozen
from advisor.errors import AdvisorError, invalid
from advisor.experiments.kinds import confirming_blocks, merged
from advisor.words import change, interval, metric_title

if TYPE_CHECKING:
    from advisor.experiments.evidence import ArmEvidence, Results
    from advisor.experiments.spec import Spec

STRIDE = 1000  # between the first blocks of two stages; more than a stage can have
LIKELY = 1.96  # standard errors on either side of the optimism


class StepDecision(Frozen):
    """What was decided about one step, and on what."""

    step: str
    on_top_of: tuple[str, ...]
    kept: bool
    verdict: Literal["helps", "hurts", "equivalent", "undecided", "not tested"]
    alpha: float  # that it was tested with, if it was tested alone
    blocks: int
    mean: float | None
    sentence: str


class RecipeTrial(Frozen):
    """The decisions and what became of them. Gains are differences of the metric, in its own sign."""

    order: Literal["sequence", "parallel"]
    decisions: tuple[StepDecision, ...]
    kept: tuple[str, ...]
    selected_gain: float | None  # the sum of the kept steps' effects, as they were when they were kept
    confirmed_gain: float | None  # of all kept steps together, on new blocks and other test examples
    optimism: float | None  # selected less confirmed gain
    optimism_interval: tuple[float, float] | None
    sentences: tuple[str, ...]


def stage(
    spec: "Spec",
    number: int,
    *,
    kept: Sequence[str],
    arms: dict[str, dict[str, Any]],
    alpha: float,
    confirm: bool = False,
) -> "Spec":
    """The `verify` spec of one stage: `arms` against the baseline with the steps `kept` in it.

    Raises:
        AdvisorError: the arms change nothing there, or cannot be combined with what was kept.
    """
    from advisor.experiments.spec import Spec

    design = spec.design.model_copy(
        update={
            "alpha": alpha,
            "first_block": spec.design.first_block + STRIDE * number,
            "test_part": "second" if confirm else "first",
            "max_blocks": confirming_blocks(spec) if confirm else spec.max_blocks,
            "looks": "last" if confirm else spec.design.looks,
        }
    )
    try:
        return spec.rebased(
            merged([spec.arms[step] for step in kept]), arms=arms, design=design.model_dump(mode="json")
        )
    except ValidationError as error:
        raise invalid(f"step {', '.join(arms)} on top of {', '.join(kept) or 'the baseline'}", error, Spec) from None


def share(spec: "Spec", decisions: Sequence[StepDecision]) -> float:
    """The error rate of the next step in sequence: its own part, and what the last one passes on."""
    own = spec.design.alpha / len(spec.arms)
    passed = decisions[-1].alpha if decisions and decisions[-1].verdict in ("helps", "hurts") else 0.0
    return own + passed


def decision(step: str, arm: "ArmEvidence", *, kept: Sequence[str], alpha: float) -> StepDecision:
    """What follows from one arm's evidence: a step is kept when it is shown to help."""
    return StepDecision(
        step=step,
        on_top_of=tuple(kept),
        kept=arm.verdict == "helps",
        verdict=arm.verdict,
        alpha=alpha,
        blocks=arm.comparison.n,
        mean=arm.comparison.mean,
        sentence=arm.sentence,
    )


def not_tested(step: str, why: AdvisorError, *, kept: Sequence[str]) -> StepDecision:
    """A step that could not be tried on top of what was kept."""
    return StepDecision(
        step=step, on_top_of=tuple(kept), kept=False, verdict="not tested", alpha=0.0, blocks=0, mean=None,
        sentence=f"Not tested: {why}",
    )  # fmt: skip


def judge_trial(
    spec: "Spec",
    order: Literal["sequence", "parallel"],
    decisions: Sequence[StepDecision],
    stages: Sequence["Results"],
    confirmation: "Results | None",
) -> RecipeTrial:
    """The whole of it. `stages`: the results of the decisions; `confirmation`: None where nothing was kept."""
    kept = tuple(decided.step for decided in decisions if decided.kept)
    sentences = [
        f"{decided.step}: {'kept. ' if decided.kept else 'left out. '}{decided.sentence}" for decided in decisions
    ]
    selected, error = _selected(order, kept, stages)
    confirmed, optimism, bounds = None, None, None
    if confirmation is None:
        sentences.append(f"No step of {len(decisions)} was shown to help, so that there is nothing to confirm.")
    else:
        arm = confirmation.arms[0]
        confirmed = arm.comparison.mean
        found = arm.comparison.interval
        stated = f"{metric_title(spec.metric)} {change(confirmed, spec.metric)}"
        if found is not None:
            stated += f" ({100 * arm.comparison.level:.4g} % interval {interval(*found, spec.metric)})"
        sentences.append(
            f"Confirmed on {arm.comparison.n} new blocks and {confirmation.sizes['test']} other test examples: "
            f"{' + '.join(kept)} changes {stated}."
        )
        if selected is not None and confirmed is not None and arm.comparison.sd is not None:
            optimism = selected - confirmed
            half = LIKELY * math.hypot(error, arm.comparison.sd / math.sqrt(arm.comparison.n))
            bounds = (optimism - half, optimism + half)
            apart = "the selection, and what the steps do to one another," if order == "parallel" else "the selection"
            sentences.append(
                f"When they were kept, the steps' changes added up to {change(selected, spec.metric)}: {apart} made "
                f"that {change(optimism, spec.metric)} of the confirmed one (about {interval(*bounds, spec.metric)})."
            )
    return RecipeTrial(
        order=order, decisions=tuple(decisions), kept=kept, selected_gain=selected, confirmed_gain=confirmed,
        optimism=optimism, optimism_interval=bounds, sentences=tuple(sentences),
    )  # fmt: skip


def _selected(order: str, kept: Sequence[str], stages: Sequence["Results"]) -> tuple[float | None, float]:
    """The sum of the kept steps' effects when they were kept, and its standard error."""
    arms = [arm for results in stages for arm in results.arms if arm.name in kept and arm.verdict == "helps"]
    if not arms or any(arm.comparison.mean is None or arm.comparison.sd is None for arm in arms):
        return None, 0.0
    errors = [(arm.comparison.sd or 0.0) / math.sqrt(arm.comparison.n) for arm in arms]
    total = sum(arm.comparison.mean or 0.0 for arm in arms)
    # In parallel the steps share the baseline's runs: at worst their errors add up.
    return total, sum(errors) if order == "parallel" else math.hypot(*errors)
