"""Classes of unequal size: metrics, weights, thresholds."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="class-balance-definition",
        topic="class imbalance",
        claim="Weight classes by the inverse of their effective number of examples, (1 - beta^n) / (1 - beta): "
        "beta = 0 leaves them equal, beta near 1 gives inverse frequency. The number stands for examples "
        "that overlap.",
        scope="classification with unequal classes",
        source="Cui et al. 2019",
        strength="strong",
        check="technique:class_balance",
        subjects=("class_balance",),
        findings=("wrong_metric",),
    ),
    Rule(
        id="class-balance-limits",
        topic="class imbalance",
        claim="Effective-number weights go from none at beta = 0 to inverse frequency as beta nears 1; 0.9 to "
        "0.9999 lies between, so that beta is chosen by the size of the large classes.",
        scope="choosing beta",
        source="Cui et al. 2019",
        strength="strong",
        check="test:tests/knowledge/test_claims_practice.py::test_effective_number_weights_run_from_equal_to_inverse_frequency",
        subjects=("class_balance",),
    ),
    Rule(
        id="imbalance-metric-first",
        topic="class imbalance",
        claim="With classes at 1 to 50 a model that always says the large class has 98 % accuracy. Choose the "
        "metric first: balanced accuracy, the rare class's precision and recall, or the area under their "
        "curve.",
        scope="unequal classes",
        source="He & Garcia 2009; Saito & Rehmsmeier 2015",
        strength="strong",
        check="test:tests/knowledge/test_claims_practice.py::test_always_the_large_class_is_accurate_and_useless",
        findings=("wrong_metric",),
    ),
    Rule(
        id="imbalance-weights-fade",
        topic="class imbalance",
        claim="In a network that fits its training data, class weights move the decision boundary early and less "
        "and less later: on separable data the limit does not depend on them. Weights work with early "
        "stopping or other regularization.",
        scope="over-parameterized models",
        source="Byrd & Lipton 2019; Xu et al. 2021",
        strength="strong",
        check="test:tests/knowledge/test_claims_practice.py::test_on_separable_data_class_weights_fade_with_training",
        subjects=("class_balance", "early_stopping"),
        findings=("wrong_metric",),
    ),
    Rule(
        id="imbalance-shift-the-logits",
        topic="class imbalance",
        claim="A model trained on the natural frequencies is made balanced after training by subtracting the log "
        "prior from its logits, with no retraining; it is also how to move to another class mix.",
        scope="good probabilities; priors known",
        source="Saerens et al. 2002; Menon et al. 2021",
        strength="strong",
        check="test:tests/knowledge/test_claims_practice.py::test_subtracting_the_log_prior_balances_a_trained_model",
        subjects=("logit_adjustment", "class_balance"),
        findings=("wrong_metric",),
    ),
    Rule(
        id="imbalance-weights-spoil-probabilities",
        topic="class imbalance",
        claim="Weighting or oversampling classes changes the predicted probabilities, which then no longer match "
        "the frequencies. Recalibrate, or move the threshold instead.",
        scope="where probabilities are used",
        source="Dal Pozzolo et al. 2015",
        strength="strong",
        check="test:tests/knowledge/test_claims_practice.py::test_class_weights_move_predicted_probabilities_off_the_base_rate",
        subjects=("class_balance", "temperature_scaling"),
    ),
)
