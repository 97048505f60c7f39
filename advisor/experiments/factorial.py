"""Factorial designs: which combinations of a recipe's steps to run, and what each step does averaged over the others.

Each step is a factor with two levels, off (-1) and on (+1). The smallest design of the best resolution that the runs
per block afford is chosen: V or more (main effects and pairs all told apart; the full factorial up to four steps), IV
(main effects clear, some pairs only told together), III or Plackett & Burman's 12 runs (1946; main effects alone).
Generators are searched for, by resolution and then by fewest short words (Fries & Hunter 1980); aliases are computed
from the runs themselves. Where the regular runs hold a combination that is not allowed, a D-optimal choice among the
allowed ones takes their place (exchange as in Fedorov 1972, from seeded starts).

In a model of main effects and pairs, all-on minus all-off is the sum of the main effects: the pairs' columns are +1 at
both. So the main effects are shares of the recipe's gain.

Design and estimate stand in one file because the estimate is the least-squares fit of the design's own model.
"""

import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

from advisor.contract import Contract, Frozen
from advisor.errors import AdvisorError, unknown
from advisor.experiments.ablation import (
    Array,
    Contrast,
    Direction,
    arm_name,
    check_levels,
    check_steps,
    check_table,
    contrasts,
    table_scale,
)
from advisor.words import change, metric_title

Kind = Literal["full", "fraction", "plackett_burman", "d_optimal"]
EffectVerdict = Literal["carries", "harmful", "synergy", "redundancy", "negligible", "undecided"]
Legal = Callable[[frozenset[str]], bool]

MAX_STEPS = 10
_ROMAN = {3: "III", 4: "IV", 5: "V", 6: "VI", 7: "VII", 8: "VIII", 9: "IX", 10: "X"}


class Term(Frozen):
    """An effect that the design estimates: of one step, or of a pair.

    `aliases` holds the other pairs that leak into it: with weight 1 only the sum of both is known.
    """

    name: str  # "mixup", or "mixup:weight_decay"
    steps: tuple[str, ...]
    aliases: dict[str, float]


class FactorialDesign(Contract):
    """The runs of a block and what they tell. The first run is the baseline: all steps off."""

    steps: tuple[str, ...]
    kind: Kind
    resolution: int | None  # of a regular fraction
    generators: tuple[str, ...]  # "d = a + b (mod 2)": d is on where one of a, b is
    rows: tuple[tuple[bool, ...], ...]  # runs, in the order of `steps`
    terms: tuple[Term, ...]  # main effects, then pairs
    efficiency: float  # of the determinant: 1 is an orthogonal design of as many runs
    whole_allowed: bool  # whether all steps may run together
    sentence: str
    notes: tuple[str, ...] = ()

    @property
    def arms(self) -> dict[str, list[str]]:
        """Name of each run -> its steps, the baseline first."""
        on = [[step for step, level in zip(self.steps, row, strict=True) if level] for row in self.rows]
        return {arm_name(chosen, self.steps): chosen for chosen in on}


class Effect(Frozen):
    """One estimated effect: of a step, averaged over the other steps' settings; of a pair, half the difference that
    either makes to the other's effect."""

    term: Term
    contrast: Contrast
    share: float | None  # of the recipe's gain; None of a pair, or where no gain is shown
    verdict: EffectVerdict
    sentence: str


class Factorial(Contract):
    """What a factorial experiment showed. Differences are in the metric's sign, so of a loss a gain is negative."""

    metric: str
    direction: Direction
    minimum_effect: float
    alpha: float  # of the main effects together, and of the pairs together
    blocks: int
    design: FactorialDesign
    gain: Contrast | None  # the sum of the main effects; None where the whole recipe is not allowed
    main: tuple[Effect, ...]
    pairs: tuple[Effect, ...]
    sentence: str
    notes: tuple[str, ...] = ()


