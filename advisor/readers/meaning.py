"""What a column's name says: split, metric, direction, unit, role, aggregation and scale, in many spellings."""

import re
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from advisor.curves import Direction, FloatArray, Role, Split, Unit

Aggregation = Literal["point", "interval_mean", "running_mean", "smoothed", "unknown"]
Scale = Literal["raw", "fraction", "percent", "log"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SPLITS: dict[str, Split] = {
    **dict.fromkeys(("train", "training", "trn", "tr", "fit", "learn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "eval", "evaluation", "holdout"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "heldout"), "test"),
}
_AXES: dict[str, Unit] = {
    **dict.fromkeys(("step", "steps", "global_step", "current_steps", "current_step", "iteration", "iterations", "iter",
                     "it", "num_steps", "n_steps", "step_num", "update", "updates", "num_updates", "batch_idx",
                     "total_steps_done", "generation", "round", "trial", "evaluations"), "step"),
    **dict.fromkeys(("epoch", "epochs", "epoch_id", "epoch_num", "current_epoch", "epoch_idx", "num_epochs"), "epoch"),
    **dict.fromkeys(("time", "elapsed", "elapsed_time", "wall_time", "walltime", "runtime", "timestamp", "seconds",
                     "total_time", "epoch_time", "time_elapsed", "duration", "wall_clock", "relative_time"), "second"),
}  # fmt: skip
_METRICS: dict[str, tuple[str, Direction]] = {
    **dict.fromkeys(("acc", "accuracy", "acc1", "top1", "top_1", "acc_top1", "top1_acc", "accuracy_top1", "acc_1",
                     "categorical_accuracy", "sparse_categorical_accuracy", "binary_accuracy", "top_1_accuracy",
                     "acc_at_1", "prec1", "prec_1"), ("accuracy", "max")),
    **dict.fromkeys(("err", "error", "err1", "top1_err", "top1_error", "error_rate"), ("error", "min")),
    **dict.fromkeys(("ppl", "perplexity"), ("perplexity", "min")),
    **dict.fromkeys(("loss", "cost", "objective", "total_loss", "loss_total"), ("loss", "min")),
    **dict.fromkeys(("nll", "nll_loss"), ("nll", "min")),
    **dict.fromkeys(("ce", "ce_loss", "cross_entropy", "crossentropy", "logloss", "log_loss", "xent"),
                    ("cross_entropy", "min")),
}  # fmt: skip
_LOWER_IS_BETTER = _words(
    """
    loss losses error err errors mse mae rmse msle mape smape nll bce ce cer wer ter fid kid lpips bpb bpc bpd
    bpt ppl perplexity ece brier kl divergence distance gap regret hinge cost logloss energy crossentropy
    entropy residual epe ade fde deviance eer mcd
    """
)
_HIGHER_IS_BETTER = _words(
    """
    acc accuracy acc1 acc5 top1 top5 f1 fscore auc auroc auprc prauc rocauc map map50 ap ap50 ap75 ar
    precision recall iou miou dice jaccard bleu rouge rouge1 rouge2 rougel rougelsum meteor chrf mcc r2 psnr
    ssim score reward return ndcg mrr hit hits spearman spearmanr pearson pearsonr kappa specificity
    sensitivity em exact match success elbo likelihood correlation correct gini cider spice wup winrate pck
    oks hota mota idf1 prec1 prec5 prec r1 r5 r10
    """
)
_SCHEDULES = frozenset({"lr", "lrs", "learningrate", "momentum", "wd", "decay", "beta", "beta1"})
_DIAGNOSTICS = _words(
    """
    grad gradient gradnorm norm time seconds second elapsed eta runtime timestamp throughput speed fps memory
    mem gpu cpu tokens token samples count flos flops params percentage progress size batch seed hours minutes
    remaining per sec usage utilization util power temp watts lossscale scaler overflow num epoch step steps
    epochs iter iteration workers version patience
    """
)
_FILLERS = frozenset({"metrics", "metric", "set", "main", "trainer"})
_AGGREGATIONS: dict[str, Aggregation] = {
    "step": "point", "batch": "point", "iter": "point",
    "epoch": "interval_mean", "avg": "interval_mean", "mean": "interval_mean", "average": "interval_mean",
    "running": "running_mean", "ema": "smoothed", "smooth": "smoothed", "smoothed": "smoothed",
}  # fmt: skip


@dataclass(frozen=True)
class Meaning:
    """What a column means. `split` is None where the name alone does not tell; `known` whether its direction does."""

    metric: str
    split: Split | None
    direction: Direction
    role: Role
    aggregation: Aggregation = "unknown"
    known: bool = True


def tokens(name: str) -> list[str]:
    """The words of a name in lower case: `train/lossEpoch` gives train, loss, epoch; `mAP50-95` stays map50, 95."""
    spaced = re.sub(r"(?<=[a-z]{2})(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[^0-9a-z]+", spaced.lower()) if word]


def axis_unit(name: str) -> Unit | None:
    """The unit that a column counts where it may serve as x axis, else None. A nameless column numbers the rows."""
    words = [word for word in tokens(name) if word not in {"trainer", "metrics", "progress"}]
    key = "_".join(words)
    if name.strip().lower() in {"", "unnamed: 0", "index"}:
        return "epoch"
    return _AXES.get(key)


def split_of(word: str) -> Split | None:
    """The split that a single word names (`val`, `Validation set`), else None."""
    words = [part for part in tokens(word) if part not in {"set", "split", "data"}]
    return SPLITS.get(words[0]) if len(words) == 1 else None


def meaning_of(name: str, split: Split | None = None) -> Meaning:
    """The meaning of the column `name`; `split`, where given (by the file's name, say), wins over the name's own."""
    words = tokens(name)
    named = next((SPLITS[word] for word in words if word in SPLITS), None)
    rest = [word for word in words if word not in SPLITS and word not in _FILLERS]
    aggregation: Aggregation = next(
        (_AGGREGATIONS[word] for word in rest if word in _AGGREGATIONS and len(rest) > 1), "unknown"
    )
    core = [word for word in rest if word not in _AGGREGATIONS] or rest
    key = "_".join(core) or name
    base = Meaning(key, split or named, "min", "diagnostic", aggregation, known=False)
    if _SCHEDULES.intersection(core) or core[:2] == ["learning", "rate"]:
        return replace(base, role="schedule", known=True)
    if key in _METRICS:
        metric, direction = _METRICS[key]
        return replace(base, metric=metric, direction=direction, role=_role(metric), known=True)
    if (
        "nan" in core
        or axis_unit(name)
        or _DIAGNOSTICS.intersection(core) - {"per", "token", "tokens", "samples", "num"}
    ):
        return replace(base, known=True)
    # The last word names the quantity: `exact_match_error` is an error.
    for word in reversed(core):
        stem = word.rstrip("0123456789") or word
        if {word, stem} & _LOWER_IS_BETTER:
            return replace(base, direction="min", role="metric", known=True)
        if {word, stem} & _HIGHER_IS_BETTER:
            return replace(base, direction="max", role="metric", known=True)
    return base


def _role(metric: str) -> Role:
    return "objective" if metric in {"loss", "nll", "cross_entropy"} else "metric"


def scale_of(meaning: Meaning, values: FloatArray) -> Scale:
    """Whether an accuracy-like or error-rate metric counts to 1 or to 100; others are raw."""
    finite = values[np.isfinite(values)]
    is_share = meaning.known and (meaning.direction == "max" or meaning.metric in {"error", "wer", "cer"})
    if not is_share or meaning.role != "metric" or not len(finite) or finite.min() < 0 or finite.max() > 100:
        return "raw"
    return "fraction" if finite.max() <= 1 else "percent" if finite.max() > 1.5 else "raw"


def fill_splits(meanings: dict[str, Meaning]) -> dict[str, Meaning]:
    """Give each column whose name tells no split the one that its neighbours imply.

    A bare `loss` is the training loss, as Keras and Hugging Face write it. A bare metric is training where the same
    metric exists for validation (Keras); beside a `train_loss` it is validation (fastai, YOLO).
    """
    held_out = {m.metric for m in meanings.values() if m.split in {"validation", "test"}}
    names_training = any(m.split == "train" and m.role in {"objective", "metric"} for m in meanings.values())
    has_bare_loss = any(m.split is None and m.role == "objective" for m in meanings.values())

    def split(meaning: Meaning) -> Split:
        if meaning.split is not None:
            return meaning.split
        if meaning.role in {"schedule", "diagnostic"}:
            return "other"
        if meaning.metric in held_out or meaning.role == "objective":
            return "train"
        if names_training and not has_bare_loss:
            return "validation" if held_out or meaning.direction == "max" else "train"
        return "train" if has_bare_loss else "other"

    return {name: replace(meaning, split=split(meaning)) for name, meaning in meanings.items()}
