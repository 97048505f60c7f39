"""From a training log to Curves, whatever its format. A new format is its file here and one import below."""

import os
from pathlib import Path

from advisor.curves import Curves
from advisor.errors import AdvisorError
from advisor.readers import csv_table as csv_table
from advisor.readers import json_history as json_history
from advisor.readers import json_lines as json_lines
from advisor.readers import trainer_state as trainer_state
from advisor.readers.base import READABLE, READERS, LogFile
from advisor.readers.folder import read_folder


def read(path: str | os.PathLike[str]) -> list[Curves]:
    """The runs in a log file, or in all logs of a folder.

    Raises:
        AdvisorError: there is nothing to read; the message names the path, what was found and what would do.
    """
    place = Path(path).expanduser()
    return read_folder(place, read_file) if place.is_dir() else read_file(place)


def read_file(path: Path) -> list[Curves]:
    """The runs in one file, by the reader that is surest of it.

    Raises:
        AdvisorError: as `read`.
    """
    file = LogFile.open(path)
    confidence, reader = max(((reader.sniff(file), reader) for reader in READERS), key=lambda item: item[0])
    if confidence <= 0:
        found = "binary data" if file.is_binary else f"text that begins with {file.head.strip()[:60]!r}"
        formats = ", ".join(reader.name for reader in READERS)
        raise AdvisorError(f"Cannot read {str(path)!r}: found {found}; known formats: {formats}; {READABLE}.")
    if file.is_binary:
        raise AdvisorError(f"Cannot read {str(path)!r}: found binary data in what should be text; {READABLE}.")
    runs = reader.read(file)
    if not runs:
        raise AdvisorError(f"Cannot read {str(path)!r}: {reader.name} without a single logged value; {READABLE}.")
    return runs