def factorial_design(
    steps: Sequence[str], max_runs: int, *, legal: Legal | None = None, seed: int = 0
) -> FactorialDesign:
    """The smallest design of the best resolution within `max_runs` runs a block, the baseline counted.

    Args:
        steps: 1 to 10 of them.
        legal: whether a set of steps may run together; None allows all.
        seed: of the starts of the D-optimal search, where one is needed.

    Raises:
        AdvisorError: for steps or runs that no design fits, or a predicate that hides a step's effect.
    """
    check_steps(steps)
    k = len(steps)
    if k > MAX_STEPS:
        raise AdvisorError(f"{k} steps are more than {MAX_STEPS}; leave out those that are not in question.")
    kind, resolution, words, levels = _regular(k, max_runs)
    allowed = [row for row in itertools.product((-1.0, 1.0), repeat=k) if legal is None or legal(_on(row, steps))]
    if set(allowed) >= {tuple(row) for row in levels.tolist()}:
        pairs = _separable(levels, clear=resolution is None or resolution >= 4) if kind != "plackett_burman" else []
    else:
        kind, resolution, words = "d_optimal", None, ()
        levels, pairs = _d_optimal(np.array(allowed), steps, len(levels), max_runs, seed)
    terms = _terms(levels, steps, pairs, np.array(allowed))
    whole_allowed = (1.0,) * k in allowed
    notes = []
    if not whole_allowed:
        notes.append("the whole recipe is not allowed: there is no gain of it to divide")
    elif not (levels > 0).all(axis=1).any():
        notes.append("the whole recipe is not among the runs: its gain is the sum of the main effects")
    model = _model(levels, pairs)
    determinant = float(np.linalg.slogdet(model.T @ model)[1])
    return FactorialDesign(
        steps=tuple(steps),
        kind=kind,
        resolution=resolution,
        generators=_generators(words, steps),
        rows=tuple(tuple(level > 0 for level in row) for row in levels.tolist()),
        terms=terms,
        efficiency=math.exp(determinant / model.shape[1]) / len(levels),
        whole_allowed=whole_allowed,
        sentence=_design_sentence(kind, resolution, len(levels), k, terms),
        notes=tuple(notes),
    )


def _on(row: Sequence[float], steps: Sequence[str]) -> frozenset[str]:
    return frozenset(step for step, level in zip(steps, row, strict=True) if level > 0)


def _regular(k: int, max_runs: int) -> tuple[Kind, int | None, tuple[int, ...], Array]:
    """Kind, resolution, generators as bit masks of the basic steps, and levels (runs, k) of the best regular design."""
    for target in (5, 4, 3) if k < 8 else (5, 4):
        for basic in range(1, k + 1):
            masks = _fraction(k, basic, target) if 2**basic <= max_runs else None
            if masks is None:
                continue
            full = np.array(list(itertools.product((0, 1), repeat=basic)))
            added = [full[:, [bit for bit in range(basic) if mask >> bit & 1]].sum(axis=1) % 2 for mask in masks]
            levels = 2.0 * np.column_stack([full, *added]) - 1
            if not masks:
                return "full", None, (), levels
            return "fraction", min(map(_length, _words(masks, basic))), masks, levels
    if k >= 8 and max_runs >= 12:
        return "plackett_burman", 3, (), _plackett_burman(k)
    least = 12 if k >= 8 else 2 ** math.ceil(math.log2(k + 1))
    raise AdvisorError(
        f"max_runs is {max_runs}, too few for {k} steps; allow {least} runs a block, or measure steps one at a time."
    )


def _length(word: int) -> int:
    return word.bit_count()


def _words(masks: Sequence[int], basic: int) -> list[int]:
    """All words of the defining relation, as bit masks of the steps."""
    words: list[int] = []
    for index, mask in enumerate(masks):
        word = mask | 1 << basic + index
        words += [word, *(other ^ word for other in words)]
    return words


