"""Reading a table file into columns: CSV, TSV, JSON lines and Parquet. Text formats need no library.

CSV is always read by the standard library, so that the same file gives the same table with or without pyarrow.
"""

from __future__ import annotations

import csv
import io
import json
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

from advisor.data.columns import Cell, Column
from advisor.data.libraries import missing_library
from advisor.data.paths import require_file
from advisor.errors import AdvisorError

MAX_TEXT_BYTES = 1 * 2**30
MAX_CELLS = 30_000_000
MAX_COLUMNS = 20_000
DELIMITERS = (",", ";", "\t", "|")
MAX_FIELD = 10 * 2**20


def read_columns(path: pathlib.Path) -> dict[str, Column]:
    """The columns of the file by name, in its order, all equally long.

    Raises:
        AdvisorError: another format, broken rows, doubled names, or too much of it.
    """
    readers = {".csv": _read_csv, ".tsv": _read_tsv, ".jsonl": _read_jsonl, ".ndjson": _read_jsonl,
               ".parquet": _read_parquet, ".pq": _read_parquet}  # fmt: skip
    suffix = path.suffix.lower()
    if suffix not in readers:
        raise AdvisorError(f"{path.name!r} ends in {suffix!r}; give one of {', '.join(readers)}.")
    columns = readers[suffix](path)
    if not columns or not len(next(iter(columns.values()))):
        raise AdvisorError(f"{path.name!r} holds no rows; check how it was written.")
    return columns


def _read_csv(path: pathlib.Path) -> dict[str, Column]:
    text = read_text(path)
    head = text[: text.find("\n")] if "\n" in text else text
    delimiter = max(DELIMITERS, key=head.count)
    previous = csv.field_size_limit(MAX_FIELD)
    try:
        return _from_rows(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True), path)
    except csv.Error as error:
        raise AdvisorError(f"{path.name!r} is no CSV that can be read: {error}; check its quotes.") from None
    finally:
        csv.field_size_limit(previous)


def _read_tsv(path: pathlib.Path) -> dict[str, Column]:
    """Quotes are text, for a tab ends a cell in any case; a pair around a whole cell is taken off."""
    lines = read_text(path).splitlines()
    return _from_rows(([_unquoted(cell) for cell in line.split("\t")] for line in lines), path)


def _unquoted(cell: str) -> str:
    if len(cell) >= 2 and cell[0] == cell[-1] == '"':
        return cell[1:-1].replace('""', '"')
    return cell


def _from_rows(rows: Iterator[list[str]] | Iterable[list[str]], path: pathlib.Path) -> dict[str, Column]:
    rows = iter(rows)
    header = [name.strip() for name in next(rows, [])]
    check_names(header, path.name)
    cells: list[list[Cell]] = [[] for _ in header]
    total = 0
    for number, row in enumerate(rows, start=2):
        if not row or row == [""]:
            continue  # an empty line
        if len(row) != len(header):
            raise AdvisorError(
                f"{path.name!r} has {len(row)} cells in row {number} but {len(header)} in its header; mend the row, or "
                "quote what holds a delimiter."
            )
        total += len(row)
        if total > MAX_CELLS:
            raise AdvisorError(f"{path.name!r} has more than {MAX_CELLS} cells; give fewer rows or columns.")
        for column, cell in zip(cells, row, strict=True):
            column.append(cell)
    return {name: Column(name, column) for name, column in zip(header, cells, strict=True)}


def _read_jsonl(path: pathlib.Path) -> dict[str, Column]:
    rows: list[dict[str, Any]] = []
    names: dict[str, None] = {}
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise AdvisorError(f"{path.name!r} holds no JSON in line {number}: {str(error)[:100]}; mend it.") from None
        if not isinstance(row, dict):
            raise AdvisorError(f"{path.name!r} holds a {type(row).__name__} in line {number}; give one object a line.")
        rows.append(row)
        names.update(dict.fromkeys(row))
        if len(rows) * len(names) > MAX_CELLS:
            raise AdvisorError(f"{path.name!r} has more than {MAX_CELLS} cells; give fewer rows or columns.")
    check_names(list(names), path.name)
    return {name: _typed(name, [row.get(name) for row in rows], first_line=1) for name in names}


def _read_parquet(path: pathlib.Path) -> dict[str, Column]:
    require_file(path)
    pyarrow = require_pyarrow("Parquet")
    import importlib

    try:
        file = importlib.import_module("pyarrow.parquet").ParquetFile(path)
        if file.metadata.num_rows * file.metadata.num_columns > MAX_CELLS:
            raise AdvisorError(f"{path.name!r} has more than {MAX_CELLS} cells; give fewer rows or columns.")
        table = file.read()
    except (pyarrow.ArrowException, OSError) as error:
        raise AdvisorError(f"{path.name!r} is no Parquet that can be read: {str(error)[:200]}.") from None
    return columns_of_arrow(table, path.name)


def columns_of_arrow(table: Any, what: str) -> dict[str, Column]:
    """The columns of a pyarrow table; nested values become None only where they are null, and are refused later."""
    check_names(list(table.column_names), what)
    return {name: _typed(name, table.column(name).to_pylist(), first_line=1) for name in table.column_names}


def require_pyarrow(what: str) -> Any:
    """The module.

    Raises:
        AdvisorError: it is not installed.
    """
    import importlib

    try:
        return importlib.import_module("pyarrow")
    except ImportError:
        raise missing_library("pyarrow", f"Reading {what}") from None


def read_text(path: pathlib.Path) -> str:
    """The file as UTF-8, a byte-order mark taken off and line ends made one.

    Raises:
        AdvisorError: it is too large or in another encoding.
    """
    data = require_file(path, MAX_TEXT_BYTES).read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AdvisorError(
            f"{path.name!r} is not UTF-8: byte {error.start} is {data[error.start]:#x}; convert it, such as with "
            f"iconv -f latin1 -t utf-8 {path.name}."
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def check_names(names: list[str], what: str) -> None:
    """Refuse headers that do not name each column once.

    Raises:
        AdvisorError: it is so.
    """
    if len(names) > MAX_COLUMNS:
        raise AdvisorError(f"{what!r} has {len(names)} columns, more than {MAX_COLUMNS}.")
    for number, name in enumerate(names):
        if not name:
            raise AdvisorError(f"Column {number + 1} of {what!r} has no name in the first line; give it one.")
        if name in names[:number]:
            raise AdvisorError(f"{what!r} has two columns {name!r}; rename one.")


def _typed(name: str, values: list[Any], first_line: int) -> Column:
    """Dates become ISO strings, decimals floats, and bytes and nested values an error when they are used."""
    return Column(name, [_cell(value, name) for value in values], typed=True, first_line=first_line)


def _cell(value: Any, name: str) -> Cell:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    if hasattr(value, "as_tuple"):  # a decimal
        return float(value)
    raise AdvisorError(
        f"column {name!r} holds a {type(value).__name__}, which is neither a number nor text; write it as columns of "
        "numbers, or take the column out of the file."
    )
