"""Wrong labels: what they look like, how they are found, and what helps."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="label-noise-clean-patterns-first",
        topic="label noise",
        claim="Networks learn what labels share first and memorize single wrong labels late: accuracy on the true "
        "labels peaks early and falls. So early stopping is the first cure, and the best epoch comes early.",
        scope="wrong labels at random",
        source="Arpit et al. 2017; Liu et al. 2020",
        strength="strong",
        check="test:tests/knowledge/test_claims_practice.py::test_wrong_labels_are_learned_late",
        subjects=("early_stopping",),
        findings=("label_noise", "memorization"),
    ),
    Rule(
        id="label-noise-hides-in-validation",
        topic="label noise",
        claim="If validation labels are wrong too, accuracy has a ceiling: with a share r of labels replaced at "
        "random by another class a perfect model scores 1 - r. The order of models survives symmetric "
        "noise; clean a small test set by hand for absolute numbers.",
        scope="symmetric noise in evaluation labels",
        source="Chen et al. 2021",
        strength="strong",
        check="test:tests/knowledge/test_claims_practice.py::test_noisy_validation_labels_cap_accuracy_and_keep_the_order",
        findings=("label_noise",),
    ),
    Rule(
        id="label-noise-found-by-held-out-loss",
        topic="label noise",
        claim="Wrong labels stand out by their loss under a model that did not train on them. Rank examples by "
        "cross-validated loss, look at the top by hand, and correct before tuning regularizers.",
        scope="any classification; hard and rare examples rank high as well",
        source="Northcutt et al. 2021; Han et al. 2018",
        strength="strong",
        check="test:tests/knowledge/test_claims_practice.py::test_wrong_labels_have_the_highest_held_out_loss",
        findings=("label_noise", "memorization"),
    ),
    Rule(
        id="label-noise-soft-targets",
        topic="label noise",
        claim="Against label noise mixup with a large alpha and label smoothing both help, the more the longer "
        "one trains past the early peak.",
        scope="symmetric noise; instance-dependent noise is harder",
        source="Zhang et al. 2018; Lukasik et al. 2020",
        strength="moderate",
        check="evidence:label_noise",
        subjects=("mixup", "label_smoothing"),
        findings=("label_noise", "memorization"),
    ),
)
