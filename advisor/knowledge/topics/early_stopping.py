"""Early stopping, the best checkpoint, and when not to stop."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="early-stopping-definition",
        topic="early stopping",
        claim="Early stopping watches a validation value and ends the training once it has not improved for a "
        "number of epochs, the patience.",
        scope="any training with held-out validation data",
        source="Prechelt 1998",
        strength="strong",
        check="technique:early_stopping",
        subjects=("early_stopping",),
    ),
    Rule(
        id="early-stopping-usual-patience",
        topic="early stopping",
        claim="A patience of 5 to 20 epochs is usual: shorter when fine-tuning, longer from scratch.",
        scope="epoch-wise validation; very large data sets count in steps instead",
        source="Prechelt 1998",
        strength="moderate",
        check="lint:strength-outside-usual-range",
        subjects=("early_stopping",),
    ),
    Rule(
        id="early-stopping-best-checkpoint",
        topic="early stopping",
        claim="Keep and restore the checkpoint with the best validation value: the values fluctuate, the last "
        "epoch is rarely the best one, and when the patience ends it is by definition worse.",
        scope="any training that is validated along the way",
        source="Prechelt 1998; Goodfellow et al. 2016",
        strength="strong",
        check="lint:early-stopping-best-checkpoint",
        subjects=("early_stopping",),
        findings=("overfitting",),
    ),
    Rule(
        id="early-stopping-and-double-descent",
        topic="early stopping",
        claim="Where test error goes down a second time, stopping at the first minimum can come too early; if the "
        "curves hint at it, train longer before you decide.",
        scope="large models, label noise; uncommon in well-regularized training",
        source="Nakkiran et al. 2020",
        strength="moderate",
        check="recipe:double-descent-trains-on",
        subjects=("early_stopping",),
        findings=("double_descent",),
    ),
    Rule(
        id="early-stopping-watch-what-counts",
        topic="early stopping",
        claim="Validation loss that rises while validation accuracy holds is over-confidence, not lost accuracy. "
        "If accuracy is the goal do not stop by the loss; mend the confidence by label smoothing, MixUp or "
        "temperature scaling.",
        scope="classification",
        source="Guo et al. 2017",
        strength="strong",
        check="recipe:stop-by-the-goal-when-overconfident",
        subjects=("early_stopping", "label_smoothing", "mixup", "temperature_scaling"),
        findings=("overconfidence", "wrong_metric"),
    ),
    Rule(
        id="early-stopping-noisy-validation",
        topic="early stopping",
        claim="With a small or noisy validation set the best epoch is partly luck: be more patient, and report an "
        "interval rather than the best value.",
        scope="small validation sets",
        source="Bouthillier et al. 2021",
        strength="moderate",
        check="recipe:patient-on-noisy-validation",
        subjects=("early_stopping",),
        findings=("noisy_validation",),
    ),
    Rule(
        id="early-stopping-is-a-spectral-filter",
        topic="early stopping",
        claim="On a linear model gradient descent stopped after t steps fits a direction of curvature s to the "
        "share 1 - (1 - lr s)^t: strong directions first, like a ridge penalty of about 1 / (lr t).",
        scope="squared error, start at zero; a guide for networks",
        source="Yao et al. 2007; Ali et al. 2019",
        strength="strong",
        check="test:tests/knowledge/test_claims_theory.py::test_stopped_gradient_descent_is_a_spectral_filter_close_to_ridge",
        subjects=("early_stopping", "weight_decay"),
    ),
    Rule(
        id="early-stopping-and-schedules",
        topic="early stopping",
        claim="With an annealed learning rate much of the gain comes at the end; patience that fires before it "
        "loses that gain. Shorten the schedule instead of cutting a long one.",
        scope="cosine, linear and step schedules",
        source="Loshchilov & Hutter 2017; Hoffmann et al. 2022",
        strength="strong",
        check="test:tests/knowledge/test_claims_theory.py::test_patience_can_fire_before_annealing_pays",
        subjects=("early_stopping",),
        findings=("still_improving", "plateau"),
    ),
)