@functools.cache
def _fraction(k: int, basic: int, resolution: int) -> tuple[int, ...] | None:
    """Generators of k steps from `basic` ones with no word shorter than `resolution`, the fewest short words first."""
    if basic == k:
        return ()
    candidates = [mask for mask in range(1, 2**basic) if mask.bit_count() >= resolution - 1]
    best: tuple[tuple[int, ...], tuple[int, ...]] | None = None

    def extend(chosen: tuple[int, ...], words: list[int], start: int) -> None:
        nonlocal best
        if len(chosen) == k - basic:
            lengths = [word.bit_count() for word in words]
            pattern = tuple(lengths.count(length) for length in range(3, k + 1))
            if best is None or pattern < best[0]:
                best = (pattern, chosen)
            return
        for index in range(start, len(candidates)):
            word = candidates[index] | 1 << basic + len(chosen)
            new = [word, *(other ^ word for other in words)]
            if min(map(_length, new)) >= resolution:
                extend((*chosen, candidates[index]), words + new, index + 1)

    extend((), [], 0)
    return None if best is None else best[1]


def _plackett_burman(k: int) -> Array:
    """Levels (12, k): the all-off run, then shifts of the quadratic residues of 11 and 0 (Paley's construction)."""
    on = {0, *(number * number % 11 for number in range(1, 11))}
    shifted = [[1.0 if (column - row) % 11 in on else -1.0 for column in range(k)] for row in range(11)]
    return np.array([[-1.0] * k, *shifted])


def _separable(levels: Array, *, clear: bool) -> list[tuple[int, int]]:
    """The first pair of each set that a regular design cannot tell apart; none unless main effects are `clear`."""
    seen: list[Array] = []
    kept = []
    for pair in itertools.combinations(range(levels.shape[1]), 2) if clear else ():
        column = levels[:, pair[0]] * levels[:, pair[1]]
        if not any(abs(float(column @ other)) > len(levels) - 0.5 for other in seen):
            seen.append(column)
            kept.append(pair)
    return kept


def _model(levels: Array, pairs: Sequence[tuple[int, int]]) -> Array:
    """Columns of the model, (runs, 1 + k + pairs): the block's own level, the steps, the pairs."""
    products = [levels[:, first] * levels[:, second] for first, second in pairs]
    return np.column_stack([np.ones(len(levels)), levels, *products])


def _terms(levels: Array, steps: Sequence[str], pairs: Sequence[tuple[int, int]], allowed: Array) -> tuple[Term, ...]:
    """The model's terms with what leaks into each: the regression of the left-out pairs' columns on the model's.

    A pair that is never on together has no effect to leak.
    """
    left_out = [
        (a, b)
        for a, b in itertools.combinations(range(len(steps)), 2)
        if (a, b) not in pairs and ((allowed[:, a] > 0) & (allowed[:, b] > 0)).any()
    ]
    leaks = np.linalg.pinv(_model(levels, pairs)) @ _model(levels, left_out)[:, 1 + len(steps) :]
    index = [(column,) for column in range(len(steps))] + [tuple(pair) for pair in pairs]
    return tuple(
        Term(
            name=":".join(steps[i] for i in factors),
            steps=tuple(steps[i] for i in factors),
            aliases={
                f"{steps[a]}:{steps[b]}": round(float(weight), 6)
                for (a, b), weight in zip(left_out, row, strict=True)
                if abs(weight) > 1e-6
            },
        )
        for factors, row in zip(index, leaks[1:], strict=True)
    )


