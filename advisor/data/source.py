"""Loading data by its spec, once for each process, and describing it for the driver of a job."""

import pathlib
from typing import Any

from advisor.data.builtin import load_builtin
from advisor.data.dataset import Dataset
from advisor.data.splits import split
from advisor.data.user_data import load_entry_data
from advisor.experiments.spec import DataSpec, Design

# The last data set loaded: a worker trains many runs on the same one.
_loaded: dict[tuple[str, str], Dataset] = {}


def load(data: DataSpec, workspace: pathlib.Path | None) -> Dataset:
    """The data that the spec names. Treat the tensors as read-only: the next run of this process sees them again.

    Raises:
        AdvisorError: the user's function is missing or returned something else (exit status 2), or raised (1).
    """
    key = (data.model_dump_json(exclude={"train_size"}), str(workspace))
    if key not in _loaded:
        if data.builtin is not None:
            dataset = load_builtin(data.builtin)
        else:
            assert data.entry is not None, "DataSpec has exactly one source"
            dataset = load_entry_data(data.entry, data.arguments, workspace)
        _loaded.clear()
        _loaded[key] = dataset
    return _loaded[key]


def inspect(data: DataSpec, workspace: pathlib.Path | None, design: Design | None = None) -> dict[str, Any]:
    """What a job's driver must know before the first run, as JSON-able values.

    `sizes` are those of the splits that `design` cuts (the default design where None).

    Raises:
        AdvisorError: as `load` and `split` do.
    """
    dataset = load(data, workspace)
    chosen = design or Design()
    return {
        "fingerprint": dataset.fingerprint,
        "kind": dataset.kind,
        "classes": dataset.classes,
        "input_shape": list(dataset.input_shape),
        "sizes": split(dataset, chosen, chosen.seed, data.train_size).sizes,
        "card": dataset.card.model_dump(mode="json"),
    }
