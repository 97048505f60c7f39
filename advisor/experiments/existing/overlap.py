"""Runs that are on both sides: one file twice, or the same values in two files."""

from collections.abc import Sequence
from pathlib import Path

from advisor.errors import AdvisorError
from advisor.experiments.existing.side import Run, digest


def shared_files(a: Sequence[Run], b: Sequence[Run]) -> tuple[str, ...]:
    """The runs of A whose very file is in B too.

    Raises:
        AdvisorError: all runs of a side are.
    """
    places = [[(Path(run.curves.source).resolve(), run.curves.name) for run in side] for side in (a, b)]
    common = set(places[0]) & set(places[1])
    for letter, other, own in (("A", "B", places[0]), ("B", "A", places[1])):
        if set(own) <= common:
            raise AdvisorError(
                f"Every run of {letter} ({own[0][0].name}{', ...' if len(own) > 1 else ''}) is a run of {other} too: "
                "there is nothing to compare; give two paths of which none holds the other."
            )
    return tuple(run.name for run, place in zip(a, places[0], strict=True) if place in common)


def same_values(a: Sequence[Run], b: Sequence[Run]) -> tuple[str, ...]:
    """The runs of A of which B has one with the very same values."""
    theirs = {digest(run) for run in b} - {None}
    return tuple(run.name for run in a if digest(run) in theirs)
