"""A JSON document with a history: an object of equal lists, as Keras' History keeps it, or a list of objects."""

import json
from typing import Any

from advisor.curves import Curves
from advisor.errors import AdvisorError
from advisor.readers.base import READABLE, LogFile, register
from advisor.readers.json_lines import flatten, parse_object
from advisor.readers.table import Row, Table


class JsonHistory:
    """`{"loss": [...], "val_loss": [...]}`, or `[{"epoch": 1, "loss": ...}, ...]`."""

    name = "JSON history"

    def sniff(self, file: LogFile) -> float:
        """0.5 for a document that begins like JSON and whose first line is not an object of its own."""
        start = file.head.lstrip()
        if not start.startswith(("{", "[")):
            return 0.0
        lines = start.splitlines()
        whole_object = parse_object(lines[0]) if len(lines) > 1 else None
        return 0.0 if whole_object is not None else 0.9 if len(lines) == 1 and self._history(file.head) else 0.5

    def read(self, file: LogFile) -> list[Curves]:
        """One run; lists of unequal length are padded by absent points and noted."""
        source = str(file.path)
        try:
            rows = self._history(file.text())
        except RecursionError as error:
            raise AdvisorError(f"Cannot read {source!r}: its JSON nests too deeply; {READABLE}.") from error
        if not rows:
            raise AdvisorError(
                f"Cannot read {source!r}: it is no complete JSON, or holds neither lists of numbers nor a list of "
                f"objects; {READABLE}."
            )
        return Table(source, file.path.stem, rows).curves()

    def _history(self, text: str) -> list[Row]:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return []
        if isinstance(value, list):
            return [flatten(item) for item in value if isinstance(item, dict)]
        return _columns_to_rows(value) if isinstance(value, dict) else []


def _columns_to_rows(value: dict[str, Any]) -> list[Row]:
    """Rows of an object whose values are lists of plain values; one level of nesting is looked into."""
    lists = {key: item for key, item in flatten(value).items() if isinstance(item, list) and item}
    plain = {key: item for key, item in lists.items() if not any(isinstance(part, (list, dict)) for part in item)}
    length = max((len(item) for item in plain.values()), default=0)
    return [{key: item[index] for key, item in plain.items() if index < len(item)} for index in range(length)]


register(JsonHistory())
