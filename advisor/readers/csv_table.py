"""CSV and TSV tables with a header: Lightning's metrics.csv, Keras' CSVLogger and plain ones."""

import csv
import io

from advisor.curves import Curves, Split
from advisor.errors import AdvisorError
from advisor.readers.base import READABLE, LogFile, register
from advisor.readers.table import Row, Table
from advisor.readers.values import is_absent, to_number

_DELIMITERS = (",", "\t", ";", "|")


class CsvTable:
    """A header line, then one line a row. An empty cell is a point that was not logged."""

    name = "CSV"

    def sniff(self, file: LogFile) -> float:
        """0.6 for a header of words over rows of numbers; 0.3 for a header alone."""
        lines = [line for line in file.head.splitlines() if line.strip()][:50]
        if not lines or lines[0].lstrip().startswith(("{", "[{")):
            return 0.0
        delimiter = sniff_delimiter(lines)
        try:
            rows = list(csv.reader(lines, delimiter=delimiter))
        except csv.Error:
            return 0.0
        header, body = rows[0], rows[1:]
        named = file.path.suffix.lower() in {".csv", ".tsv"}
        if not _is_header(header):
            if body and _is_transposed(rows):
                return 0.5
            return 0.3 if named else 0.0
        if not body:
            return 0.3 if named or len(header) > 1 else 0.0
        same_width = sum(len(row) == len(header) for row in body) / len(body)
        cells = [cell for row in body for cell in row if not is_absent(cell)]
        numeric = sum(to_number(cell) is not None for cell in cells) / max(1, len(cells))
        if same_width < 0.7 or numeric < 0.3 or (len(header) == 1 and numeric < 0.9):
            return 0.2 if named else 0.0
        return 0.7 if named else 0.6

    def read(self, file: LogFile, split: Split | None = None) -> list[Curves]:
        """The runs of the table; `split` holds for every column where the file's name tells it."""
        text = file.text().replace("\r\r\n", "\n").replace("\0", "")
        lines = [line for line in text.splitlines() if line.strip()]
        delimiter = sniff_delimiter(lines[:50])
        source = str(file.path)
        try:
            parsed = list(csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter, skipinitialspace=True))
        except csv.Error as error:
            raise AdvisorError(f"Cannot read {source!r} as CSV: {error}; {READABLE}.") from error
        header = [cell.strip() for cell in parsed[0]] if parsed else []
        if _is_transposed(parsed):
            parsed = [list(row) for row in zip(*(row for row in parsed if len(row) == len(header)), strict=True)]
            header = [cell.strip() for cell in parsed[0]]
        if not _is_header(header):
            found = delimiter.join(header)[:80]
            raise AdvisorError(f"Cannot read {source!r}: its first line is no header but {found!r}; {READABLE}.")
        rows, notes = _rows(header, parsed[1:])
        return Table(source, file.path.stem, rows, notes, split).curves()


def sniff_delimiter(lines: list[str]) -> str:
    """The separator that cuts the header into most parts and the first rows into as many."""

    def quality(delimiter: str) -> tuple[int, int]:
        widths = [len(row) for row in csv.reader(lines[:10], delimiter=delimiter)]
        same = sum(width == widths[0] for width in widths) if widths else 0
        return (same * (widths[0] > 1), widths[0]) if widths else (0, 0)

    return max(_DELIMITERS, key=quality)


def _is_header(cells: list[str]) -> bool:
    """Whether a line names columns: words, and numbers (`1`, `25` for a rank) only beside at least two words."""
    named = [cell for cell in cells if not is_absent(cell)]
    words = sum(to_number(cell) is None for cell in named)
    return words > 0 and (words == len(named) or words >= 2)


def _is_transposed(lines: list[list[str]]) -> bool:
    """Whether each line is one metric: a data frame that was turned over, with row numbers for a header."""
    header, body = lines[0], lines[1:]
    numbers = [to_number(cell) for cell in header[1:]]
    counted = len(numbers) > 1 and all(number is not None for number in numbers)
    return counted and bool(body) and all(row and to_number(row[0]) is None for row in body)


def _rows(header: list[str], body: list[list[str]]) -> tuple[list[Row], list[str]]:
    names = [name if header.count(name) == 1 else f"{name}.{index}" for index, name in enumerate(header)]
    notes, rows, wrong, repeated = [], [], 0, 0
    for number, cells in enumerate(body):
        if cells and [cell.strip() for cell in cells] == header:
            repeated += 1  # a second run wrote its header into the same file
        elif len(cells) > len(names) or (len(cells) < len(names) and number < len(body) - 1):
            wrong += 1
        elif len(cells) < len(names):
            notes.append("the last line was cut off and left out: the run may still have been writing")
        else:
            rows.append({k: v for k, v in zip(names, cells, strict=True) if not is_absent(v)})
    if wrong:
        notes.append(f"{wrong} lines with another number of cells than the header's {len(names)} were left out")
    if repeated:
        notes.append(f"{repeated} repeated header lines were left out")
    return rows, notes


register(CsvTable())
