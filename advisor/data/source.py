"""Loading data by its spec, once for each process, and describing it for the driver of a job."""

from __future__ import annotations

import pathlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from advisor.data.alike import check_inputs
from advisor.data.arrays import load_arrays
from advisor.data.builtin import load_builtin
from advisor.data.card import make_card
from advisor.data.corpus import load_corpus
from advisor.data.dataset import Cut, Dataset
from advisor.data.folder import load_folder
from advisor.data.huggingface import load_huggingface
from advisor.data.spec import DataSpec
from advisor.data.splits import split
from advisor.data.table import load_table
from advisor.data.text import load_text
from advisor.data.torchvision_sets import load_torchvision
from advisor.data.user_data import load_entry_data

if TYPE_CHECKING:
    from advisor.experiments.spec import Design

LOADERS = {
    "folder": load_folder,
    "arrays": load_arrays,
    "table": load_table,
    "text": load_text,
    "corpus": load_corpus,
    "torchvision": load_torchvision,
    "huggingface": load_huggingface,
}
# The last data set loaded: a worker trains many runs on the same one.
_loaded: dict[tuple[str, str], Dataset] = {}


def load(data: DataSpec, workspace: pathlib.Path | None) -> Dataset:
    """The data that the spec names. Treat the tensors as read-only: the next run of this process sees them again.

    Raises:
        AdvisorError: files or the user's function are missing or hold something else (exit status 2), or it raised (1).
    """
    key = (data.model_dump_json(exclude={"train_size", "label_noise"}), str(workspace))
    if key not in _loaded:
        dataset = _load(data, workspace)
        _loaded.clear()
        _loaded[key] = dataset
    return _loaded[key]


def inspect(data: DataSpec, workspace: pathlib.Path | None, design: Design | None = None) -> dict[str, Any]:
    """What a job's driver must know before the first run, as JSON-able values.

    `sizes` are those of the splits that `design` cuts (the default design where None), `input_shape` that of what a
    model gets then. The card looks for copies between these splits.

    Raises:
        AdvisorError: as `load` and `split` do.
    """
    from advisor.experiments.spec import Design

    dataset = load(data, workspace)
    chosen = design or Design()
    splits = split(dataset, chosen, chosen.seed, data.train_size)
    return {
        "fingerprint": dataset.fingerprint,
        "kind": dataset.kind,
        "classes": dataset.classes,
        "input_shape": list(dataset.prepared(splits.train).input_shape),
        "sizes": splits.sizes,
        "card": make_card(dataset, splits.named()).model_dump(mode="json"),
    }


def _load(data: DataSpec, workspace: pathlib.Path | None) -> Dataset:
    dataset = check_inputs(_read(data, workspace), f"{data.source} {getattr(data, data.source)!r}")
    if data.split is not None and dataset.cut is None:
        return replace(dataset, cut=Cut(data.split.by, data.split.column))
    return dataset


def _read(data: DataSpec, workspace: pathlib.Path | None) -> Dataset:
    if data.source in LOADERS:
        return LOADERS[data.source](data, workspace)
    if data.builtin is not None:
        return load_builtin(data.builtin)
    assert data.entry is not None, "DataSpec has exactly one source"
    return load_entry_data(data.entry, data.arguments, workspace, data.split, data.groups)
