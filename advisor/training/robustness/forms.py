"""What the examples of a data set hold that can be damaged, or why nothing can be."""

from __future__ import annotations

from advisor.data.dataset import Dataset
from advisor.data.preparation import AsTheyAre, Standardized
from advisor.data.table_encoder import TableColumns
from advisor.data.text import Vocabulary
from advisor.training.robustness.registry import Form

SMALLEST_SIDE = 8
CHANNELS = (1, 3)


def forms_of(dataset: Dataset) -> frozenset[Form]:
    """The forms whose corruptions fit; none where `why_none` has a reason."""
    if why_none(dataset) is not None:
        return frozenset()
    preparation = dataset.preparation
    if isinstance(preparation, Vocabulary):
        return frozenset({"words" if preparation.words else "bytes"})
    if isinstance(preparation, TableColumns):
        forms: set[Form] = {"table"}
        forms |= {"categories" if words else "numbers" for words in preparation.levels}
        return frozenset(forms)
    return frozenset({"table", "numbers"} if isinstance(preparation, Standardized) else {"image"})


def why_none(dataset: Dataset) -> str | None:
    """Why no corruption is known for these examples, or None where some is."""
    import torch

    if dataset.kind == "token":
        return "what follows a damaged text is no longer its own continuation"
    if isinstance(dataset.preparation, (TableColumns, Vocabulary, Standardized)):
        return None
    if not isinstance(dataset.preparation, AsTheyAre):
        return "the inputs are ids of a tokenizer of their own"
    shape, dtype = dataset.input_shape, dataset.inputs.dtype
    if len(shape) != 3:
        return f"inputs of shape {shape} are neither images, tables nor texts that are known as such"
    if not dtype.is_floating_point and dtype != torch.uint8:
        return f"inputs of shape {shape} are whole numbers, of which nothing is known"
    if shape[0] not in CHANNELS:
        return f"images of {shape[0]} channels are not damaged, only those of 1 or 3"
    if min(shape[1:]) < SMALLEST_SIDE:
        return f"images of {shape[1]} x {shape[2]} pixels are too small; a side needs {SMALLEST_SIDE}"
    return None
