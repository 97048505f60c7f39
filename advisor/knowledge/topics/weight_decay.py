"""Weight decay and its interplay with the optimizer, the learning rate and normalization."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="weight-decay-definition",
        topic="weight decay",
        claim="Weight decay shrinks the weights a little at each step; for plain SGD that equals adding their squared "
        "L2 norm to the loss.",
        scope="SGD; with momentum up to a rescaling",
        source="Krogh & Hertz 1991",
        strength="strong",
        check="technique:weight_decay",
        subjects=("weight_decay",),
    ),
    Rule(
        id="weight-decay-decoupled",
        topic="weight decay",
        claim="AdamW decays the weights apart from the gradient. An L2 term inside Adam is divided by the gradient "
        "scale, so that weights with large gradients are hardly decayed: another regularizer under the same name.",
        scope="adaptive optimizers",
        source="Loshchilov & Hutter 2019",
        strength="strong",
        check="review: paired arms of Adam with an L2 term and AdamW, each with a tuned strength",
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
        claim="What counts is the product of learning rate and weight decay, not their ratio: an AdamW step in torch "
        "shrinks weights by lr x wd, the product sets the equilibrium of weights that feed a normalization, and its "
        "inverse is the averaging time in steps. When you change the learning rate, keep the product.",
        scope="decoupled decay; weights before a normalization",
        source="van Laarhoven 2017; Li & Arora 2019; Kosson et al. 2023; Wang & Aitchison 2024",
        strength="strong",
        check="lint:arm-differs-in-several-things",
        subjects=("weight_decay",),
    ),
    Rule(
        id="weight-decay-exclude-norms",
        topic="weight decay",
        claim="Leave biases and the scales and shifts of normalization layers out of weight decay: they carry little "
        "capacity, and shrinking them costs stability more than it regularizes.",
        scope="networks with normalization layers; often harmless in plain SGD recipes for CNNs",
        source="Goyal et al. 2017; He et al. 2019",
        strength="moderate",
        check="lint:weight-decay-exclude-norms",
        subjects=("weight_decay",),
    ),
)
