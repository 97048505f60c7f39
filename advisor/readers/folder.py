"""A folder of logs: each readable file's runs, and files named for their split joined into one run."""

from collections.abc import Callable
from pathlib import Path

from advisor.curves import Curves, Series
from advisor.errors import AdvisorError
from advisor.readers.base import READABLE
from advisor.readers.meaning import split_of

MAX_FILES = 2000
_SUFFIXES = frozenset({".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".log", ".txt", ""})


def read_folder(folder: Path, read_file: Callable[[Path], list[Curves]]) -> list[Curves]:
    """The runs of all readable files under `folder`, in the order of their paths. Links out of it are not followed.

    Files called for a split (`train.csv`, `val.csv`) in one folder are one run.

    Raises:
        AdvisorError: no file could be read, or there are more than 2,000.
    """
    root = folder.resolve()
    paths = sorted(
        path for path in folder.rglob("*")
        if path.suffix.lower() in _SUFFIXES and path.is_file() and path.resolve().is_relative_to(root)
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )  # fmt: skip
    if len(paths) > MAX_FILES:
        raise AdvisorError(
            f"Cannot read {str(folder)!r}: it holds {len(paths)} files that may be logs and the limit is {MAX_FILES}; "
            "give the folder of one experiment."
        )
    runs: list[Curves] = []
    refused: list[str] = []
    by_split: dict[Path, list[Curves]] = {}
    for path in paths:
        try:
            found = read_file(path)
        except AdvisorError as error:
            refused.append(str(error))
            continue
        if split_of(path.stem) and len(found) == 1:
            by_split.setdefault(path.parent, []).append(found[0])
        else:
            runs.extend(found)
    runs.extend(_join(parts) for parts in by_split.values())
    if not runs:
        first = f" The first file said: {refused[0]}" if refused else ""
        raise AdvisorError(
            f"Cannot read {str(folder)!r}: none of its {len(paths)} files that may be logs is one; {READABLE}.{first}"
        )
    note = f"{len(refused)} other files of the folder were not readable as logs"
    return [run.model_copy(update={"notes": (*run.notes, note)}) for run in runs] if refused else runs


def _join(parts: list[Curves]) -> Curves:
    """One run from the files of its splits: every series gets its file's split and a name that tells it."""
    if len(parts) == 1:
        return parts[0]
    series: list[Series] = []
    for part in parts:
        stem = Path(part.source).stem
        for item in part.series:
            shared = item.role in {"schedule", "diagnostic"} and item.split == "other"
            split = "other" if shared else split_of(stem)
            series.append(item.model_copy(update={"name": f"{stem}/{item.name}", "split": split}))
    first = Path(parts[0].source)
    notes = tuple(f"{Path(part.source).name}: {note}" for part in parts for note in part.notes)
    return Curves(source=str(first.parent), name=first.parent.name, series=tuple(series), notes=notes)
