"""Cuts that keep together what belongs together: groups whole, and times in their order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from advisor.data.facts import IndexArray
from advisor.errors import AdvisorError


def cut_groups(
    members: IndexArray, groups: IndexArray, fractions: dict[str, float], random: np.random.Generator
) -> dict[str, IndexArray]:
    """Whole groups in random order go to each split as long as they fit into its share; the rest is for training.

    A split into which no group fits gets the smallest one. groups: (N,), indexed by `members`.

    Raises:
        AdvisorError: there are fewer groups than splits.
    """
    names, sizes = np.unique(groups[members], return_counts=True)
    if len(names) <= len(fractions):
        raise AdvisorError(
            f"There are {len(names)} groups for {len(fractions) + 1} splits, but a group is never in two; use another "
            "column, or split otherwise."
        )
    left = random.permutation(len(names)).tolist()
    parts: dict[str, IndexArray] = {}
    for name, fraction in fractions.items():
        share, chosen, filled = round(len(members) * fraction), [], 0
        for group in left:
            if filled + sizes[group] <= share:
                chosen.append(group)
                filled += int(sizes[group])
        chosen = chosen or [min(left, key=lambda group: int(sizes[group]))]
        left = [group for group in left if group not in set(chosen)]
        parts[name] = members[np.isin(groups[members], names[chosen])]
    parts["train"] = members[np.isin(groups[members], names[left])]
    return parts


def cut_times(
    members: IndexArray, times: NDArray[np.float64], fractions: dict[str, float], column: str
) -> dict[str, IndexArray]:
    """Train is oldest and test newest; examples of one time stay together, the earlier split going without them.

    times: (N,), indexed by `members`.

    Raises:
        AdvisorError: no place to cut, because too many examples are of one time.
    """
    order = members[np.argsort(times[members], kind="stable")]
    ordered = times[order]
    parts: dict[str, IndexArray] = {}
    stop = len(order)
    for name in ("test", "validation"):
        if name not in fractions:
            continue
        place = stop - round(len(order) * fractions[name])
        # The first example of that time, so that no time lies on both sides.
        place = int(np.searchsorted(ordered, ordered[min(place, stop - 1)], side="left"))
        if place == 0:
            raise AdvisorError(
                f"The times in {column!r} leave no place to cut off {name}: {int((ordered == ordered[0]).sum())} of "
                f"{len(order)} examples have the earliest, {ordered[0].item()!r}; use a finer time, or split otherwise."
            )
        parts[name] = order[place:stop]
        stop = place
    parts["train"] = order[:stop]
    return parts
