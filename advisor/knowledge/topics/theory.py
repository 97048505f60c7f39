"""Bias and variance in deep learning, and double descent."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="bias-variance-classical",
        topic="bias and variance",
        claim="The classical picture: with complexity bias falls and variance grows, so that a just-right size "
        "lies between underfitting and overfitting.",
        scope="models below the interpolation threshold",
        source="Geman et al. 1992",
        strength="strong",
        check="test:tests/knowledge/test_claims_theory.py::test_bias_falls_and_variance_grows_with_complexity",
    ),
    Rule(
        id="bias-variance-modern",
        topic="bias and variance",
        claim="Networks past that threshold fit every training example and still generalize: SGD, architecture "
        "and augmentation pick a simple solution among the many that fit. Variance itself can fall again "
        "with width.",
        scope="over-parameterized networks",
        source="Belkin et al. 2019; Yang et al. 2020",
        strength="strong",
        check="test:tests/knowledge/test_claims_theory.py::test_variance_falls_again_past_the_interpolation_threshold",
    ),
    Rule(
        id="double-descent-model-wise",
        topic="double descent",
        claim="Test error peaks where capacity just suffices to fit the training data and falls again beyond: a "
        "larger model can generalize better although the smaller one already overfitted.",
        scope="most visible with label noise and little regularization",
        source="Belkin et al. 2019; Nakkiran et al. 2020",
        strength="strong",
        check="test:tests/knowledge/test_claims_theory.py::test_test_error_peaks_at_the_interpolation_threshold",
    ),
    Rule(
        id="double-descent-epoch-wise",
        topic="double descent",
        claim="Over epochs too, test error can fall, rise, and fall again after the training data is fitted.",
        scope="large models, label noise",
        source="Nakkiran et al. 2020",
        strength="moderate",
        check="test:tests/knowledge/test_claims_theory.py::test_features_learned_at_two_speeds_give_two_descents_over_time",
        findings=("double_descent",),
    ),
    Rule(
        id="double-descent-explanation",
        topic="double descent",
        claim="Contested. The popular account is a passage from memorizing to learning structure; for the "
        "epoch-wise kind superposed bias-variance trade-offs of features learned at different speeds "
        "explain it. Label noise amplifies it, and well-tuned regularization can remove it.",
        scope="explanations, not the effect itself",
        source="Nakkiran et al. 2020 against Heckel & Yilmaz 2021; Nakkiran et al. 2021",
        strength="contested",
        check="test:tests/knowledge/test_claims_theory.py::test_equal_speeds_remove_the_second_descent",
        subjects=("weight_decay",),
        findings=("double_descent",),
    ),
    Rule(
        id="double-descent-keep-scaling",
        topic="double descent",
        claim="A rising validation loss alone is no reason to stop scaling the model.",
        scope="budgets that allow more than one size",
        source="Nakkiran et al. 2020",
        strength="moderate",
        check="test:tests/knowledge/test_claims_theory.py::test_two_sizes_up_test_error_is_lower_again",
    ),
    Rule(
        id="double-descent-train-longer",
        topic="double descent",
        claim="Longer training sometimes recovers from what looks like overfitting, and stopping by validation "
        "loss can be premature; more often it does not, so let a longer run decide.",
        scope="large models that interpolate the training data",
        source="Nakkiran et al. 2020",
        strength="weak",
        check="evidence:double_descent_by_epoch",
        subjects=("early_stopping",),
        findings=("double_descent",),
    ),
    Rule(
        id="bigger-is-not-always-worse",
        topic="double descent",
        claim="Do not assume that bigger models overfit more: well past the interpolation threshold they may "
        "generalize better than middling ones.",
        scope="over-parameterized models",
        source="Belkin et al. 2019; Nakkiran et al. 2020",
        strength="strong",
        check="evidence:double_descent_by_size",
    ),
    Rule(
        id="double-descent-more-data-can-hurt",
        topic="double descent",
        claim="At the interpolation threshold more data can raise the test error of a fixed model, because it "
        "moves the peak to that model's size.",
        scope="little regularization",
        source="Nakkiran et al. 2020",
        strength="strong",
        check="test:tests/knowledge/test_claims_theory.py::test_more_data_can_hurt_at_the_threshold",
        findings=("double_descent",),
    ),
    Rule(
        id="double-descent-tuned-away",
        topic="double descent",
        claim="With the penalty tuned for each size the peak disappears and test error falls steadily with size. "
        "Tune weight decay before drawing conclusions from a peak.",
        scope="ridge on random features; often networks",
        source="Nakkiran et al. 2021",
        strength="strong",
        check="test:tests/knowledge/test_claims_theory.py::test_a_tuned_penalty_removes_the_peak",
        subjects=("weight_decay",),
        findings=("double_descent",),
    ),
    Rule(
        id="double-descent-label-noise",
        topic="double descent",
        claim="Label noise makes the peak higher; on clean, easy data it is often invisible.",
        scope="over-parameterized models",
        source="Nakkiran et al. 2020",
        strength="strong",
        check="test:tests/knowledge/test_claims_theory.py::test_label_noise_raises_the_peak",
        findings=("double_descent", "label_noise"),
    ),
)
