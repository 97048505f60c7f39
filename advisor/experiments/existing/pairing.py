"""Which run of A belongs to which run of B: by seed, or by the same name below both paths."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from advisor.experiments.existing.model import Pairing
from advisor.experiments.existing.side import Run


@dataclass(frozen=True)
class Pairs:
    """The pairs as names of runs, how they were found, and why there are none where the names seemed to tell."""

    how: Pairing
    names: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def pair(a: Sequence[Run], b: Sequence[Run]) -> Pairs:
    """Pairs of runs of one seed, else of one name; none where they are fewer than two or than half of a side.

    Decided by names alone: no value is looked at, so the choice of the test cannot favour an outcome.
    """
    notes: list[str] = []
    ways: list[tuple[Literal["seed", "name"], list[list[int | str | None]]]] = [
        ("seed", [[run.seed for run in side] for side in (a, b)]),
        ("name", [[run.key for run in side] for side in (a, b)]),
    ]
    for how, keys in ways:
        if any(key is None for side in keys for key in side):
            continue
        twice = [(letter, key) for letter, side in zip("AB", keys, strict=True)
                 for key, count in Counter(side).items() if count > 1]  # fmt: skip
        if twice:
            letter, key = twice[0]
            notes.append(f"several runs of {letter} have {how} {key}: runs were not paired by {how}")
            continue
        where = {key: run.name for key, run in zip(keys[1], b, strict=True)}
        names = tuple((run.name, where[key]) for key, run in zip(keys[0], a, strict=True) if key in where)
        if len(names) < 2 or 2 * len(names) < min(len(a), len(b)):
            if names and min(len(a), len(b)) > 1:
                notes.append(f"only {len(names)} runs share their {how} with one of the other side: not paired by it")
            continue
        left = len(a) + len(b) - 2 * len(names)
        alone = (f"runs without a partner of the same {how}, left out of the difference: {left}",) if left else ()
        return Pairs(how, names, alone)
    return Pairs("none", notes=tuple(notes))
