"""Ablation: what a recipe's gain is made of, step by step.

Each step is measured twice on the same blocks: what it adds to the baseline alone, and what the recipe loses without
it. The two differ where steps do each other's work. The recipe's gain is tested at `alpha`; the 2k + 1 other decisions
(each step alone, each step missed, the sum against the whole) share another `alpha` by Holm's step-down method (1979).
That a step is redundant is judged by Bonferroni's intervals of the same family, against the minimum effect.

`Contrast` and `contrasts`, the paired differences with their adjusted intervals, serve factorial designs too.
"""

import itertools
import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from advisor.contract import Contract, Frozen
from advisor.errors import AdvisorError, unknown
from advisor.words import change, interval, metric_title

Array = NDArray[np.float64]
Direction = Literal["min", "max"]
Order = Literal["one-at-a-time", "leave-one-out", "factorial"]
StepVerdict = Literal["carries", "redundant", "harmful", "undecided"]
Interplay = Literal["synergy", "redundancy", "additive", "undecided"]

MAX_FACTORIAL_STEPS = 5  # 31 arms beside the baseline
MAX_NAME = 64


class Contrast(Frozen):
    """A weighted difference of arms, one value a block, in the metric's own units and sign.

    `interval` excludes 0 exactly where `p_value` is at most alpha: its level is the one at which Holm's method tested
    it. `simultaneous` is Bonferroni's: all of a family hold together, so margins are judged by it. All three are None
    where the blocks do not differ, which leaves nothing to judge by.
    """

    values: tuple[float, ...]
    mean: float
    sd: float
    interval: tuple[float, float] | None
    level: float
    simultaneous: tuple[float, float] | None
    simultaneous_level: float
    p_value: float | None  # adjusted for the family

    @property
    def decided(self) -> bool:
        """Whether the interval excludes 0."""
        return self.interval is not None and (self.interval[0] > 0 or self.interval[1] < 0)

    def within(self, margin: float) -> bool:
        """Whether it surely is smaller than `margin`, whatever its sign."""
        return self.simultaneous is not None and -margin <= self.simultaneous[0] and self.simultaneous[1] <= margin

    def stated(self, metric: str, *, margin: float = 0.0) -> str:
        """The mean with the interval that decides: "+2.4 points (95 % interval +1.8 to +3.0 points)"."""
        holm = self.decided and not self.within(margin)
        bounds, level = (self.interval, self.level) if holm else (self.simultaneous, self.simultaneous_level)
        if bounds is None:
            return f"{change(self.mean, metric)} (the same in all blocks: no spread to judge by)"
        return f"{change(self.mean, metric)} ({100 * level:.4g} % interval {interval(*bounds, metric)})"


class StepEvidence(Frozen):
    """One step of the recipe. Shares are of the recipe's mean gain; None where that gain is not shown."""

    step: str
    alone: Contrast  # baseline with the step, minus baseline
    missed: Contrast  # recipe, minus recipe without the step
    shapley: Contrast | None  # its gain averaged over all orders of adding the steps; described, not decided on
    share_alone: float | None
    share_missed: float | None
    verdict: StepVerdict
    sentence: str


class Ablation(Contract):
    """What a recipe's gain is made of. Differences are in the metric's sign, so of a loss a gain is negative."""

    metric: str
    direction: Direction
    minimum_effect: float
    alpha: float
    blocks: int
    gain: Contrast  # recipe minus baseline
    synergy: Contrast | None  # gain minus the sum of what the steps bring alone; None of a single step
    interplay: Interplay
    steps: tuple[StepEvidence, ...]
    sentence: str
    notes: tuple[str, ...] = ()


def arm_name(on: Collection[str], steps: Sequence[str]) -> str:
    """The name of the arm with the steps `on` of a recipe: baseline, recipe, a step, recipe-step, or a+b."""
    chosen = [step for step in steps if step in on]
    if not chosen:
        return "baseline"
    if len(chosen) == len(steps):
        return "recipe"
    if len(chosen) == 1:
        return chosen[0]
    left_out = [step for step in steps if step not in on]
    name = f"recipe-{left_out[0]}" if len(left_out) == 1 else "+".join(chosen)
    return name if len(name) <= MAX_NAME else "on_" + "".join("1" if step in on else "0" for step in steps)


