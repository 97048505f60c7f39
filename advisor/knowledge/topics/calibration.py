"""Confidence that matches accuracy: temperature scaling and how calibration is measured."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="temperature-scaling-definition",
        topic="calibration",
        claim="Temperature scaling divides the logits by one number fitted on validation NLL after training. It "
        "mends over- and under-confidence and leaves accuracy as it is.",
        scope="classification with a validation set that training did not use",
        source="Guo et al. 2017",
        strength="strong",
        check="technique:temperature_scaling",
        subjects=("temperature_scaling",),
        findings=("overconfidence",),
    ),
    Rule(
        id="temperature-scaling-recovers-the-scale",
        topic="calibration",
        claim="If all logits are too large by one factor, the temperature fitted by NLL is that factor, ECE "
        "falls, and no prediction changes.",
        scope="miscalibration by one common scale; a shift between splits is not mended",
        source="Guo et al. 2017; Ovadia et al. 2019",
        strength="strong",
        check="test:tests/knowledge/test_claims_targets.py::test_fitted_temperature_recovers_the_scale_lowers_ece_and_changes_no_prediction",
        subjects=("temperature_scaling",),
        findings=("overconfidence",),
    ),
    Rule(
        id="ece-is-biased-upwards",
        topic="calibration",
        claim="Binned ECE is above zero even for perfectly calibrated predictions, the more so with few examples "
        "and many bins. Compare arms on the same examples and bins, and read NLL or Brier beside it.",
        scope="small test sets",
        source="Nixon et al. 2019; Kumar et al. 2019",
        strength="strong",
        check="test:tests/knowledge/test_claims_comparing.py::test_ece_of_calibrated_predictions_is_above_zero_and_falls_with_n",
    ),
    Rule(
        id="focal-loss-definition",
        topic="calibration",
        claim="Focal loss multiplies cross-entropy by (1 - p)^gamma and so takes weight off examples that are "
        "already right; gamma = 0 is cross-entropy. Trained with it, networks can be better calibrated.",
        scope="classification, detection",
        source="Lin et al. 2017; Mukhoti et al. 2020",
        strength="moderate",
        check="test:tests/knowledge/test_claims_targets.py::test_focal_loss_takes_weight_off_easy_examples",
        subjects=("focal_loss",),
        findings=("overconfidence",),
    ),
)
