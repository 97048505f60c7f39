"""From a table's raw matrix to what a model gets; medians, means and levels are those of the training split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from advisor.data.facts import DataKind, IndexArray, InputFacts, InputKind, Prepared
from advisor.data.preparation import standardize, standardize_targets

if TYPE_CHECKING:
    import torch

# A category of at most so many levels becomes columns of 0 and 1; of more, codes for an embedding.
MOST_ONE_HOT = 32
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class TableColumns:
    """The columns of a raw matrix (N, F) by name; `levels` are a column's words, empty for numbers.

    A missing value is a level of its own in a category. In a column of numbers it becomes the training median, and a
    further column says where, if any is missing in training. A column of 0 and 1 is there for each level that training
    has; a level that it lacks is 0 in all of them. Of the levels with codes those that occur once in training share
    code 0 with those that do not, so that the code has been trained. Real targets get mean 0 and deviation 1.
    """

    names: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    kind: InputKind = "table"

    def describe(self) -> str:
        """Names and levels."""
        return f"table: {self.names} {self.levels}"

    def fit(
        self, inputs: torch.Tensor, targets: torch.Tensor, kind: DataKind, outputs: int, train: IndexArray
    ) -> Prepared:
        """Numbers first, then columns of 0 and 1, then codes; see `InputFacts`."""
        import torch

        raw = inputs.numpy()
        numbers: list[tuple[str, Numbers]] = []
        marks: list[tuple[str, Numbers]] = []
        codes: list[tuple[str, Numbers, int]] = []
        for place, (name, words) in enumerate(zip(self.names, self.levels, strict=True)):
            column = raw[:, place]
            if not words:
                filled, absent = _filled(column, train)
                numbers.append((name, filled))
                if absent is not None:
                    marks.append((f"{name} is missing", absent))
                continue
            level = np.where(np.isnan(column), len(words), column).astype(np.int64)
            named = (*words, "(missing)")
            counts = np.bincount(level[train], minlength=len(named))
            present = np.flatnonzero(counts)
            if len(present) <= MOST_ONE_HOT:
                marks += [(f"{name} = {named[one]}", (level == one).astype(np.float64)) for one in present.tolist()]
            else:
                often = np.flatnonzero(counts > 1)
                code = np.zeros(len(named))
                code[often] = np.arange(1, len(often) + 1)
                codes.append((name, code[level], len(often) + 1))
        parts = []
        if numbers:
            parts.append(standardize(torch.from_numpy(np.stack([column for _, column in numbers], 1)), train))
        rest = [column for _, column in marks] + [column for _, column, _ in codes]
        if rest:
            parts.append(torch.from_numpy(np.stack(rest, 1)).float())
        facts = InputFacts(
            "table",
            categories=tuple(cardinality for _, _, cardinality in codes),
            columns=(*(name for name, _ in numbers), *(name for name, _ in marks), *(name for name, _, _ in codes)),
        )
        if kind == "real":
            targets = standardize_targets(targets, train)
        return Prepared(torch.cat(parts, 1), targets, facts, outputs, kind)


def _filled(column: Numbers, train: IndexArray) -> tuple[Numbers, Numbers | None]:
    """The column without gaps, and where they were if training has any."""
    absent = np.isnan(column)
    known = column[train][~absent[train]]
    median = float(np.median(known)) if len(known) else 0.0
    return np.where(absent, median, column), absent.astype(np.float64) if absent[train].any() else None