def ablation_arms(
    steps: Sequence[str], orders: Collection[Order] = ("one-at-a-time", "leave-one-out")
) -> dict[str, list[str]]:
    """The arms that the orders need beside the baseline, each combination once: name -> its steps.

    The recipe as a whole comes first. Up to three steps, the first two orders together are the full factorial.

    Raises:
        AdvisorError: for no steps, steps named twice, or a factorial of too many.
    """
    check_steps(steps)
    k = len(steps)
    if "factorial" in orders and k > MAX_FACTORIAL_STEPS:
        raise AdvisorError(
            f"A full factorial of {k} steps needs {2**k} arms, more than {2**MAX_FACTORIAL_STEPS}; "
            "use a fractional design, or the orders one-at-a-time and leave-one-out."
        )
    sizes = {k} | ({1} if "one-at-a-time" in orders else set()) | ({k - 1} if "leave-one-out" in orders else set())
    sizes = set(range(k + 1)) if "factorial" in orders else sizes
    arms: dict[str, list[str]] = {"recipe": list(steps)}
    for size in sorted(sizes - {0, k}):
        arms |= {arm_name(on, steps): list(on) for on in itertools.combinations(steps, size)}
    return arms


def check_steps(steps: Sequence[str]) -> None:
    """Refuse no steps, steps named twice, and names that are taken."""
    if not steps:
        raise AdvisorError("steps is empty; name at least one step of the recipe.")
    for step in steps:
        if steps.count(step) > 1:
            raise AdvisorError(f"step {step!r} is named {steps.count(step)} times; name each step once.")
        taken = step in {"baseline", "recipe"} or step.startswith(("recipe-", "on_"))
        if taken or not re.fullmatch(rf"[A-Za-z0-9_.-]{{1,{MAX_NAME}}}", step):
            raise AdvisorError(
                f"step name {step!r} is not allowed; use letters, digits, '_', '.' or '-', and no name that arms have "
                "('baseline', 'recipe', 'recipe-...', 'on_...')."
            )


def check_table(values: Mapping[str, Sequence[float]], needed: Collection[str]) -> dict[str, Array]:
    """The values of each arm, one a block, as arrays.

    Raises:
        AdvisorError: for arms missing, fewer than two blocks, unequal blocks, or values that are not finite.
    """
    missing = [name for name in needed if name not in values]
    if missing:
        raise AdvisorError(f"No values for arm {missing[0]!r} ({len(missing)} arms missing); run it on every block.")
    table = {name: np.asarray(row, dtype=np.float64) for name, row in values.items()}
    blocks = len(next(iter(table.values())))
    if blocks < 2:
        raise AdvisorError(
            f"There must be at least 2 blocks but got {blocks}; a spread needs repeats, run more blocks."
        )
    for name, row in table.items():
        if row.shape != (blocks,):
            raise AdvisorError(
                f"Arm {name!r} has {len(row)} blocks and others {blocks}; leave out the blocks that not all arms ran."
            )
        if not np.isfinite(row).all():
            block = int(np.flatnonzero(~np.isfinite(row))[0])
            raise AdvisorError(
                f"The value of arm {name!r} in block {block} is {row[block]}; look at that run, a diverged arm "
                "cannot be divided into shares."
            )
    return table


def check_levels(alpha: float, minimum_effect: float, direction: str) -> None:
    """Refuse an error rate, a margin or a direction that mean nothing."""
    if not 0 < alpha < 0.5:
        raise AdvisorError(f"alpha must lie between 0 and 0.5 but got {alpha}; 0.05 is usual.")
    if not (minimum_effect >= 0 and math.isfinite(minimum_effect)):
        raise AdvisorError(f"minimum_effect cannot be {minimum_effect}; use 0 or the smallest effect that matters.")
    if direction not in ("min", "max"):
        raise unknown("direction", direction, ("min", "max"))


