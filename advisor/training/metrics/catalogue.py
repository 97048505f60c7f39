"""The names of the metrics: which way is better, and which targets each fits. Imports nothing heavy."""

from typing import Literal

Direction = Literal["min", "max"]

# name -> (direction, kinds of targets); what each means exactly stands with its function.
METRICS: dict[str, tuple[Direction, frozenset[str]]] = {
    "accuracy": ("max", frozenset({"class", "multilabel", "token"})),
    "balanced_accuracy": ("max", frozenset({"class"})),
    "nll": ("min", frozenset({"class", "multilabel", "token"})),
    "brier": ("min", frozenset({"class", "multilabel"})),
    "ece": ("min", frozenset({"class", "multilabel"})),
    "adaptive_ece": ("min", frozenset({"class", "multilabel"})),
    "f1": ("max", frozenset({"class", "multilabel"})),
    "f1_macro": ("max", frozenset({"class"})),
    "f1_micro": ("max", frozenset({"multilabel"})),
    "label_accuracy": ("max", frozenset({"multilabel"})),
    "auroc": ("max", frozenset({"class", "multilabel"})),
    "average_precision": ("max", frozenset({"class", "multilabel"})),
    "aurc": ("min", frozenset({"class"})),
    "selective_accuracy": ("max", frozenset({"class"})),
    "worst_group_accuracy": ("max", frozenset({"class"})),
    "rmse": ("min", frozenset({"real"})),
    "mae": ("min", frozenset({"real"})),
    "r2": ("max", frozenset({"real"})),
    "perplexity": ("min", frozenset({"token"})),
    "corrupted_accuracy": ("max", frozenset({"class", "multilabel"})),
    "corrupted_nll": ("min", frozenset({"class", "multilabel"})),
    "corrupted_rmse": ("min", frozenset({"real"})),
}
NEED_GROUPS = frozenset({"worst_group_accuracy"})
# Of damaged test examples, and there alone: nothing can select by them; see `advisor.training.robustness`.
NEED_CORRUPTIONS = frozenset({"corrupted_accuracy", "corrupted_nll", "corrupted_rmse"})


def metric_names(kind: str, *, grouped: bool = False) -> tuple[str, ...]:
    """The metrics of any split that fit such targets; `grouped` says whether each example's group is known, too."""
    absent = NEED_CORRUPTIONS if grouped else NEED_CORRUPTIONS | NEED_GROUPS
    return tuple(name for name, (_, kinds) in METRICS.items() if kind in kinds and name not in absent)
