"""Dropout of units, of channels and of residual branches."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="dropout-definition",
        topic="dropout",
        claim="Dropout sets activations to zero at random with probability p in training and scales the rest by "
        "1/(1-p), so that nothing has to change at inference (inverted dropout, the usual form).",
        scope="training mode only",
        source="Srivastava et al. 2014",
        strength="strong",
        check="technique:dropout",
        subjects=("dropout",),
    ),
    Rule(
        id="dropout-usual-rates",
        topic="dropout",
        claim="Usual rates are 0.1 to 0.3 after convolutions and 0.3 to 0.5 in fully connected layers.",
        scope="starting points from scratch; less with other regularizers or when fine-tuning",
        source="Srivastava et al. 2014",
        strength="moderate",
        check="lint:strength-outside-usual-range",
        subjects=("dropout",),
    ),
    Rule(
        id="dropout-ensemble-effect",
        topic="dropout",
        claim="Dropout acts like averaging exponentially many sub-networks that share their weights.",
        scope="an interpretation; exact only for simple models",
        source="Srivastava et al. 2014; Baldi & Sadowski 2013",
        strength="moderate",
        check="review: compare one pass with the mean of many masked passes on NLL",
        subjects=("dropout", "mc_dropout"),
    ),
    Rule(
        id="dropout-gain-depends-on-data-size",
        topic="dropout",
        claim="The gain from dropout rises with the number of examples, then falls again: too few examples are "
        "memorized through the noise, and plenty leave nothing to prevent.",
        scope="fixed model, varying training size",
        source="Srivastava et al. 2014",
        strength="moderate",
        check="recipe:careful-dropout-on-tiny-data",
        subjects=("dropout",),
    ),
    Rule(
        id="dropout-before-batch-norm",
        topic="dropout",
        claim="Dropout in front of batch normalization shifts the variance between training and inference; put it "
        "after the last normalization, before the classifier, or leave it out.",
        scope="networks with batch normalization",
        source="Li et al. 2019",
        strength="strong",
        check="recipe:dropout-near-the-head",
        subjects=("dropout",),
    ),
    Rule(
        id="spatial-dropout-drops-channels",
        topic="dropout",
        claim="Spatial dropout removes whole feature maps, which suits convolutions, whose neighbouring activations "
        "carry nearly the same information.",
        scope="convolutional layers",
        source="Tompson et al. 2015",
        strength="moderate",
        check="review: paired arms of channel-wise and element-wise dropout at the same p in a convolutional network",
        subjects=("spatial_dropout", "dropout"),
    ),
    Rule(
        id="dropout-weak-in-convolutions",
        topic="dropout",
        claim="Element-wise dropout inside convolutional layers does little, because the network rebuilds a dropped "
        "activation from its neighbours.",
        scope="convolutional feature maps; dropout after pooling and flattening is not affected",
        source="Tompson et al. 2015; Ghiasi et al. 2018",
        strength="moderate",
        check="recipe:dropout-near-the-head",
        subjects=("dropout", "spatial_dropout"),
    ),
    Rule(
        id="stochastic-depth-definition",
        topic="dropout",
        claim="Stochastic depth (DropPath) skips whole residual branches with a probability that grows linearly "
        "with depth.",
        scope="networks with residual branches",
        source="Huang et al. 2016",
        strength="strong",
        check="review: compare with torchvision.ops.stochastic_depth once it can be run",
        subjects=("stochastic_depth",),
    ),
    Rule(
        id="stochastic-depth-usual-rates",
        topic="dropout",
        claim="It is the standard regularizer of vision transformers and deep residual networks; usual final rates "
        "are 0.1 to 0.4, more for deeper models and less data.",
        scope="training from scratch",
        source="Huang et al. 2016; Touvron et al. 2021",
        strength="moderate",
        check="review: sweep the final rate on a residual network in paired blocks",
        subjects=("stochastic_depth",),
    ),
    Rule(
        id="stochastic-depth-speed",
        topic="dropout",
        claim="Stochastic depth saves time only when a branch is dropped for the whole batch; the per-example form "
        "that torchvision and timm use computes every branch.",
        scope="training speed",
        source="Huang et al. 2016; source of torchvision and timm",
        strength="strong",
        check="review: time a step with batch-wise and example-wise dropping",
        subjects=("stochastic_depth",),
    ),
)
