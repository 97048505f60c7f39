"""JSON Lines: one object a line, each with the values that were logged at that moment."""

import json
from typing import Any

from advisor.curves import Curves
from advisor.errors import AdvisorError
from advisor.readers.base import READABLE, LogFile, register
from advisor.readers.table import Row, Table
from advisor.readers.values import to_number


class JsonLines:
    """Objects may differ in their keys and nest; nested keys are joined by a slash."""

    name = "JSON Lines"

    def sniff(self, file: LogFile) -> float:
        """0.8 where most of the first lines are objects, half of that where a few are."""
        lines = [line for line in file.head.splitlines() if line.strip()][:50]
        if not lines or not lines[0].lstrip().startswith("{"):
            return 0.0
        share = sum(parse_object(line) is not None for line in lines) / len(lines)
        named = file.path.suffix.lower() in {".jsonl", ".ndjson"}
        return 0.8 if share > 0.5 else 0.4 if share > 0.1 or named else 0.0

    def read(self, file: LogFile) -> list[Curves]:
        """The runs of the file; lines that are no objects are counted in the notes."""
        lines = [line for line in file.text().splitlines() if line.strip()]
        objects = [parse_object(line) for line in lines]
        rows = [flatten(item) for item in objects if item is not None]
        notes = []
        if objects and objects[-1] is None:
            notes.append("the last line was cut off and left out: the run may still have been writing")
        broken = sum(item is None for item in objects[:-1])
        if broken:
            notes.append(f"{broken} lines that are no JSON objects were left out")
        if not rows:
            raise AdvisorError(f"Cannot read {str(file.path)!r}: none of its lines is a JSON object; {READABLE}.")
        return Table(str(file.path), file.path.stem, rows, notes, planned=planned_end(rows)).curves()


def parse_object(line: str) -> dict[str, Any] | None:
    """The object that the line holds, or None."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def flatten(value: dict[str, Any], prefix: str = "") -> Row:
    """Nested objects as one row: {"train": {"loss": 1}} gives {"train/loss": 1}. Lists of one are their element."""
    row: Row = {}
    for key, item in value.items():
        if isinstance(item, dict):
            row.update(flatten(item, f"{prefix}{key}/"))
        else:
            row[f"{prefix}{key}"] = item[0] if isinstance(item, list) and len(item) == 1 else item
    return row


def planned_end(rows: list[Row]) -> float | None:
    """The last step that the run meant to reach, where every row repeats it (`total_steps`, `max_steps`)."""
    for key in ("total_steps", "max_steps", "total_epochs", "max_epochs"):
        values = {to_number(row[key]) for row in rows if key in row}
        if len(values) == 1 and (value := values.pop()) and value > 0:
            return value
    return None


register(JsonLines())
