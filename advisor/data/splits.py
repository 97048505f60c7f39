"""Cutting data into train, validation and test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from advisor.data.cutting import cut_groups, cut_times
from advisor.data.dataset import Cut, Dataset, IndexArray
from advisor.errors import AdvisorError

if TYPE_CHECKING:
    import torch

    from advisor.experiments.spec import Design

SMALLEST_SPLIT = 2
NAMED = 5


@dataclass(frozen=True)
class Splits:
    """Indices into the data set; train is in a random order in which every stretch has the classes' proportions."""

    train: IndexArray
    validation: IndexArray
    test: IndexArray

    @property
    def sizes(self) -> dict[str, int]:
        """Examples in each split."""
        return {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}

    def named(self) -> dict[str, IndexArray]:
        """The splits by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def split(dataset: Dataset, design: Design, split_seed: int, train_size: int | None) -> Splits:
    """Cut what the source did not give as a split of its own out of its training part, as `Dataset.cut` says.

    By default that is stratified by class. A smaller `train_size` gives a subset of a larger one's training split;
    validation and test do not depend on it. A cut by time is the same for every seed; of groups the seed chooses. Of
    the test split only the part that the design names is given.

    Raises:
        AdvisorError: a split would be too small, or training would lack a class.
    """
    cut = dataset.cut or Cut("stratified")
    given = dict(dataset.given or {"train": np.arange(len(dataset), dtype=np.int64)})
    if cut.by == "given" and not dataset.given:
        raise AdvisorError("split by given needs splits of the source's own, but there are none; use another `by`.")
    random = np.random.default_rng(split_seed)
    pool = given.pop("train")
    fractions = {
        name: fraction
        for name, fraction in (("test", design.test_fraction), ("validation", design.validation_fraction))
        if name not in given
    }
    if cut.groups is not None and fractions:
        parts = cut_groups(pool, cut.groups, fractions, random)
    elif cut.times is not None and fractions:
        parts = cut_times(pool, cut.times, fractions, cut.column or "time")
    else:
        parts = _cut_order(_order(dataset, pool, random, cut), fractions)
    rest = parts.pop("train")
    if cut.groups is not None or cut.times is not None:
        rest = _order(dataset, rest, random, cut)
    given |= parts
    if train_size is not None and train_size > len(rest):
        raise AdvisorError(
            f"train_size {train_size} is more than the {len(rest)} examples left for training after validation and "
            "test; lower train_size or the fractions."
        )
    half = len(given["test"]) // 2
    test = {"whole": given["test"], "first": given["test"][:half], "second": given["test"][half:]}[design.test_part]
    splits = Splits(train=rest[:train_size], validation=given["validation"], test=test)
    _check(dataset, splits)
    return splits


def standardized(dataset: Dataset, train: IndexArray) -> torch.Tensor:
    """The inputs as `Dataset.prepared` has them."""
    return dataset.prepared(train).inputs


def _cut_order(order: IndexArray, fractions: dict[str, float]) -> dict[str, IndexArray]:
    total, parts = len(order), {}
    for name, fraction in fractions.items():
        size = round(total * fraction)
        parts[name], order = order[:size], order[size:]
    return {**parts, "train": order}


def _order(dataset: Dataset, members: IndexArray, random: np.random.Generator, cut: Cut) -> IndexArray:
    """`members` shuffled so that any stretch holds each class within one example of its share.

    The k-th of n members of a class gets the position (k + u) / n with one uniform u for each class; sorting by
    position spreads every class evenly. By "random", and where there are no classes, they are shuffled alone.
    """
    shuffled: IndexArray = random.permutation(members)
    if dataset.kind != "class" or cut.by == "random":
        return shuffled
    labels = dataset.targets.numpy()[shuffled]
    position = np.empty(len(shuffled))
    for label in range(len(dataset.labels)):
        own = np.flatnonzero(labels == label)
        position[own] = (np.arange(len(own)) + random.random()) / max(len(own), 1)
    ordered: IndexArray = shuffled[np.argsort(position, kind="stable")]
    return ordered


def _check(dataset: Dataset, splits: Splits) -> None:
    import torch

    for name, size in splits.sizes.items():
        if size < SMALLEST_SPLIT:
            raise AdvisorError(
                f"The {name} split would hold {size} of {len(dataset)} examples, but needs {SMALLEST_SPLIT}; "
                "give more data or change the fractions."
            )
    if dataset.cut is not None and dataset.cut.groups is not None:
        _check_groups(dataset.cut.groups, dataset.cut.column, splits)
    if dataset.kind == "real":
        _check_real(dataset.targets[torch.from_numpy(splits.train)])
    if dataset.kind != "class":
        return
    counts = np.bincount(dataset.targets.numpy()[splits.train], minlength=len(dataset.labels))
    missing = [dataset.labels[label] for label in np.flatnonzero(counts == 0)]
    if missing:
        listed = ", ".join(repr(label) for label in missing[:NAMED])
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        by = dataset.cut.by if dataset.cut else "stratified"
        raise AdvisorError(
            f"No training example of class {listed}{more} is left among {len(splits.train)} (split: {by}); raise "
            "train_size, give more examples of that class, leave the class out, or split otherwise."
        )


def _check_real(targets: torch.Tensor) -> None:
    """(N,) or (N, D) training targets."""
    if bool((targets == targets[:1]).all()):
        raise AdvisorError(
            f"All {len(targets)} training targets are {targets.flatten()[0].item()!r}, so there is nothing to learn; "
            "raise train_size, or split otherwise."
        )


def _check_groups(groups: IndexArray, column: str | None, splits: Splits) -> None:
    """Splits that the source gives may share a group, which is what the person wanted to rule out."""
    seen: dict[int, str] = {}
    for name, index in splits.named().items():
        for group in np.unique(groups[index]).tolist():
            if seen.setdefault(group, name) != name:
                raise AdvisorError(
                    f"A group of {column or 'the data'!r} is in both {seen[group]} and {name}, which the source gives "
                    "as splits; take the groups apart there, or give the data without splits."
                )
