"""A folder that `datasets.save_to_disk` wrote: its Arrow files, read through pyarrow without `datasets`."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np

from advisor.data.columns import Column
from advisor.data.dataset import Dataset
from advisor.data.facts import IndexArray
from advisor.data.folder import SPLIT_FOLDERS
from advisor.data.group_columns import given_splits, make_cut
from advisor.data.groups import make_groups
from advisor.data.images import DEFAULT_SIZE, decode_images
from advisor.data.paths import locate, require_file
from advisor.data.preparation import AsTheyAre
from advisor.data.spec import DataSpec
from advisor.data.table import encode_columns, table_dataset
from advisor.data.table_file import MAX_CELLS, columns_of_arrow, require_pyarrow
from advisor.data.targets import encode_targets
from advisor.data.text import text_dataset
from advisor.errors import AdvisorError, unknown

MAX_JSON_BYTES = 64 * 2**20


def load_huggingface(data: DataSpec, workspace: pathlib.Path | None) -> Dataset:
    """An image, text or table set, by its features: an Image, a `text_column` (or one called text), else a table.

    The target is `data.target`, or the one ClassLabel, or "label". Indices that were not flattened are refused.

    Raises:
        AdvisorError: pyarrow is missing, it is no such folder, or no target is found.
    """
    assert data.huggingface is not None, "the source is huggingface"
    folder = locate(data.huggingface, workspace)
    what = f"huggingface {data.huggingface!r}"
    splits = _splits(folder, what)
    tables = {name: _read(place, what) for name, place in splits.items()}
    pyarrow = require_pyarrow("what datasets saved")
    table = pyarrow.concat_tables(list(tables.values()))
    if table.num_rows * table.num_columns > MAX_CELLS or table.num_rows == 0:
        raise AdvisorError(
            f"{what} has {table.num_rows} rows of {table.num_columns} columns; give 1 to {MAX_CELLS} cells."
        )
    stops = np.cumsum([part.num_rows for part in tables.values()])
    given: dict[str, IndexArray] | None = None
    if len(tables) > 1:
        given = {
            name: np.arange(stop - part.num_rows, stop, dtype=np.int64)
            for (name, part), stop in zip(tables.items(), stops, strict=True)
        }
    features = _json(next(iter(splits.values())) / "dataset_info.json", what).get("features") or {}
    labels = {name: kind["names"] for name, kind in features.items() if _is(kind, "ClassLabel") and kind.get("names")}
    images = [name for name, kind in features.items() if _is(kind, "Image")]
    data = data.model_copy(update={"target": data.target or _target(list(labels), table.column_names, what)})
    if images:
        return _image_dataset(table, images[0], labels, given, data, what)
    columns = {
        name: _named(column, labels[name]) if name in labels else column
        for name, column in columns_of_arrow(table, what).items()
    }
    if data.text_column is not None or "text" in columns:
        return text_dataset(columns, data, what, given)
    return table_dataset(columns, data, what, given)


def _splits(folder: pathlib.Path, what: str) -> dict[str, pathlib.Path]:
    """The folder of each split, in the order train, validation, test."""
    if not (folder / "dataset_dict.json").is_file():
        return {"train": folder}
    found = {}
    for name in _json(folder / "dataset_dict.json", what).get("splits", []):
        split = SPLIT_FOLDERS.get(str(name).lower())
        if split is None or split in found:
            raise AdvisorError(f"{what} has a split {name!r}; save it with train, validation and test alone.")
        found[split] = folder / pathlib.PurePath(str(name)).name
    if "train" not in found:
        raise AdvisorError(f"{what} has no split train but {', '.join(found) or 'none at all'}.")
    return {name: found[name] for name in ("train", "validation", "test") if name in found}


def _read(folder: pathlib.Path, what: str) -> Any:
    pyarrow = require_pyarrow("what datasets saved")
    state = _json(folder / "state.json", what)
    if state.get("_indices_data_files") or state.get("_indices_files"):
        raise AdvisorError(f"{what} keeps indices beside its rows; save it again after flatten_indices().")
    names = [pathlib.PurePath(str(item.get("filename", ""))).name for item in state.get("_data_files") or []]
    if not names:
        raise AdvisorError(f"{what} names no Arrow files in {folder.name}/state.json; save it again.")
    parts = []
    for name in names:
        path = require_file(folder / name)
        if not path.resolve().is_relative_to(folder):
            raise AdvisorError(f"{str(path)!r} is a link out of {what}, which is not followed; copy the file there.")
        try:
            with pyarrow.memory_map(str(path)) as source:
                parts.append(pyarrow.ipc.open_stream(source).read_all())
        except (pyarrow.ArrowException, OSError) as error:
            raise AdvisorError(f"{str(path)!r} is no Arrow stream that can be read: {str(error)[:200]}.") from None
    return pyarrow.concat_tables(parts)


def _json(path: pathlib.Path, what: str) -> dict[str, Any]:
    if not path.is_file():
        raise AdvisorError(f"{what} has no {path.name}; give the folder that save_to_disk wrote.")
    try:
        value = json.loads(require_file(path, MAX_JSON_BYTES).read_bytes())
    except (ValueError, RecursionError) as error:
        raise AdvisorError(f"{str(path)!r} is no JSON: {str(error)[:100]}; save the data again.") from None
    return value if isinstance(value, dict) else {}


def _is(feature: Any, kind: str) -> bool:
    return isinstance(feature, dict) and feature.get("_type") == kind


def _target(labels: list[str], columns: list[str], what: str) -> str:
    if len(labels) == 1:
        return labels[0]
    if "label" in columns:
        return "label"
    raise AdvisorError(f"{what} does not say what to predict; name it as target: one of {', '.join(columns)}.")


def _named(column: Column, names: list[str]) -> Column:
    """Class numbers as their names; -1 is missing."""
    cells = [names[cell] if isinstance(cell, int) and 0 <= cell < len(names) else None for cell in column.cells]
    return Column(column.name, list(cells), typed=True, first_line=column.first_line)


def _image_dataset(
    table: Any,
    column: str,
    labels: dict[str, list[str]],
    given: dict[str, IndexArray] | None,
    data: DataSpec,
    what: str,
) -> Dataset:
    import torch

    encoded: list[bytes] = [(cell or {}).get("bytes") or b"" for cell in table.column(column).to_pylist()]
    if not all(encoded):
        raise AdvisorError(f"{what} names image files outside of it; save it again with the images embedded.")
    names = [f"example {number}" for number in range(len(encoded))]
    pictures = decode_images(list(encoded), names, data.image_size or DEFAULT_SIZE, what)
    target = str(data.target if isinstance(data.target, str) or data.target is None else data.target[0])
    split_column = data.split.column if data.split else None
    wanted = dict.fromkeys(name for name in (target, split_column, data.groups) if name)
    for name in wanted:
        if name not in table.column_names:
            raise unknown(f"column of {what}", name, table.column_names)
    columns = {
        name: Column(name, [column.cells[number] for number in pictures.kept.tolist()], typed=True, first_line=1)
        for name, column in columns_of_arrow(table.select(list(wanted)), what).items()
    }
    kept = columns[target]
    if target in labels and not kept.missing.any():
        targets = encode_targets(kept.raw(), what, data.task, tuple(labels[target]))
    else:
        targets = encode_columns([kept], data, what)
    if given is not None:
        place = np.full(len(encoded), -1, dtype=np.int64)
        place[pictures.kept] = np.arange(len(pictures.kept))
        given = {name: place[index][place[index] >= 0] for name, index in given.items()}
    told = columns[split_column].raw() if split_column else None
    cut = make_cut(data.split, told, what)
    if cut is not None and cut.by == "given" and told is not None:
        given = given_splits(told, split_column or "", what)
    return Dataset(
        inputs=torch.from_numpy(pictures.pixels),
        targets=targets.values,
        kind=targets.kind,
        labels=targets.labels,
        given=given,
        preparation=AsTheyAre("image"),
        cut=cut,
        names=tuple(names[number] for number in pictures.kept.tolist()),
        remarks=pictures.remarks,
        groups=make_groups(data.groups, columns[data.groups].raw() if data.groups else None, what),
    )