def _d_optimal(
    allowed: Array, steps: Sequence[str], wanted: int, max_runs: int, seed: int
) -> tuple[Array, list[tuple[int, int]]]:
    """Distinct allowed runs, the baseline first, of the largest determinant found; and the pairs of their model."""
    k = len(steps)
    if not len(allowed) or (allowed[0] > 0).any():
        raise AdvisorError(
            "The baseline, with no step on, is not allowed; change the predicate, all is measured by it."
        )
    rank = 1
    for column in range(k):
        if int(np.linalg.matrix_rank(_model(allowed[:, : column + 1], []))) == rank:
            raise AdvisorError(
                f"The allowed combinations do not tell step {steps[column]!r} apart from those before it; "
                "allow it with and without them, or leave it out."
            )
        rank += 1
    pairs: list[tuple[int, int]] = []
    for pair in itertools.combinations(range(k), 2):
        if int(np.linalg.matrix_rank(_model(allowed, [*pairs, pair]))) > rank:
            pairs.append(pair)
            rank += 1
    if rank > max_runs:  # not enough runs for the pairs
        pairs, rank = [], k + 1
    runs = min(max(wanted, rank), max_runs, len(allowed))
    if runs < rank:
        raise AdvisorError(f"max_runs is {max_runs}, too few for {k} steps; allow at least {rank} runs a block.")
    model = _model(allowed, pairs)
    random = np.random.default_rng(seed)
    found = [_exchange(model, [0, *(1 + random.permutation(len(model) - 1)[: runs - 1])]) for _ in range(4)]
    best = max(found, key=lambda item: item[0])[1]
    return allowed[sorted(best)], pairs


def _exchange(model: Array, start: Sequence[int]) -> tuple[float, list[int]]:
    """Swap chosen runs for others while the determinant grows. Returns its logarithm and the runs; the first stays."""
    chosen = [int(index) for index in start]
    ridge = 1e-6 * np.eye(model.shape[1])  # a start may be singular

    def inverse() -> tuple[Array, Array]:
        dispersion = np.asarray(np.linalg.inv(model[chosen].T @ model[chosen] + ridge), dtype=np.float64)
        return dispersion, np.asarray(((model @ dispersion) * model).sum(axis=1))

    dispersion, leverage = inverse()
    improved = True
    while improved:
        improved = False
        for place in range(1, len(chosen)):
            out = chosen[place]
            shared = model @ (dispersion @ model[out])
            ratio = (1 + leverage) * (1 - leverage[out]) + shared**2
            ratio[chosen] = 0.0
            if ratio.max() > 1 + 1e-6:
                chosen[place] = int(ratio.argmax())
                dispersion, leverage = inverse()
                improved = True
    return float(np.linalg.slogdet(model[chosen].T @ model[chosen] + ridge)[1]), chosen


def _generators(masks: Sequence[int], steps: Sequence[str]) -> tuple[str, ...]:
    basic = len(steps) - len(masks)
    return tuple(
        f"{steps[basic + index]} = {' + '.join(steps[bit] for bit in range(basic) if mask >> bit & 1)} (mod 2)"
        for index, mask in enumerate(masks)
    )


def _design_sentence(kind: Kind, resolution: int | None, runs: int, k: int, terms: Sequence[Term]) -> str:
    names = {
        "full": f"All {runs} combinations of {k} steps",
        "fraction": f"{runs} of {2**k} combinations, resolution {_ROMAN.get(resolution or 0, '')}",
        "plackett_burman": "Plackett and Burman's 12 combinations",
        "d_optimal": f"{runs} of the allowed combinations, chosen to be D-optimal",
    }
    together = ["; ".join([term.name, *term.aliases]) for term in terms if len(term.steps) > 1 and term.aliases]
    leaking = [term.name for term in terms if len(term.steps) == 1 and term.aliases]
    if leaking:
        return f"{names[kind]}: main effects alone, and right only where no two steps act on each other."
    if together:
        return f"{names[kind]}: main effects are clear; told only together are the pairs ({'), ('.join(together)})."
    what = "the main effect is clear" if k == 1 else "main effects and all pairs that can occur are told apart"
    return f"{names[kind]}: {what}."