def contrasts(
    differences: Mapping[str, Array], *, alpha: float, scale: float, test_train_ratio: float | None = None
) -> dict[str, Contrast]:
    """A family of paired differences, adjusted together by Holm's method.

    Args:
        differences: name -> one value a block.
        alpha: error rate of the family.
        scale: the largest absolute value of what was subtracted; a spread below rounding counts as none.
        test_train_ratio: test over training examples where splits are resampled (Nadeau & Bengio 2003), else None.
    """
    from scipy import stats

    family = len(differences)
    raw: dict[str, tuple[Array, float, float | None]] = {}
    for name, row in differences.items():
        n, error = len(row), None
        if np.ptp(row) > 1e-12 * scale:
            error = float(row.std(ddof=1)) * math.sqrt(1 / n + (test_train_ratio or 0.0))
        p_value = 2.0 if error is None else 2 * float(stats.t.sf(abs(float(row.mean())) / error, n - 1))
        raw[name] = (row, p_value, error)
    found: dict[str, Contrast] = {}
    adjusted = 0.0
    for rank, name in enumerate(sorted(raw, key=lambda name: raw[name][1])):
        row, p_value, error = raw[name]
        adjusted = max(adjusted, min(1.0, (family - rank) * p_value))
        levels = (1 - alpha / (family - rank if adjusted <= alpha else family), 1 - alpha / family)
        half = [
            None if error is None else float(stats.t.ppf(0.5 + level / 2, len(row) - 1)) * error for level in levels
        ]
        mean = float(row.mean())
        bounds = [None if h is None else (mean - h, mean + h) for h in half]
        found[name] = Contrast(
            values=tuple(row.tolist()), mean=mean, sd=float(row.std(ddof=1)), interval=bounds[0], level=levels[0],
            simultaneous=bounds[1], simultaneous_level=levels[1], p_value=None if error is None else adjusted,
        )  # fmt: skip
    return {name: found[name] for name in differences}


def table_scale(table: Mapping[str, Array]) -> float:
    """The largest absolute value of a table."""
    return max(float(np.abs(row).max()) for row in table.values())


def assess_ablation(
    steps: Sequence[str],
    values: Mapping[str, Sequence[float]],
    *,
    metric: str,
    direction: Direction,
    alpha: float = 0.05,
    minimum_effect: float = 0.0,
    test_train_ratio: float | None = None,
) -> Ablation:
    """What each step of a recipe contributes, from the arms that `ablation_arms` names and the baseline.

    Args:
        steps: the recipe's steps.
        values: arm -> the metric's value in each block, blocks in the same order everywhere.
        minimum_effect: what is smaller does not matter; with 0 no step can be shown to be redundant.

    Raises:
        AdvisorError: for arms missing or unknown, too few or unequal blocks, values that are not finite.
    """
    check_levels(alpha, minimum_effect, direction)
    arms = ablation_arms(steps)
    subsets = [on for size in range(len(steps) + 1) for on in itertools.combinations(steps, size)]
    known = [arm_name(on, steps) for on in subsets] if len(steps) <= MAX_FACTORIAL_STEPS else ["baseline", *arms]
    for name in values:
        if name not in known:
            raise unknown("arm", name, known)
    table = check_table(values, ["baseline", *arms])
    scale = table_scale(table)

    def value(on: Collection[str]) -> Array:
        return table[arm_name(on, steps)]

    def family(differences: Mapping[str, Array]) -> dict[str, Contrast]:
        return contrasts(differences, alpha=alpha, scale=scale, test_train_ratio=test_train_ratio)

    whole = value(steps) - value(())
    alone = {step: value((step,)) - value(()) for step in steps}
    missed = {step: value(steps) - value(tuple(other for other in steps if other != step)) for step in steps}
    gain = family({"gain": whole})["gain"]
    if len(steps) == 1:
        tested = {f"{kind}:{steps[0]}": gain for kind in ("alone", "missed")}
    else:
        tested = family(
            {f"alone:{step}": row for step, row in alone.items()}
            | {f"missed:{step}": row for step, row in missed.items()}
            | {"synergy": whole - np.sum(list(alone.values()), axis=0)}
        )
    complete = len(steps) <= MAX_FACTORIAL_STEPS and all(name in table for name in known)
    shapley = family({step: _shapley(step, steps, value) for step in steps}) if complete else {}
    sign = 1 if direction == "max" else -1
    shown = gain.decided and sign * gain.mean > 0
    found = tuple(
        _step(step, tested[f"alone:{step}"], tested[f"missed:{step}"], shapley.get(step), gain if shown else None,
              metric, sign, minimum_effect)
        for step in steps
    )  # fmt: skip
    synergy = tested.get("synergy")
    interplay = _interplay(synergy, sign, minimum_effect)
    notes = []
    if not shown:
        notes.append("no shares: the recipe's gain is not shown, and a share of it would be a share of noise")
    if not complete:
        notes.append(f"no average over orders: that needs all {2 ** len(steps)} combinations of the steps")
    return Ablation(
        metric=metric, direction=direction, minimum_effect=minimum_effect, alpha=alpha, blocks=len(whole), gain=gain,
        synergy=synergy, interplay=interplay, steps=found, notes=tuple(notes),
        sentence=_sentence(found, gain, synergy, interplay, metric, sign),
    )  # fmt: skip


