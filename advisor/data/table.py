"""A table with a target: which columns are features, what they are, and their raw form as one matrix."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from advisor.data.columns import Column
from advisor.data.dataset import Dataset
from advisor.data.facts import IndexArray
from advisor.data.group_columns import given_splits, make_cut
from advisor.data.groups import make_groups
from advisor.data.paths import locate
from advisor.data.spec import DataSpec
from advisor.data.table_encoder import TableColumns
from advisor.data.table_file import read_columns
from advisor.data.targets import MOST_WHOLE_CLASSES, EncodedTargets, encode_targets
from advisor.errors import AdvisorError, unknown

# A column with more different words than this, and than half the rows, is an identifier or free text.
FEW_LEVELS = 20
MOST_LEVELS = 10_000
NAMED = 5


def load_table(data: DataSpec, workspace: pathlib.Path | None) -> Dataset:
    """The table in `data.table`.

    Raises:
        AdvisorError: columns that are missing, targets without a value, columns that are neither numbers nor words.
    """
    assert data.table is not None, "the source is a table"
    path = locate(data.table, workspace)
    return table_dataset(read_columns(path), data, f"table {path.name!r}")


def table_dataset(
    columns: Mapping[str, Column], data: DataSpec, what: str, given: dict[str, IndexArray] | None = None
) -> Dataset:
    """A data set of the columns, with the targets, categories, columns to drop and split that `data` names.

    A column that says how to split or that groups the examples is no feature. Raw form: (N, F) float64, NaN where
    missing, words as the number of the word among all of the column in their order.
    """
    import torch

    targets = target_columns(data)
    split_column = data.split.column if data.split else None
    for name in (*targets, *data.drop, *data.categories, *(name for name in (split_column, data.groups) if name)):
        if name not in columns:
            raise unknown(f"column of {what}", name, columns)
    encoded = encode_columns([columns[name] for name in targets], data, what)
    left_out = {*targets, *data.drop, split_column, data.groups}
    features = {name: column for name, column in columns.items() if name not in left_out}
    rows: list[NDArray[np.float64]] = []
    names: list[str] = []
    levels: list[tuple[str, ...]] = []
    remarks: list[str] = []
    constant: list[str] = []
    for name, column in features.items():
        values, words = _raw(column, what, as_words=name in data.categories)
        if _is_constant(values):
            constant.append(name)
            continue
        rows.append(values)
        names.append(name)
        levels.append(words)
    if constant:
        listed = ", ".join(repr(name) for name in constant[:NAMED])
        if not rows:
            raise AdvisorError(f"All features of {what} are constant: {listed}; there is nothing to learn from.")
        remarks.append(f"{len(constant)} constant columns were left out: {listed}")
    if not rows:
        raise AdvisorError(f"{what} has no column beside its target; there is nothing to learn from.")
    matrix = np.stack(rows, 1)
    absent = int(np.isnan(matrix).sum())
    if absent:
        where = [name for name, column in zip(names, rows, strict=True) if np.isnan(column).any()]
        remarks.append(f"{absent} values are missing, in {', '.join(repr(name) for name in where[:NAMED])}")
    told = columns[split_column].raw() if split_column else None
    cut = make_cut(data.split, told, what)
    if cut is not None and cut.by == "given" and told is not None:
        given = given_splits(told, split_column or "", what)
    if encoded.kind == "real":
        remarks.append("errors are in units of the target's deviation in training (rmse and mae)")
    return Dataset(
        inputs=torch.from_numpy(matrix),
        targets=encoded.values,
        kind=encoded.kind,
        labels=encoded.labels,
        given=given,
        preparation=TableColumns(tuple(names), tuple(levels)),
        cut=cut,
        remarks=tuple(remarks),
        groups=make_groups(data.groups, columns[data.groups].raw() if data.groups else None, what),
    )


def target_columns(data: DataSpec) -> tuple[str, ...]:
    """The names of the columns to predict."""
    if data.target is None:
        return ()
    return (data.target,) if isinstance(data.target, str) else data.target


def encode_columns(columns: list[Column], data: DataSpec, what: str) -> EncodedTargets:
    """The targets of these columns.

    Raises:
        AdvisorError: a value is missing, there is one class, or there are too many.
    """
    for column in columns:
        if column.missing.any():
            gone = np.flatnonzero(column.missing)
            lines = ", ".join(str(row + column.first_line) for row in gone[:NAMED].tolist())
            raise AdvisorError(
                f"The target {column.name!r} of {what} is missing in {len(gone)} of {len(column)} rows, such as line "
                f"{lines}; drop those rows, or predict another column."
            )
    if len(columns) == 1:
        raw = columns[0].raw()
        task = data.task
        if task is None and raw.dtype.kind in "iu" and len(np.unique(raw)) > MOST_WHOLE_CLASSES:
            task = "real"
        return encode_targets(raw, f"{what} ({columns[0].name!r})", task)
    arrays = [column.raw() for column in columns]
    names = tuple(column.name for column in columns)
    if any(array.dtype.kind not in "iuf" for array in arrays):
        raise AdvisorError(f"The targets {', '.join(names)} of {what} are not all numbers; use 0 and 1, or one column.")
    return encode_targets(np.stack(arrays, 1), what, data.task, names)


def _raw(column: Column, what: str, *, as_words: bool) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """The raw values, and the words that they number; none for numbers."""
    if not as_words:
        column.check_numbers()
        if column.numbers is not None:
            return column.numbers, ()
    words = sorted({word for word in column.words if word is not None})
    if len(words) > MOST_LEVELS or len(words) > max(FEW_LEVELS, len(column) // 2):
        raise AdvisorError(
            f"column {column.name!r} of {what} holds {len(words)} different words in {len(column)} rows, such as "
            f"{words[0][:40]!r}: an identifier or free text, from which nothing general is learned; name it under drop."
        )
    number = {word: float(place) for place, word in enumerate(words)}
    values = np.asarray([np.nan if word is None else number[word] for word in column.words])
    return values, tuple(words)


def _is_constant(values: NDArray[np.float64]) -> bool:
    present = values[~np.isnan(values)]
    return len(present) == 0 or (len(present) == len(values) and bool((present == present[0]).all()))
