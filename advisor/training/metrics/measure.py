"""Every metric that fits a kind of targets, from the model's raw outputs.

Where an output is not finite the model predicts nothing, and every metric is NaN.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from advisor.training.metrics import calibration, decisions, probabilities, ranking, regression, selective
from advisor.training.metrics.catalogue import metric_names
from advisor.training.metrics.tokens import token_metrics, token_sums

if TYPE_CHECKING:
    import torch

Measures = dict[str, Callable[[], float]]


def measure(
    outputs: torch.Tensor,
    targets: torch.Tensor,
    kind: str,
    *,
    groups: torch.Tensor | None = None,
    names: Collection[str] | None = None,
) -> dict[str, float]:
    """Every metric that fits the kind, or those of them that are in `names`.

    outputs: (N, K) logits and targets (N,) class indices for "class"; (N, K) logits and (N, K) zeros and ones for
    "multilabel"; the same number of values for "real"; (N, T, V) logits and (N, T) ids for "token". groups: (N,)
    non-negative integers, for the metrics over groups, which are left out without them.
    """
    wanted = [name for name in metric_names(kind, grouped=groups is not None) if names is None or name in names]
    if kind == "token":
        values = token_metrics(token_sums(outputs, targets))
        return {name: values[name] for name in wanted}
    if not bool(outputs.isfinite().all()):
        return dict.fromkeys(wanted, math.nan)
    outputs = outputs.detach().cpu().double()
    targets = targets.detach().cpu()
    if kind == "class":
        measures = _of_classes(outputs, targets, None if groups is None else groups.detach().cpu())
    elif kind == "multilabel":
        measures = _of_labels(outputs, targets > 0.5)
    else:
        measures = _of_values(outputs.reshape(len(targets), -1), targets.double().reshape(len(targets), -1))
    return {name: measures[name]() for name in wanted}


def _of_classes(logits: torch.Tensor, labels: torch.Tensor, groups: torch.Tensor | None) -> Measures:
    """logits: (N, K) finite; labels: (N,) in [0, K).

    Of two classes, class 1 is the positive one: `f1`, `auroc` and `average_precision` are its own.
    """
    from torch.nn import functional

    classes = logits.shape[1]
    log_probabilities = logits.log_softmax(1)
    shares = log_probabilities.exp()
    predicted = logits.argmax(1)
    positive = functional.one_hot(labels, classes).bool()
    first = 1 if classes == 2 else 0
    ranked = functools.cache(lambda: ranking.areas(shares[:, first:], positive[:, first:]))
    confident = functools.cache(lambda: calibration.top_class(shares, labels))
    measures: Measures = {
        "accuracy": lambda: decisions.accuracy(predicted, labels),
        "balanced_accuracy": lambda: decisions.balanced_accuracy(predicted, labels, classes),
        "f1": lambda: decisions.f1_of_classes(predicted, labels, classes),
        "f1_macro": lambda: decisions.f1_macro(predicted, labels, classes),
        "nll": lambda: probabilities.class_nll(log_probabilities, labels),
        "brier": lambda: probabilities.class_brier(shares, labels),
        "ece": lambda: calibration.calibration_error(shares, labels),
        "adaptive_ece": lambda: calibration.adaptive_calibration_error(shares, labels),
        "auroc": lambda: ranked().auroc_macro,
        "average_precision": lambda: ranked().average_precision_macro,
        "aurc": lambda: selective.risk_coverage_area(*confident()),
        "selective_accuracy": lambda: selective.selective_accuracy(*confident()),
    }
    if groups is not None:
        measures["worst_group_accuracy"] = lambda: decisions.worst_group_accuracy(predicted, labels, groups)
    return measures


def _of_labels(logits: torch.Tensor, actual: torch.Tensor) -> Measures:
    """logits: (N, K) finite; actual: (N, K) booleans. A label is predicted from a probability above one half on.

    `accuracy` is that of whole sets, as scikit-learn has it, and `label_accuracy` that of single labels.
    """
    shares = logits.sigmoid()
    predicted = logits > 0
    confident = calibration.label_confidence(shares, actual)
    ranked = functools.cache(lambda: ranking.areas(shares, actual))
    return {
        "accuracy": lambda: decisions.subset_accuracy(predicted, actual),
        "label_accuracy": lambda: decisions.label_accuracy(predicted, actual),
        "f1": lambda: decisions.f1_of_labels(predicted, actual),
        "f1_micro": lambda: decisions.f1_micro(predicted, actual),
        "nll": lambda: probabilities.label_nll(logits, actual),
        "brier": lambda: probabilities.label_brier(shares, actual),
        "ece": lambda: calibration.binned_gap(*confident),
        "adaptive_ece": lambda: calibration.adaptive_gap(*confident),
        "auroc": lambda: ranked().auroc_macro,
        "average_precision": lambda: ranked().average_precision_macro,
    }


def _of_values(predictions: torch.Tensor, targets: torch.Tensor) -> Measures:
    return {
        "rmse": lambda: regression.rmse(predictions, targets),
        "mae": lambda: regression.mae(predictions, targets),
        "r2": lambda: regression.r2(predictions, targets),
    }
