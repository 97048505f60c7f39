"""What this expert is for, and where it hands over."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="scope-when-to-use",
        topic="scope",
        claim="This expert is for overfitting, generalization and regularizers: dropout, weight decay, "
        "augmentation, label smoothing, early stopping, distillation, ensembles, bias and variance, double "
        "descent, and for judging whether a change helped.",
        scope="when to trigger",
        source="the field",
        strength="strong",
        check="test:tests/test_skill.py::test_every_topic_of_the_field_is_in_the_skill",
    ),
    Rule(
        id="scope-related-skills",
        topic="scope",
        claim="Hand over what is really about attacks and privacy, convolutional design, generative models, "
        "graphs, several modalities at once, or architecture search and compression.",
        scope="where this skill ends",
        source="the field",
        strength="strong",
        check="test:tests/test_skill.py::test_every_topic_of_the_field_is_in_the_skill",
    ),
    Rule(
        id="scope-out-of-distribution",
        topic="scope",
        claim="Better accuracy on the same distribution usually goes with better accuracy elsewhere, but a "
        "regularizer tuned on one says little about the other: if another distribution counts, hold out a "
        "sample of it.",
        scope="claims beyond the test distribution",
        source="Miller et al. 2021; Recht et al. 2019",
        strength="moderate",
        check="test:tests/knowledge/test_claims_practice.py::test_selecting_on_one_distribution_can_pick_the_wrong_model_for_another",
        subjects=("augmix", "augmax"),
        findings=("generalization_gap_from_start",),
    ),
)
