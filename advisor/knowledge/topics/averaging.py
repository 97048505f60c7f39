"""Averages of weights, sharpness-aware minimization, and flat minima."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="weight-averaging-definition",
        topic="averaging and flatness",
        claim="Stochastic weight averaging (SWA) averages the weights of late epochs, usually at a constant or "
        "cyclic learning rate; it generalizes better at almost no cost.",
        scope="any training; the gain is largest at a high final learning rate",
        source="Izmailov et al. 2018",
        strength="moderate",
        check="technique:swa",
        subjects=("swa", "ema"),
    ),
    Rule(
        id="sam-cost",
        topic="averaging and flatness",
        claim="SAM takes two gradients a step, about twice the time: compare it with twice the training, not with "
        "the same number of epochs.",
        scope="image classification, transformers trained from scratch",
        source="Foret et al. 2021",
        strength="moderate",
        check="evidence:averaging_and_flatness",
        subjects=("sam",),
    ),
    Rule(
        id="ema-definition",
        topic="averaging and flatness",
        claim="An exponential moving average (EMA) of the weights follows training at every step and is used for "
        "evaluation; the raw weights go on training.",
        scope="any training",
        source="Polyak & Juditsky 1992; Morales-Brotons et al. 2024",
        strength="strong",
        check="technique:ema",
        subjects=("ema",),
    ),
    Rule(
        id="weight-averaging-choose-one",
        topic="averaging and flatness",
        claim="EMA, SWA and annealing the learning rate remove the same noise: with one in place the next adds "
        "little. Choose one.",
        scope="any training",
        source="Morales-Brotons et al. 2024; Izmailov et al. 2018",
        strength="moderate",
        check="evidence:averaging_and_flatness",
        subjects=("ema", "swa"),
    ),
    Rule(
        id="weight-averaging-removes-gradient-noise",
        topic="averaging and flatness",
        claim="At a constant learning rate the last iterate jitters around the minimum and the average does not; "
        "once the rate is annealed to near zero there is little left to average.",
        scope="noisy gradients",
        source="Polyak & Juditsky 1992; Izmailov et al. 2018",
        strength="strong",
        check="test:tests/knowledge/test_claims_theory.py::test_averaging_helps_at_a_constant_rate_and_not_after_annealing",
        subjects=("ema", "swa"),
    ),
    Rule(
        id="weight-averaging-recomputes-batch-norm",
        topic="averaging and flatness",
        claim="Averaged weights need new batch-norm statistics: run the training data through once, as torch's "
        "update_bn does, before evaluating.",
        scope="networks with batch normalization",
        source="Izmailov et al. 2018",
        strength="strong",
        check="test:tests/knowledge/test_claims_targets.py::test_averaged_weights_need_new_batch_norm_statistics",
        subjects=("swa", "ema"),
    ),
    Rule(
        id="ema-horizon",
        topic="averaging and flatness",
        claim="A decay of d averages about 1 / (1 - d) steps: 0.9999 in a run of 500 steps still holds 95 % of "
        "the initial weights. Choose the decay by the number of steps, or warm it up.",
        scope="short trainings above all",
        source="definition",
        strength="strong",
        check="test:tests/knowledge/test_claims_targets.py::test_a_long_horizon_keeps_the_initial_weights_in_a_short_run",
        subjects=("ema",),
    ),
    Rule(
        id="weight-averaging-needs-one-basin",
        topic="averaging and flatness",
        claim="Averaging weights works for models that share a start, such as fine-tuned copies or late epochs; "
        "the average of two networks trained from different seeds is usually useless, because their units "
        "do not correspond.",
        scope="neural networks",
        source="Wortsman et al. 2022; Frankle et al. 2020",
        strength="strong",
        check="test:tests/knowledge/test_claims_theory.py::test_the_average_of_two_independent_networks_is_useless_and_of_two_tuned_copies_is_not",
        subjects=("swa", "ema", "model_soup", "seed_ensemble"),
    ),
    Rule(
        id="model-soup-definition",
        topic="averaging and flatness",
        claim="A model soup averages the weights of several fine-tuned copies of one pre-trained model: much of "
        "an ensemble's gain at one model's inference cost. For models linear in their weights the two are "
        "the same.",
        scope="fine-tuning from one start",
        source="Wortsman et al. 2022",
        strength="moderate",
        check="test:tests/knowledge/test_claims_targets.py::test_averaging_weights_equals_averaging_predictions_in_a_linear_model",
        subjects=("model_soup", "seed_ensemble"),
        regime="fine_tuning",
    ),
    Rule(
        id="sam-definition",
        topic="averaging and flatness",
        claim="Sharpness-aware minimization (SAM) takes the gradient at the worst point of a small ball around "
        "the weights, and so prefers flat minima. Gains are largest where training is long and data or "
        "augmentation scarce, as for transformers from scratch.",
        scope="image classification above all",
        source="Foret et al. 2021; Chen et al. 2022",
        strength="moderate",
        check="technique:sam",
        subjects=("sam",),
    ),
    Rule(
        id="flatness-and-generalization",
        topic="averaging and flatness",
        claim="Contested. Flat minima go with better test error in many comparisons; against that, rescaling a "
        "ReLU network changes its sharpness at will and its function not at all, so that plain sharpness "
        "cannot be the cause.",
        scope="explanations; SAM's gains are measured, whatever explains them",
        source="Keskar et al. 2017 against Dinh et al. 2017",
        strength="contested",
        check="test:tests/knowledge/test_claims_theory.py::test_rescaling_a_relu_network_changes_sharpness_and_not_the_function",
        subjects=("sam", "swa"),
    ),
    Rule(
        id="batch-size-and-generalization",
        topic="averaging and flatness",
        claim="Contested. Large batches were seen to generalize worse; against that, the gap closes when the "
        "learning rate is scaled and tuned and the number of steps kept.",
        scope="mini-batch training",
        source="Keskar et al. 2017 against Hoffer et al. 2017 and Shallue et al. 2019",
        strength="contested",
        check="evidence:averaging_and_flatness",
    ),
)
