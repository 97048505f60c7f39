"""How an expert works: what is checked first, and what is never concluded too soon."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="everything-at-once",
        topic="practice",
        claim="Do not switch on every regularizer at once: they interact, cancel and conflict. Add one, measure "
        "it, then combine what helped, with an ablation.",
        scope="any recipe that is not copied whole from a paper with its ablation",
        source="He et al. 2019, whose ablation adds one trick at a time",
        strength="strong",
        check="lint:everything-at-once",
    ),
    Rule(
        id="conflicting-techniques",
        topic="practice",
        claim="Some techniques do the same work twice or break each other's assumptions; such pairs are compared, "
        "not combined.",
        scope="pairs that a technique names as conflicts",
        source="Wen et al. 2021; Li et al. 2019",
        strength="moderate",
        check="lint:conflicting-techniques",
    ),
    Rule(
        id="arm-differs-in-several-things",
        topic="practice",
        claim="An arm that differs from the baseline in several things tells nothing about any one of them.",
        scope="experiments with a baseline",
        source="Lipton & Steinhardt 2019",
        strength="strong",
        check="lint:arm-differs-in-several-things",
    ),
    Rule(
        id="impossible-setting",
        topic="practice",
        claim="A setting that does not exist or lies outside what is defined (a dropout of 1.5, an unknown "
        "technique) cannot mean what was intended.",
        scope="specs and recipes",
        source="definition of each technique",
        strength="strong",
        check="lint:impossible-setting",
    ),
    Rule(
        id="strength-outside-usual-range",
        topic="practice",
        claim="A strength far outside its usual range is more often a slip of units or of scale than a discovery; "
        "say why, or return to the range.",
        scope="specs and recipes",
        source="the card of each technique",
        strength="moderate",
        check="lint:strength-outside-usual-range",
    ),
    Rule(
        id="unreadable-file",
        topic="practice",
        claim="A file that does not parse was not checked, which is not the same as clean.",
        scope="lint",
        source="definition",
        strength="strong",
        check="lint:unreadable-file",
    ),
    Rule(
        id="practice-train-before-regularizing",
        topic="practice",
        claim="A run that underfits, diverges or has a bad learning rate needs a better fit first; a regularizer "
        "makes it worse. One that still improves needs more training.",
        scope="any training",
        source="Goodfellow et al. 2016",
        strength="strong",
        check="recipe:fit-before-regularizing",
        findings=(
            "underfitting",
            "divergence",
            "bad_learning_rate",
            "still_improving",
            "non_finite",
            "instability",
            "precision_overflow",
        ),
    ),
    Rule(
        id="practice-no-symptom-no-treatment",
        topic="practice",
        claim="Where training and validation stay together there is little for a regularizer to win; spend the "
        "effort on data, model or training length.",
        scope="good fit or a plateau on both splits",
        source="Goodfellow et al. 2016",
        strength="moderate",
        check="recipe:no-symptom-no-treatment",
        findings=("good_fit", "plateau"),
    ),
    Rule(
        id="practice-comparable-losses",
        topic="practice",
        claim="Training loss logged with dropout, mixing or smoothing, or averaged over the epoch, is not "
        "comparable with validation loss, and the sign of the gap means nothing. Evaluate the training "
        "split in evaluation mode.",
        scope="reading curves",
        source="definition of the logged quantities",
        strength="strong",
        check="recipe:compare-losses-first",
        subjects=("dropout", "mixup", "label_smoothing"),
        findings=("incomparable_losses", "validation_below_train"),
    ),
    Rule(
        id="practice-short-trials-mislead",
        topic="practice",
        claim="Effects shrink or turn around with data size and training length: a short verification understates "
        "what needs long training, such as mixing and strong augmentation.",
        scope="verification on fewer epochs or examples than the real run",
        source="Zhang et al. 2018; Brigato et al. 2021; Srivastava et al. 2014",
        strength="moderate",
        check="evidence:effects_by_size_and_length",
        subjects=("mixup", "basic_augmentation", "randaugment", "dropout"),
    ),
    Rule(
        id="practice-gap-is-not-the-goal",
        topic="practice",
        claim="A small gap between training and validation is not the goal, a low validation error is. A "
        "regularizer that closes the gap by raising training error alone has won nothing.",
        scope="judging a regularizer",
        source="Goodfellow et al. 2016",
        strength="strong",
        check="test:tests/knowledge/test_claims_practice.py::test_a_strong_penalty_closes_the_gap_and_raises_test_error",
        findings=("overfitting",),
    ),
    Rule(
        id="practice-more-data-first",
        topic="practice",
        claim="Before tuning regularizers train on half and on all of the data: if the test error still falls "
        "clearly, more or better data will pay more, and the slope says how much.",
        scope="any task where data can be had",
        source="Hestness et al. 2017",
        strength="strong",
        check="test:tests/knowledge/test_claims_practice.py::test_test_error_falls_with_more_data",
        findings=("overfitting", "good_fit"),
    ),
    Rule(
        id="practice-tune-the-baseline",
        topic="practice",
        claim="Tune the baseline as hard as the arm. The best of twenty tries beats the only try of an equal "
        "competitor by luck alone; report the budget of both.",
        scope="comparisons with tuned settings",
        source="Dodge et al. 2019; Melis et al. 2018; Lipton & Steinhardt 2019",
        strength="strong",
        check="test:tests/knowledge/test_claims_comparing.py::test_more_tuning_wins_between_equals",
    ),
)
