"""Metrics of what a model decides: the predicted class, or the predicted set of labels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def accuracy(predicted: torch.Tensor, labels: torch.Tensor) -> float:
    """The share of examples whose class is right. Both (N,) class indices."""
    return (predicted == labels).double().mean().item()


def balanced_accuracy(predicted: torch.Tensor, labels: torch.Tensor, classes: int) -> float:
    """The mean over the classes that occur among the labels of the share of their examples that is found."""
    import torch

    counts = torch.bincount(labels, minlength=classes).double()
    hits = torch.zeros_like(counts).index_add_(0, labels, (predicted == labels).double())
    occurs = counts > 0
    return (hits[occurs] / counts[occurs]).mean().item()


def worst_group_accuracy(predicted: torch.Tensor, labels: torch.Tensor, groups: torch.Tensor) -> float:
    """The lowest accuracy of any group that has examples. groups: (N,) non-negative integers."""
    import torch

    counts = torch.bincount(groups).double()
    hits = torch.zeros_like(counts).index_add_(0, groups, (predicted == labels).double())
    occurs = counts > 0
    return (hits[occurs] / counts[occurs]).min().item() if bool(occurs.any()) else math.nan


def f1_scores(predicted: torch.Tensor, actual: torch.Tensor) -> torch.Tensor:
    """F1 of each column, (K,): twice the hits over predicted plus actual; 0 where both are empty.

    Both (N, K) booleans: whether an example is said to belong to the column, and whether it does.
    """
    hits = (predicted & actual).sum(0).double()
    claimed = predicted.sum(0).double() + actual.sum(0).double()
    return 2 * hits / claimed.clamp(min=1)


def f1_macro(predicted: torch.Tensor, labels: torch.Tensor, classes: int) -> float:
    """The mean F1 over the classes that occur among predictions or labels. Both (N,) class indices."""
    from torch.nn.functional import one_hot

    said, true = one_hot(predicted, classes).bool(), one_hot(labels, classes).bool()
    occurs = (said | true).any(0)
    return f1_scores(said, true)[occurs].mean().item()


def f1_of_classes(predicted: torch.Tensor, labels: torch.Tensor, classes: int) -> float:
    """With two classes the F1 of class 1, the positive one; with more the macro mean."""
    if classes != 2:
        return f1_macro(predicted, labels, classes)
    return f1_scores((predicted == 1)[:, None], (labels == 1)[:, None]).item()


def subset_accuracy(predicted: torch.Tensor, actual: torch.Tensor) -> float:
    """The share of examples whose whole set of labels is right. Both (N, K) booleans."""
    return (predicted == actual).all(1).double().mean().item()


def label_accuracy(predicted: torch.Tensor, actual: torch.Tensor) -> float:
    """The share of single labels that are right (1 - Hamming loss). Both (N, K) booleans."""
    return (predicted == actual).double().mean().item()


def f1_of_labels(predicted: torch.Tensor, actual: torch.Tensor) -> float:
    """The mean F1 over all labels; one that is never predicted and never right counts 0. Both (N, K) booleans."""
    return f1_scores(predicted, actual).mean().item()


def f1_micro(predicted: torch.Tensor, actual: torch.Tensor) -> float:
    """The F1 of all single labels together; 0 where none is predicted and none is right. Both (N, K) booleans."""
    return f1_scores(predicted.reshape(-1, 1), actual.reshape(-1, 1)).item()
