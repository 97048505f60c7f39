"""What curves show, what it may be, and what to do: the table that is read before any regularizer is chosen."""

from advisor.contract import Frozen


class LookAlike(Frozen):
    """One row. `findings` are the kinds of a diagnosis; `words` are groups of which one must be found whole."""

    shows: str
    may_be: str
    do: str
    findings: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]


LOOK_ALIKES: tuple[LookAlike, ...] = (
    LookAlike(
        shows="validation loss rises, validation accuracy holds",
        may_be="over-confidence",
        do="temperature scaling, label smoothing or MixUp; do not stop by loss if accuracy is the goal",
        findings=("overconfidence",),
        words=(("loss", "rises", "accuracy", "holds"), ("confident",), ("confidence",), ("calibration",), ("ece",)),
    ),
    LookAlike(
        shows="both losses high and flat",
        may_be="underfitting, wrong learning rate, unscaled inputs",
        do="sweep the learning rate, train longer, larger model; take regularizers out",
        findings=("underfitting", "bad_learning_rate", "plateau"),
        words=(("underfits",), ("both", "high"), ("stuck",), ("flat",), ("plateau",)),
    ),
    LookAlike(
        shows="validation still falls at the end",
        may_be="unfinished training",
        do="train longer, with the schedule stretched, before anything else",
        findings=("still_improving",),
        words=(("still", "falls"), ("still", "improves")),
    ),
    LookAlike(
        shows="gap from the first epoch on",
        may_be="shift or leakage between the splits",
        do="duplicates, groups, time order, preprocessing; train a classifier to tell the splits apart",
        findings=("generalization_gap_from_start",),
        words=(("gap", "first"), ("gap", "start"), ("shift",), ("leak",), ("different", "distribution")),
    ),
    LookAlike(
        shows="validation better than training",
        may_be="training loss logged with dropout, mixing or smoothing; easy validation set; leakage",
        do="evaluate the training split in evaluation mode with the same code",
        findings=("validation_below_train", "incomparable_losses"),
        words=(("validation", "below"), ("validation", "better", "train"), ("validation", "lower", "train")),
    ),
    LookAlike(
        shows="spikes, NaN, sudden jumps",
        may_be="learning rate, precision, a bad batch, a resumed run",
        do="warm-up, clipping, bf16; check that optimizer and schedule were restored; then look again",
        findings=("instability", "divergence", "non_finite", "precision_overflow", "resumed_run"),
        words=(("nan",), ("spike",), ("diverges",), ("jumps",), ("explodes",), ("inf",)),
    ),
    LookAlike(
        shows="training accuracy climbs late while validation falls, or stays below a ceiling",
        may_be="wrong labels, memorized late",
        do="rank examples by held-out loss and look; stop early; MixUp with a large alpha; smoothing",
        findings=("label_noise", "memorization"),
        words=(("noise", "label"), ("noisy", "label"), ("wrong", "label"), ("mislabelled",), ("memorizes",)),
    ),
    LookAlike(
        shows="up, then down a second time",
        may_be="epoch-wise double descent",
        do="let one run go on two or three times as long; tune weight decay; then judge early stopping",
        findings=("double_descent",),
        words=(("double", "descent"), ("second", "descent"), ("down", "again"), ("falls", "again")),
    ),
    LookAlike(
        shows="best epoch jumps about from run to run",
        may_be="small or noisy validation set",
        do="more validation data or cross-validation, more patience, an interval over seeds",
        findings=("noisy_validation", "too_few_points"),
        words=(("noisy", "validation"), ("small", "validation"), ("jitter",), ("few", "points"), ("seeds", "differ")),
    ),
    LookAlike(
        shows="loss falls, the metric that counts does not move",
        may_be="wrong metric, unequal classes",
        do="balanced accuracy or precision and recall; look at each class; move the threshold",
        findings=("wrong_metric",),
        words=(("imbalance",), ("imbalanced",), ("rare", "class"), ("minority",), ("metric", "does not")),
    ),
    LookAlike(
        shows="no gap and nothing left to gain on either curve",
        may_be="a good fit",
        do="no regularizer; more data, a larger model or a longer training promise more",
        findings=("good_fit",),
        words=(("good", "fit"), ("no", "gap"), ("stay", "together")),
    ),
    LookAlike(
        shows="training loss falls on, validation loss and metric both get worse by more than their jitter",
        may_be="overfitting",
        do="a recipe: steps 4 to 6 of the procedure",
        findings=("overfitting",),
        words=(("overfits",), ("overfitting",), ("validation", "worse"), ("loss", "rises"), ("memorizes",)),
    ),
)

# Other ways to say the same, turned into the word that the rows use.
SAME: dict[str, str] = {
    "val": "validation", "valid": "validation", "dev": "validation", "acc": "accuracy", "training": "train",
    "overfit": "overfits", "underfit": "underfits", "underfitting": "underfits", "rise": "rises", "rising": "rises",
    "increases": "rises", "increasing": "rises", "grows": "rises", "goes up": "rises", "going up": "rises",
    "fall": "falls", "falling": "falls", "decreases": "falls", "decreasing": "falls", "goes down": "falls",
    "hold": "holds", "holding": "holds", "stays": "holds", "stable": "holds", "steady": "holds", "constant": "holds",
    "unchanged": "holds", "improve": "improves", "improving": "improves", "memorize": "memorizes",
    "memorizing": "memorizes", "memorised": "memorizes", "memorized": "memorizes", "memorises": "memorizes",
    "memorization": "memorizes", "labels": "label", "spikes": "spike", "diverge": "diverges", "diverged": "diverges",
    "divergence": "diverges", "overconfident": "confident", "overconfidence": "confidence", "leakage": "leak",
    "leaks": "leak", "calibrated": "calibration", "miscalibrated": "calibration",
    "mislabeled": "mislabelled", "classes": "class", "degrades": "worse", "beginning": "start",
}  # fmt: skip
