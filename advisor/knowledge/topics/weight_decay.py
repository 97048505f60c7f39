"""Weight decay and its interplay with the optimizer, the learning rate and normalization."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="weight-decay-definition",
        topic="weight decay",
        claim="Weight decay shrinks the weights a little at each step; for plain SGD that equals adding their "
        "squared L2 norm to the loss.",
        scope="SGD; with momentum up to a rescaling",
        source="Krogh & Hertz 1991",
        strength="strong",
        check="technique:weight_decay",
        subjects=("weight_decay",),
    ),
    Rule(
        id="weight-decay-decoupled",
        topic="weight decay",
        claim="AdamW decays the weights apart from the gradient. An L2 term inside Adam is divided by the "
        "gradient scale, so that weights with large gradients are hardly decayed: another regularizer under "
        "the same name.",
        scope="adaptive optimizers",
        source="Loshchilov & Hutter 2019",
        strength="strong",
        check="test:tests/knowledge/test_claims.py::test_adams_l2_hardly_decays_weights_with_large_gradients_and_adamw_does",
        subjects=("weight_decay",),
    ),
    Rule(
        id="weight-decay-usual-strengths",
        topic="weight decay",
        claim="Usual strengths are 0.01 to 0.1 for AdamW and 1e-4 to 5e-4 for SGD; the two scales do not transfer.",
        scope="training from scratch; smaller when fine-tuning",
        source="Loshchilov & Hutter 2019; He et al. 2016",
        strength="moderate",
        check="lint:strength-outside-usual-range",
        subjects=("weight_decay",),
    ),
    Rule(
        id="weight-decay-times-learning-rate",
        topic="weight decay",
        claim="What counts is the product of learning rate and weight decay, not their ratio: an AdamW step in "
        "torch shrinks weights by lr x wd, the product sets the equilibrium of weights that feed a "
        "normalization, and its inverse is the averaging time in steps. When you change the learning rate, "
        "keep the product.",
        scope="decoupled decay; weights before a normalization",
        source="van Laarhoven 2017; Li & Arora 2019; Kosson et al. 2023; Wang & Aitchison 2024",
        strength="strong",
        check="test:tests/knowledge/test_claims.py::test_lr_times_weight_decay_sets_the_equilibrium_of_normalized_weights",
        subjects=("weight_decay",),
    ),
    Rule(
        id="weight-decay-exclude-norms",
        topic="weight decay",
        claim="Leave biases and the scales and shifts of normalization layers out of weight decay: they carry "
        "little capacity, and shrinking them costs stability more than it regularizes.",
        scope="networks with normalization layers; often harmless in plain SGD recipes for CNNs",
        source="Goyal et al. 2017; He et al. 2019",
        strength="moderate",
        check="lint:weight-decay-exclude-norms",
        subjects=("weight_decay",),
    ),
    Rule(
        id="weight-decay-before-normalization",
        topic="weight decay",
        claim="Decay of weights that feed a normalization does not limit the function, which ignores their scale; "
        "it keeps the effective learning rate, which goes as lr / |w|^2, from dying away.",
        scope="layers followed by batch or layer normalization",
        source="van Laarhoven 2017; Zhang et al. 2019",
        strength="strong",
        check="test:tests/knowledge/test_claims.py::test_scaling_weights_before_batch_norm_changes_the_gradient_and_not_the_output",
        subjects=("weight_decay",),
    ),
    Rule(
        id="weight-decay-follows-the-schedule",
        topic="weight decay",
        claim="torch multiplies AdamW's decay by the current learning rate, so that decay fades as the schedule "
        "anneals; in the paper's form a peak learning rate does not enter. Strengths do not transfer "
        "between the two.",
        scope="AdamW across libraries",
        source="Loshchilov & Hutter 2019; torch's documentation",
        strength="strong",
        check="test:tests/knowledge/test_claims.py::test_torchs_adamw_shrinks_by_lr_times_decay_at_every_step",
        subjects=("weight_decay",),
    ),
    Rule(
        id="max-norm-definition",
        topic="weight decay",
        claim="Max-norm rescales a unit's incoming weights whenever their norm passes a bound. Unlike decay it "
        "leaves small weights alone; it was used together with dropout and high learning rates.",
        scope="layers not followed by a normalization",
        source="Srebro et al. 2005; Srivastava et al. 2014",
        strength="moderate",
        check="technique:max_norm",
        subjects=("max_norm", "dropout", "weight_decay"),
    ),
    Rule(
        id="l2-sp-definition",
        topic="weight decay",
        claim="When fine-tuning, decay towards the pre-trained weights (L2-SP) instead of zero keeps what they "
        "know; with few target examples near the source task it errs less.",
        scope="fine-tuning",
        source="Li et al. 2018",
        strength="moderate",
        check="test:tests/knowledge/test_claims_practice.py::test_decay_towards_pretrained_weights_beats_decay_to_zero_near_the_source",
        subjects=("l2_sp", "weight_decay"),
        regime="fine_tuning",
    ),
)