def _shapley(step: str, steps: Sequence[str], value: Callable[[Collection[str]], Array]) -> Array:
    """The step's gain averaged over all orders of adding the steps (Shapley 1953), one a block."""
    others, k = [other for other in steps if other != step], len(steps)
    total = np.zeros_like(value(()))
    for size in range(k):
        weight = math.factorial(size) * math.factorial(k - size - 1) / math.factorial(k)
        for on in itertools.combinations(others, size):
            total += weight * (value((*on, step)) - value(on))
    return total


def _step(
    step: str, alone: Contrast, missed: Contrast, shapley: Contrast | None, gain: Contrast | None, metric: str,
    sign: int, margin: float,
) -> StepEvidence:  # fmt: skip
    least = change(margin, metric).lstrip("+")
    verdict: StepVerdict
    if missed.within(margin):
        verdict, why = "redundant", f"without it the recipe differs by less than the minimum effect of {least}"
    elif missed.decided and sign * missed.mean > 0:
        verdict, why = "carries", "the recipe needs it"
    elif missed.decided:
        verdict, why = "harmful", "the recipe is better without it"
    elif alone.decided and sign * alone.mean < 0 and not alone.within(margin):
        verdict, why = "harmful", "alone it hurts, and nothing shows that the recipe needs it"
    elif missed.simultaneous is not None and max(sign * bound for bound in missed.simultaneous) < margin:
        verdict, why = "redundant", f"leaving it out costs less than the minimum effect of {least}"
    else:
        verdict, why = "undecided", "whether the recipe needs it is open; more blocks would narrow it"
    if verdict == "redundant" and alone.decided and sign * alone.mean > 0:
        why += ", for the other steps do its work"
    said = f"alone {alone.stated(metric, margin=margin)}, added to the others {missed.stated(metric, margin=margin)}"
    return StepEvidence(
        step=step, alone=alone, missed=missed, shapley=shapley, verdict=verdict,
        share_alone=alone.mean / gain.mean if gain else None,
        share_missed=missed.mean / gain.mean if gain else None,
        sentence=f"{step} {'is ' if verdict != 'carries' else ''}{verdict}: {said}; {why}.",
    )  # fmt: skip


def _interplay(synergy: Contrast | None, sign: int, margin: float) -> Interplay:
    if synergy is None or synergy.within(margin):
        return "additive"
    if not synergy.decided:
        return "undecided"
    return "synergy" if sign * synergy.mean > 0 else "redundancy"


def _sentence(
    steps: Sequence[StepEvidence],
    gain: Contrast,
    synergy: Contrast | None,
    interplay: Interplay,
    metric: str,
    sign: int,
) -> str:
    stated = f"{metric_title(metric)} {gain.stated(metric)}"
    if not gain.decided:
        head = f"The recipe's change of {stated} is not shown to be a gain, so there is nothing to divide"
    elif sign * gain.mean < 0:
        head = f"The recipe hurts: {stated}"
    else:
        head = f"Of the recipe's {stated}"
    helping = [step for step in steps if step.alone.decided and sign * step.alone.mean > 0]
    lead = max(helping, key=lambda step: sign * step.alone.mean, default=None)
    parts = [f"{lead.step} alone brings {lead.alone.stated(metric)}" if lead else "no step is shown to help alone"]
    partner = "it" if lead and len(steps) == 2 else "the other steps"
    endings = {
        "carries": "needed",
        "redundant": f"redundant with {partner}" if len(steps) > 1 else "redundant",
        "harmful": "harmful",
        "undecided": "undecided",
    }
    for verdict, ending in endings.items():
        names = [step.step for step in steps if step.verdict == verdict]
        if lead and lead.step in names and verdict == "redundant" and len(steps) == 2:
            parts.append(f"{lead.step} is itself redundant with the other step")
            names.remove(lead.step)
        if names:
            parts.append(f"{_listed(names)} {'is' if len(names) == 1 else 'are'} {ending}")
    if synergy is not None and interplay in ("synergy", "redundancy"):
        parts.append(f"together the steps differ by {synergy.stated(metric)} from their sum: {interplay}")
    shown = gain.decided and sign * gain.mean > 0
    return f"{head}{', ' if shown else '; '}{'; '.join(parts)}."


def _listed(names: Sequence[str]) -> str:
    """Names as a person says them: "a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
