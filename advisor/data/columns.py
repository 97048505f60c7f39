"""Columns of a table: cells as they were written, or typed values, and what they turn out to be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.errors import AdvisorError

# Cells that say that there is no value, in any case.
MISSING = frozenset({"", "?", "n/a", "na", "nan", "none", "null"})
# A column of which at least this share of the cells are numbers was meant to be one.
MEANT_AS_NUMBERS = 0.8
NAMED = 3
LARGEST = 1e100  # beyond it sums of squares are infinite
LARGEST_WHOLE = 2**53  # beyond it floats skip integers
# Written texts and typed values; a missing one is None.
Cell = str | bool | int | float | None


@dataclass(frozen=True)
class Column:
    """One column. `cells` are strings as they were written in a text file, or typed values of a typed one.

    `first_line`: the number of the line that the first cell stands in, for messages.
    """

    name: str
    cells: list[Cell]
    typed: bool = False
    first_line: int = 2

    def __len__(self) -> int:
        return len(self.cells)

    @cached_property
    def missing(self) -> NDArray[np.bool_]:
        """(N,) where there is no value."""
        return np.asarray([_is_missing(cell) for cell in self.cells], dtype=np.bool_)

    @cached_property
    def words(self) -> list[str | None]:
        """The values as strings, None where missing."""
        return [
            None if gone else str(cell).strip() for cell, gone in zip(self.cells, self.missing.tolist(), strict=True)
        ]

    @cached_property
    def numbers(self) -> NDArray[np.float64] | None:
        """(N,) with NaN where missing; None where the column holds words, or True and False."""
        values = np.full(len(self.cells), math.nan)
        for number, cell in enumerate(self.cells):
            if self.missing[number]:
                continue
            value = _number(cell)
            if value is None:
                return None
            values[number] = value
        return None if self.missing.all() else values

    @property
    def whole(self) -> bool:
        """Whether the numbers are written as integers."""
        if self.typed:
            return all(isinstance(cell, int) for cell in self.cells if cell is not None)
        return all(word.lstrip("+-").isdecimal() for word in self.words if word is not None)

    def check_numbers(self) -> None:
        """Refuse a column of numbers in which a few cells are something else, and numbers that are too large.

        Raises:
            AdvisorError: it is so, with the cells.
        """
        numbers = self.numbers
        if numbers is not None:
            huge = np.flatnonzero(np.abs(numbers) > LARGEST).tolist()
            if huge:
                raise AdvisorError(
                    f"column {self.name!r} holds {len(huge)} values that are infinite or beyond {LARGEST:g}, such as "
                    f"in {self._places(huge)}; replace or drop them."
                )
            return
        wrong = [number for number, word in enumerate(self.words) if word is not None and _number(word) is None]
        present = len(self.cells) - int(self.missing.sum())
        if present and len(wrong) <= (1 - MEANT_AS_NUMBERS) * present:
            raise AdvisorError(
                f"column {self.name!r} holds numbers but for {len(wrong)} of {present} cells, such as "
                f"{self.words[wrong[0]]!r} in {self._places(wrong)}; mend them, or name the column under categories."
            )

    def raw(self) -> NDArray[Any]:
        """The values for targets or splits: integers, floats with NaN, or strings; objects where one is missing."""
        numbers = self.numbers
        if numbers is not None:
            exact = bool((np.abs(numbers) <= LARGEST_WHOLE).all())  # not so where one is missing
            return numbers.astype(np.int64) if exact and self.whole else numbers
        dtype = object if self.missing.any() else np.str_
        return np.asarray(self.words, dtype=dtype)

    def _places(self, rows: list[int]) -> str:
        listed = ", ".join(str(row + self.first_line) for row in rows[:NAMED])
        return f"{'row' if self.typed else 'line'} {listed}"


def _is_missing(cell: Cell) -> bool:
    if isinstance(cell, str):
        return cell.strip().lower() in MISSING
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def _number(cell: Cell) -> float | None:
    if cell is None or isinstance(cell, bool) or (isinstance(cell, str) and "_" in cell):  # float() takes 1_000
        return None
    try:
        return float(cell)
    except ValueError:
        return None
    except OverflowError:  # an integer beyond the largest float
        return math.inf
