"""Leakage and shift between splits, which look like generalization problems and are not."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="practice-leakage-and-shift",
        topic="splits",
        claim="Leakage between splits and shift between their distributions look like generalization problems, "
        "and no regularizer cures them.",
        scope="a gap from the first epoch, or validation better than training",
        source="Kaufman et al. 2012; Recht et al. 2019",
        strength="strong",
        check="recipe:check-the-splits-first",
        findings=("generalization_gap_from_start", "validation_below_train"),
    ),
    Rule(
        id="splits-preprocess-inside",
        topic="splits",
        claim="Fit everything that looks at the data (selection of features, scaling, imputation, target "
        "encoding, oversampling) on the training split alone. Features selected on all data make pure noise "
        "look predictable.",
        scope="any preprocessing that is fitted",
        source="Ambroise & McLachlan 2002; Kaufman et al. 2012",
        strength="strong",
        check="test:tests/knowledge/test_claims_comparing.py::test_features_selected_before_the_split_make_noise_predictable",
        findings=("generalization_gap_from_start", "validation_below_train"),
    ),
    Rule(
        id="splits-keep-groups-together",
        topic="splits",
        claim="Put everything from one patient, user, device, scene or document on one side of the split, and "
        "later data after earlier. A random split of grouped data measures how well groups are recognized.",
        scope="grouped, repeated or ordered data",
        source="Roberts et al. 2017; Kapoor & Narayanan 2023",
        strength="strong",
        check="test:tests/knowledge/test_claims_comparing.py::test_a_random_split_of_grouped_data_is_optimistic",
        findings=("generalization_gap_from_start", "validation_below_train"),
    ),
    Rule(
        id="splits-deduplicate",
        topic="splits",
        claim="Remove duplicates and near-duplicates across splits before anything else: they reward "
        "memorization, and regularization then looks harmful.",
        scope="images and text from the web above all",
        source="Barz & Denzler 2020; Lee et al. 2022",
        strength="strong",
        check="test:tests/knowledge/test_claims_comparing.py::test_duplicates_across_splits_reward_memorization",
        findings=("validation_below_train", "generalization_gap_from_start"),
    ),
    Rule(
        id="splits-adversarial-validation",
        topic="splits",
        claim="To prove a shift train a classifier to tell training inputs from validation inputs: at chance "
        "there is no shift that it can see, well above chance its strongest features name the cause.",
        scope="suspected shift",
        source="Lopez-Paz & Oquab 2017; Rabanser et al. 2019",
        strength="strong",
        check="test:tests/knowledge/test_claims_comparing.py::test_a_classifier_tells_shifted_splits_apart_and_equal_ones_not",
        findings=("generalization_gap_from_start",),
    ),
)
