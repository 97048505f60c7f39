"""What an experiment does to training splits on purpose: disjoint samples of them, and wrong labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from advisor.contract import Frozen
from advisor.data.dataset import Dataset, IndexArray
from advisor.errors import AdvisorError

if TYPE_CHECKING:
    import torch


class Sample(Frozen):
    """One of `parts` disjoint samples of a training split; `group` numbers the ways in which it is divided."""

    group: int
    part: int
    parts: int


def sample(train: IndexArray, chosen: Sample, split_seed: int) -> IndexArray:
    """This sample of the training split; all samples of a group are of one size.

    The split comes in an order in which every stretch has the classes' proportions (`advisor.data.splits`). Dealing
    out each run of `parts` neighbours at random keeps these.

    Raises:
        AdvisorError: a sample would hold fewer than two examples.
    """
    size = len(train) // chosen.parts
    if size < 2:
        raise AdvisorError(
            f"{len(train)} training examples cannot be divided into {chosen.parts} samples; ask for fewer splits."
        )
    random = np.random.default_rng((split_seed, chosen.group))
    rows = train[: size * chosen.parts].reshape(size, chosen.parts)
    return random.permuted(rows, axis=1)[:, chosen.part].copy()


def with_wrong_labels(
    dataset: Dataset, targets: torch.Tensor, index: IndexArray, share: float, seed: int
) -> torch.Tensor:
    """(n,) class ids of the examples `index`, of which about `share` have another class, each as likely.

    Whether an example is hit, and what it gets, depends on `seed` and its place in the data alone: a smaller training
    split has the wrong labels of the larger one, and a larger share has those of a smaller one.
    """
    import torch

    random = np.random.default_rng((seed, 0x6E6F697365))
    hit = random.random(len(dataset)) < share
    shift = random.integers(1, max(2, len(dataset.labels)), len(dataset))
    moved = torch.from_numpy(np.where(hit, shift, 0)[index]).to(targets.device)
    return (targets + moved) % len(dataset.labels)
