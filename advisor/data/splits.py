"""Cutting data into train, validation and test, and what may be learned from the training part only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from advisor.data.dataset import Dataset, IndexArray
from advisor.errors import AdvisorError
from advisor.experiments.spec import Design

if TYPE_CHECKING:
    import torch

SMALLEST_SPLIT = 2


@dataclass(frozen=True)
class Splits:
    """Indices into the data set, in a random order in which every stretch has the classes' proportions."""

    train: IndexArray
    validation: IndexArray
    test: IndexArray

    @property
    def sizes(self) -> dict[str, int]:
        """Examples in each split."""
        return {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}


def split(dataset: Dataset, design: Design, split_seed: int, train_size: int | None) -> Splits:
    """Cut what the source did not give as a split of its own out of its training part, stratified by class.

    A smaller `train_size` gives a subset of a larger one's training split; validation and test do not depend on it.

    Raises:
        AdvisorError: a split would be too small, or training would lack a class.
    """
    given = dict(dataset.given or {"train": np.arange(len(dataset.inputs), dtype=np.int64)})
    pool = _stratified_order(dataset, given.pop("train"), np.random.default_rng(split_seed))
    total = len(pool)
    for name, fraction in (("test", design.test_fraction), ("validation", design.validation_fraction)):
        if name not in given:
            size = round(total * fraction)
            given[name], pool = pool[:size], pool[size:]
    if train_size is not None and train_size > len(pool):
        raise AdvisorError(
            f"train_size {train_size} is more than the {len(pool)} examples left for training after validation and "
            "test; lower train_size or the fractions."
        )
    splits = Splits(train=pool[:train_size], validation=given["validation"], test=given["test"])
    _check(dataset, splits)
    return splits


def standardized(dataset: Dataset, train: IndexArray) -> torch.Tensor:
    """The inputs, columns of a table brought to mean 0 and deviation 1 by the training split's statistics alone."""
    import torch

    if not dataset.standardize:
        return dataset.inputs
    rows = dataset.inputs[torch.from_numpy(train)].double()
    mean, deviation = rows.mean(0), rows.std(0, correction=0)
    deviation = torch.where(deviation > 0, deviation, torch.ones_like(deviation))  # a constant column stays 0
    return ((dataset.inputs.double() - mean) / deviation).float()


def _stratified_order(dataset: Dataset, members: IndexArray, random: np.random.Generator) -> IndexArray:
    """`members` shuffled so that any stretch holds each class within one example of its share.

    The k-th of n members of a class gets the position (k + u) / n with one uniform u for each class; sorting by
    position spreads every class evenly.
    """
    shuffled: IndexArray = random.permutation(members)
    if dataset.kind != "class":
        return shuffled
    labels = dataset.targets.numpy()[shuffled]
    position = np.empty(len(shuffled))
    for label in range(len(dataset.labels)):
        own = np.flatnonzero(labels == label)
        position[own] = (np.arange(len(own)) + random.random()) / max(len(own), 1)
    ordered: IndexArray = shuffled[np.argsort(position, kind="stable")]
    return ordered


def _check(dataset: Dataset, splits: Splits) -> None:
    for name, size in splits.sizes.items():
        if size < SMALLEST_SPLIT:
            raise AdvisorError(
                f"The {name} split would hold {size} of {len(dataset.inputs)} examples, but needs {SMALLEST_SPLIT}; "
                "give more data or change the fractions."
            )
    if dataset.kind == "class":
        counts = np.bincount(dataset.targets.numpy()[splits.train], minlength=len(dataset.labels))
        if (counts == 0).any():
            missing = dataset.labels[int(np.argmin(counts))]
            raise AdvisorError(
                f"No training example of class {missing!r} is left among {len(splits.train)}; raise train_size, or "
                "give more examples of that class."
            )