def assess_factorial(
    design: FactorialDesign,
    values: Mapping[str, Sequence[float]],
    *,
    metric: str,
    direction: Direction,
    alpha: float = 0.05,
    minimum_effect: float = 0.0,
    test_train_ratio: float | None = None,
) -> Factorial:
    """The effects of steps and pairs, from one least-squares fit a block: its own level drops out.

    Args:
        design: as `factorial_design` gave it.
        values: name of each run in `design.arms` -> the metric's value in each block.

    Raises:
        AdvisorError: for runs missing or unknown, too few or unequal blocks, values that are not finite.
    """
    check_levels(alpha, minimum_effect, direction)
    arms = list(design.arms)
    for name in values:
        if name not in arms:
            raise unknown("arm", name, arms)
    table = check_table(values, arms)
    levels = np.where(np.array(design.rows), 1.0, -1.0)
    order = {step: index for index, step in enumerate(design.steps)}
    pairs = [(order[term.steps[0]], order[term.steps[1]]) for term in design.terms if len(term.steps) == 2]
    # From -1 to +1 is two units, hence twice the coefficient.
    effects = 2 * np.linalg.pinv(_model(levels, pairs))[1:] @ np.stack([table[name] for name in arms])
    rows = {term.name: row for term, row in zip(design.terms, effects, strict=True)}

    def family(differences: Mapping[str, Array]) -> dict[str, Contrast]:
        return contrasts(differences, alpha=alpha, scale=table_scale(table), test_train_ratio=test_train_ratio)

    k, sign = len(design.steps), 1 if direction == "max" else -1
    tested = family({step: rows[step] for step in design.steps})
    tested |= family({name: row for name, row in rows.items() if name not in tested})
    gain = family({"gain": effects[:k].sum(axis=0)})["gain"] if design.whole_allowed else None
    shown = gain if gain is not None and gain.decided and sign * gain.mean > 0 else None
    found = [_effect(term, tested[term.name], shown, metric, sign, minimum_effect) for term in design.terms]
    notes = list(design.notes)
    if any(term.aliases for term in design.terms[:k]):
        notes.append(design.sentence)
    if gain is not None and shown is None:
        notes.append("no shares: the recipe's gain is not shown, and a share of it would be a share of noise")
    return Factorial(
        metric=metric, direction=direction, minimum_effect=minimum_effect, alpha=alpha,
        blocks=len(effects[0]), design=design, gain=gain, main=tuple(found[:k]), pairs=tuple(found[k:]),
        sentence=_sentence(found, k, gain, shown is not None, metric), notes=tuple(notes),
    )  # fmt: skip


def _effect(term: Term, contrast: Contrast, gain: Contrast | None, metric: str, sign: int, margin: float) -> Effect:
    main = len(term.steps) == 1
    verdict: EffectVerdict = "undecided"
    if contrast.within(margin):
        verdict = "negligible"
    elif contrast.decided and sign * contrast.mean > 0:
        verdict = "carries" if main else "synergy"
    elif contrast.decided:
        verdict = "harmful" if main else "redundancy"
    share = contrast.mean / gain.mean if main and gain else None
    leaks = [name if weight == 1 else f"{weight:+.2g} of {name}" for name, weight in term.aliases.items()]
    said = f"{term.name}: {verdict}, {contrast.stated(metric, margin=margin)}"
    said += f", {100 * share:.0f} % of the recipe's gain" if share is not None else ""
    said += f"; in it {', '.join(leaks)}" if leaks else ""
    return Effect(term=term, contrast=contrast, share=share, verdict=verdict, sentence=f"{said}.")


def _sentence(found: Sequence[Effect], k: int, gain: Contrast | None, shown: bool, metric: str) -> str:
    parts = []
    for verdict, words in (("carries", "carried by"), ("harmful", "harmful on average"), ("undecided", "undecided")):
        names = [
            f"{effect.term.name} ({change(effect.contrast.mean, metric)})"
            for effect in found[:k]
            if effect.verdict == verdict
        ]
        if names:
            parts.append(f"{words}: {', '.join(names)}")
    acting = [f"{e.term.name} ({e.verdict})" for e in found[k:] if e.verdict in ("synergy", "redundancy")]
    parts += [f"steps that act on each other: {', '.join(acting)}"] if acting else []
    body = "; ".join(parts) or "no step changes it by the minimum effect"
    if gain is None:
        return f"{metric_title(metric).capitalize()}: {body}."
    stated = f"{metric_title(metric)} {gain.stated(metric)}"
    head = "The recipe's gain" if shown else "The recipe's change, not shown to be a gain"
    return f"{head}, {stated}: {body}."
