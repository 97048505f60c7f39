"""Ensembles: what they gain, with how many members, and at what price."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="ensemble-definition",
        topic="ensembles",
        claim="Average the predictions of models trained with other seeds, architectures or hyper-parameters: the "
        "most reliable gain in accuracy and calibration, at the price of every further training and "
        "inference.",
        scope="any model",
        source="Hansen & Salamon 1990; Lakshminarayanan et al. 2017",
        strength="strong",
        check="technique:seed_ensemble",
        subjects=("seed_ensemble",),
    ),
    Rule(
        id="ensemble-size",
        topic="ensembles",
        claim="Three to five members give most of the gain: of what averaging can remove, one in k stays, so that "
        "three leave a third and five a fifth.",
        scope="members of equal kind",
        source="Lakshminarayanan et al. 2017; Breiman 1996",
        strength="moderate",
        check="test:tests/knowledge/test_claims_targets.py::test_an_ensembles_gain_flattens_after_a_few_members",
        subjects=("seed_ensemble",),
    ),
    Rule(
        id="snapshot-ensemble-definition",
        topic="ensembles",
        claim="Snapshot ensembles take their members from one training with a cyclic learning rate.",
        scope="where several trainings are too dear; members differ less",
        source="Huang et al. 2017",
        strength="moderate",
        check="technique:snapshot_ensemble",
        subjects=("snapshot_ensemble", "seed_ensemble"),
    ),
    Rule(
        id="mc-dropout-effect",
        topic="ensembles",
        claim="MC-dropout improves NLL and calibration, seldom accuracy, and falls short of a real ensemble.",
        scope="networks trained with dropout until they fit; undertrained ones get worse (evidence)",
        source="Gal & Ghahramani 2016; Lakshminarayanan et al. 2017; own check",
        strength="moderate",
        check="evidence:ensembles_and_calibration",
        subjects=("mc_dropout", "dropout", "seed_ensemble"),
    ),
    Rule(
        id="mc-dropout-definition",
        topic="ensembles",
        claim="MC-dropout keeps dropout on at inference and averages the probabilities of several passes.",
        scope="models trained with dropout",
        source="Gal & Ghahramani 2016",
        strength="strong",
        check="technique:mc_dropout",
        subjects=("mc_dropout", "dropout"),
    ),
    Rule(
        id="ensemble-beats-its-average-member",
        topic="ensembles",
        claim="For NLL, Brier and squared error the averaged prediction is never worse than its members are on "
        "average, and the gain is their disagreement; for accuracy that is usual, not certain.",
        scope="any members",
        source="Krogh & Vedelsby 1995; Hansen & Salamon 1990",
        strength="strong",
        check="test:tests/knowledge/test_claims_targets.py::test_the_ensembles_squared_error_is_the_average_less_the_disagreement",
        subjects=("seed_ensemble", "snapshot_ensemble", "mc_dropout"),
    ),
    Rule(
        id="ensemble-under-confidence",
        topic="ensembles",
        claim="Averaging members that are each calibrated gives an under-confident ensemble: accuracy rises while "
        "confidence falls. Fit the temperature after averaging, not for each member.",
        scope="ensembles of calibrated or regularized members",
        source="Rahaman & Thiery 2021; Wen et al. 2021",
        strength="strong",
        check="test:tests/knowledge/test_claims_targets.py::test_an_ensemble_of_calibrated_members_is_under_confident",
        subjects=("seed_ensemble", "temperature_scaling", "label_smoothing", "mixup"),
    ),
    Rule(
        id="ensemble-needs-disagreement",
        topic="ensembles",
        claim="The gain grows with the members' disagreement: other seeds from scratch differ most, snapshots and "
        "heads on one pre-trained body less, and what correlates completely adds nothing.",
        scope="choosing members",
        source="Fort et al. 2019; Breiman 1996",
        strength="strong",
        check="test:tests/knowledge/test_claims_targets.py::test_correlated_members_gain_less",
        subjects=("seed_ensemble", "snapshot_ensemble"),
    ),
    Rule(
        id="ensemble-against-one-larger-model",
        topic="ensembles",
        claim="Count the cost: k members cost k trainings and k inferences. Compare with one model of that size, "
        "or distil the ensemble into one.",
        scope="fixed budget; on 1,000 images the larger model won and the taught one did not (evidence)",
        source="Lobacheva et al. 2020; Hinton et al. 2015",
        strength="moderate",
        check="evidence:ensembles_and_calibration",
        subjects=("seed_ensemble", "distillation"),
    ),
)
