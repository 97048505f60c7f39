"""Conditions under which nothing is regularized yet, and the warnings that say what to do instead."""

from advisor.diagnosis.model import Kind
from advisor.recipe.case import Case
from advisor.recipe.condition import Condition

BROKEN: tuple[Kind, ...] = ("divergence", "non_finite", "precision_overflow")
UNFITTED: tuple[Kind, ...] = ("underfitting", "bad_learning_rate", "still_improving")
SPLITS: tuple[Kind, ...] = ("generalization_gap_from_start", "validation_below_train")


def _no_symptom(case: Case) -> bool:
    return case.judged and case.symptom is None


BLOCKERS: tuple[Condition, ...] = (
    Condition(
        name="fit-before-regularizing",
        holds=lambda case: case.shows(*BROKEN) or case.outweighs(*UNFITTED),
        note="the run has to fit and to converge first; a regularizer would hold it back further",
        rules=("practice-train-before-regularizing",),
        withhold=True,
    ),
    Condition(
        name="check-the-splits-first",
        holds=lambda case: case.outweighs(*SPLITS),
        note="leakage or shift between the splits explains these curves as well, and no regularizer cures either",
        rules=("practice-leakage-and-shift",),
        withhold=True,
    ),
    Condition(
        name="compare-losses-first",
        holds=lambda case: _no_symptom(case) and case.shows("incomparable_losses"),
        note="the two losses were not measured alike, so their gap says nothing yet",
        rules=("practice-comparable-losses",),
        withhold=True,
    ),
    Condition(
        name="no-symptom-no-treatment",
        holds=_no_symptom,
        note="the curves show nothing that regularization treats",
        rules=("practice-no-symptom-no-treatment",),
        withhold=True,
    ),
)

# What to do about a finding that regularization does not treat, or that changes how the recipe is read.
INSTEAD: dict[Kind, str] = {
    "underfitting": "Underfitting: train longer, use a larger model or a better learning rate, and take regularizers "
    "out before adding any.",
    "still_improving": "The validation curve still improves: train longer first, then diagnose again.",
    "bad_learning_rate": "The learning rate looks wrong: sweep it by factors of 3 before anything else, and keep "
    "learning rate times weight decay fixed while you do.",
    "divergence": "The training diverges: lower the learning rate, warm it up, clip gradients, check inputs and "
    "targets.",
    "non_finite": "Losses became NaN or infinite: find the first such step; check the learning rate, the precision, "
    "divisions and logarithms of zero.",
    "precision_overflow": "Half precision seems to overflow: use bf16 or loss scaling, then diagnose again.",
    "instability": "The loss jumps: lower or warm up the learning rate or clip gradients, or the arms will be compared "
    "by luck.",
    "plateau": "Both curves are flat: lower the learning rate by a schedule, or look at model and data.",
    "good_fit": "Training and validation stay together: more data, a larger model or longer training promise more.",
    "generalization_gap_from_start": "The gap is there from the start: check that both splits come from one "
    "distribution, share no duplicates or groups, and are preprocessed alike.",
    "validation_below_train": "Validation is better than training: the training loss may carry dropout, mixing or "
    "smoothing, the validation set may be easy, or data may have leaked. Evaluate training in evaluation mode.",
    "incomparable_losses": "The losses are not comparable: evaluate the training split in evaluation mode, once an "
    "epoch, before you read the gap.",
    "wrong_metric": "The metric that is watched does not move with the goal: select by what counts.",
    "double_descent": "A second descent is possible: let one run go on well past the first minimum before trusting "
    "early stopping.",
    "label_noise": "Labels may be wrong: look at the examples with the highest loss before tuning against them.",
    "noisy_validation": "The validation curve is noisy: the best epoch is partly luck; enlarge the split or average "
    "over seeds, and report an interval.",
    "resumed_run": "The run was resumed: check that optimizer state and schedule came back, or a jump looks like a "
    "finding.",
    "too_few_points": "There are too few points to judge: log once an epoch and diagnose again.",
}
