"""Inputs of which nothing can be learned: examples that are all the same, and columns that are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.data.dataset import Dataset
from advisor.data.preparation import Standardized
from advisor.errors import AdvisorError

if TYPE_CHECKING:
    import torch

NAMED = 5
COMPARED_AT_ONCE = 1000


def check_inputs(dataset: Dataset, what: str) -> Dataset:
    """The data set with a remark on columns of numbers that are the same for all examples.

    Raises:
        AdvisorError: all examples are the same.
    """
    inputs = dataset.inputs
    if dataset.kind != "token" and _all_alike(inputs):  # a text may repeat itself and still be continued
        raise AdvisorError(
            f"All {len(inputs)} inputs of {what} are the same; there is nothing to learn from. Check how they are read."
        )
    if inputs.ndim != 2 or not inputs.is_floating_point():
        return dataset
    constant = (inputs.amin(0) == inputs.amax(0)).nonzero().flatten().tolist()
    if not constant:
        return dataset
    names = dataset.preparation.columns if isinstance(dataset.preparation, Standardized) else ()
    listed = ", ".join(repr(names[place]) if names else str(place) for place in constant[:NAMED])
    more = f" and {len(constant) - NAMED} more" if len(constant) > NAMED else ""
    counted = "" if names else " (counted from 0)"
    remark = f"{len(constant)} of {inputs.shape[1]} columns are constant and say nothing: {listed}{more}{counted}"
    return replace(dataset, remarks=(*dataset.remarks, remark))


def _all_alike(inputs: torch.Tensor) -> bool:
    """Whether every example equals the first; most often the second shows that it does not."""
    start, stop = 1, 2
    while start < len(inputs):
        if bool((inputs[start:stop] != inputs[:1]).any()):
            return False
        start, stop = stop, stop + COMPARED_AT_ONCE
    return len(inputs) > 1
