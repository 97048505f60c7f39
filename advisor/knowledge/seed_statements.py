"""Every statement of the document that this expert started from, in our words, with the rules that carry it.

`correction` says what the rules have right where the statement is wrong or incomplete. One entry a statement, in the
order of the document.
"""

from advisor.contract import Frozen


class Statement(Frozen):
    """One statement: where it stands, what it says, and which rules answer for it."""

    section: str
    says: str
    rules: tuple[str, ...]
    correction: str = ""


STATEMENTS: tuple[Statement, ...] = (
    Statement(
        section="Triggers",
        says=("when the expert is wanted: overfitting, generalization, the named techniques and the two theory topics"),
        rules=("scope-when-to-use",),
    ),
    Statement(
        section="Philosophy",
        says="deep learning regularizes otherwise than classical statistics",
        rules=("principles-inductive-bias", "principles-benign-overfitting"),
    ),
    Statement(
        section="Philosophy",
        says="networks that can fit random labels still generalize",
        rules=("principles-implicit-regularization",),
    ),
    Statement(
        section="Philosophy",
        says=("optimizer, architecture and procedure regularize implicitly, as much as explicit techniques"),
        rules=("principles-implicit-regularization", "principles-minimum-norm"),
    ),
    Statement(
        section="Philosophy",
        says="regularization shapes the inductive bias",
        rules=("principles-inductive-bias",),
    ),
    Statement(
        section="Philosophy",
        says="augmentation is often the strongest regularizer",
        rules=("principles-augmentation-first",),
        correction="true where label-preserving changes are known, images above all",
    ),
    Statement(
        section="Philosophy",
        says="teaching invariances beats limiting capacity",
        rules=("principles-augmentation-first",),
    ),
    Statement(
        section="Philosophy",
        says=(
            "the trade-off of bias and variance looks different; double descent and benign overfitting matter "
            "for choosing a model"
        ),
        rules=("principles-benign-overfitting", "bias-variance-modern"),
    ),
    Statement(
        section="Philosophy",
        says="the aim includes other distributions",
        rules=("scope-out-of-distribution",),
        correction="a regularizer tuned on one distribution says little about another; hold out a sample of it",
    ),
    Statement(
        section="Standard Dropout",
        says="zero activations with probability p, scale the rest by 1/(1-p)",
        rules=("dropout-definition",),
    ),
    Statement(
        section="Standard Dropout",
        says="scaling in training is the standard form",
        rules=("dropout-definition",),
    ),
    Statement(
        section="Standard Dropout",
        says="0.1 to 0.3 in convolutions, 0.3 to 0.5 in dense layers",
        rules=("dropout-usual-rates", "dropout-weak-in-convolutions"),
        correction="inside convolutions channel-wise or block-wise dropout; before batch normalization none",
    ),
    Statement(
        section="Standard Dropout",
        says="like an ensemble of exponentially many sub-networks",
        rules=("dropout-ensemble-effect",),
        correction="exact for one softmax layer, an approximation in deep networks",
    ),
    Statement(
        section="Spatial Dropout",
        says="drops whole feature maps",
        rules=("spatial-dropout-drops-channels",),
    ),
    Statement(
        section="Spatial Dropout",
        says="suits convolutions, whose neighbours are correlated",
        rules=("spatial-dropout-drops-channels",),
    ),
    Statement(
        section="Spatial Dropout",
        says="element-wise dropout does little there, since neighbours rebuild what was dropped",
        rules=("dropout-weak-in-convolutions",),
    ),
    Statement(
        section="DropPath",
        says="drops residual branches, more often with depth",
        rules=("stochastic-depth-definition",),
    ),
    Statement(
        section="DropPath",
        says="the usual one in deep transformers and residual networks",
        rules=("stochastic-depth-usual-rates",),
    ),
    Statement(
        section="DropPath",
        says="rates of 0.1 to 0.4 by depth and data size",
        rules=("stochastic-depth-usual-rates",),
    ),
    Statement(
        section="DropPath",
        says="saves training time",
        rules=("stochastic-depth-speed",),
        correction=(
            "only when a branch is dropped for the whole batch; the per-example form of torchvision and timm "
            "computes every branch"
        ),
    ),
    Statement(
        section="Weight Decay",
        says="penalty on the squared norm, or a shrinkage at each step",
        rules=("weight-decay-definition",),
        correction="the two are the same for plain SGD only",
    ),
    Statement(
        section="Weight Decay",
        says="AdamW's decay is decoupled and differs from L2 inside Adam",
        rules=("weight-decay-decoupled",),
    ),
    Statement(
        section="Weight Decay",
        says="0.01 to 0.1 for AdamW, 1e-4 to 5e-4 for SGD",
        rules=("weight-decay-usual-strengths",),
    ),
    Statement(
        section="Weight Decay",
        says="strength goes with the ratio of decay and learning rate",
        rules=(
            "weight-decay-times-learning-rate",
            "weight-decay-before-normalization",
            "weight-decay-follows-the-schedule",
        ),
        correction=(
            "it is the product: an AdamW step in torch shrinks by lr x wd, which sets the equilibrium of "
            "normalized weights and, inverted, the averaging time"
        ),
    ),
    Statement(
        section="Weight Decay",
        says="leave biases and normalization out",
        rules=("weight-decay-exclude-norms",),
    ),
    Statement(
        section="CutMix",
        says="pastes a rectangle of another image and mixes labels by area",
        rules=("cutmix-definition", "cutmix-label-is-the-pasted-area"),
        correction="the area after clipping at the border",
    ),
    Statement(
        section="CutMix",
        says="learns from partial views: localization, robustness",
        rules=("cutmix-effect",),
    ),
    Statement(
        section="CutMix",
        says="better than Cutout, since the patch has content",
        rules=("cutmix-against-cutout", "cutout-definition"),
        correction="and Cutout's gain is near zero once tuned or combined",
    ),
    Statement(
        section="MixUp",
        says="interpolates two inputs and their labels",
        rules=("mixup-definition",),
    ),
    Statement(
        section="MixUp",
        says="lambda from Beta(alpha, alpha), alpha 0.2 to 0.4",
        rules=("mixup-usual-alpha",),
        correction="that is ImageNet; 1.0 on CIFAR, 8 and more against label noise, less when underfitting",
    ),
    Statement(
        section="MixUp",
        says="smoother boundary, less over-confidence, better calibration",
        rules=("mixup-effect", "label-smoothing-calibration", "ensemble-under-confidence"),
        correction="alone; with smoothing or ensembles under-confidence",
    ),
    Statement(
        section="RandAugment",
        says="N random operations at magnitude M",
        rules=("randaugment-definition",),
    ),
    Statement(
        section="RandAugment",
        says="two numbers instead of AutoAugment's search",
        rules=("randaugment-definition", "auto-augment-definition"),
    ),
    Statement(
        section="RandAugment",
        says="N = 2, M of 9 to 15 of 30, more for larger models",
        rules=("randaugment-magnitude-scale",),
        correction="always name the scale: 31 bins in torchvision, 0 to 10 elsewhere",
    ),
    Statement(
        section="AugMax",
        says="picks the augmentation that raises the loss most",
        rules=("augmax-definition",),
    ),
    Statement(
        section="AugMax",
        says="better in the worst case",
        rules=("augmax-definition", "augmentation-overlaps-corruption-benchmarks"),
        correction="robustness measured on similar corruptions is not out of distribution",
    ),
    Statement(
        section="AugMax",
        says="dearer, for safety-critical use",
        rules=("augmax-cost",),
    ),
    Statement(
        section="Strategy Selection",
        says="start with crop, flip, colour jitter",
        rules=("augmentation-start-with-basics", "augmentation-must-keep-the-label"),
        correction="as far as they keep the label",
    ),
    Statement(
        section="Strategy Selection",
        says="MixUp or CutMix for a moderate step more",
        rules=("augmentation-order-of-strategies",),
    ),
    Statement(
        section="Strategy Selection",
        says="RandAugment for strong regularization with little tuning",
        rules=("augmentation-order-of-strategies", "trivialaugment-definition", "augmentation-needs-capacity-and-time"),
        correction="it needs capacity and training time; TrivialAugment needs no tuning at all",
    ),
    Statement(
        section="Strategy Selection",
        says="AugMax where robustness counts",
        rules=("augmentation-order-of-strategies",),
    ),
    Statement(
        section="Label Smoothing",
        says="mixes the hard target with the uniform one",
        rules=("label-smoothing-definition",),
    ),
    Statement(
        section="Label Smoothing",
        says="epsilon of 0.1; against over-confidence",
        rules=("label-smoothing-usual-epsilon", "label-smoothing-finite-optimum"),
    ),
    Statement(
        section="Label Smoothing",
        says="better calibration, at times accuracy, mostly in larger models",
        rules=("label-smoothing-calibration",),
        correction="alone yes; with MixUp or ensembles it can make the model under-confident",
    ),
    Statement(
        section="Label Smoothing",
        says="incompatible with distillation",
        rules=("label-smoothing-and-distillation",),
        correction="contested, an empirical question and no error",
    ),
    Statement(
        section="Label Smoothing",
        says="soft targets already carry a similar signal",
        rules=("label-smoothing-and-distillation", "distillation-uniform-teacher-is-smoothing"),
    ),
    Statement(
        section="Label Smoothing",
        says="not for losses that assume hard targets",
        rules=("label-smoothing-needs-soft-targets",),
    ),
    Statement(
        section="Early Stopping",
        says="stop when validation loss has not improved for the patience",
        rules=("early-stopping-definition", "early-stopping-watch-what-counts"),
        correction="watch what counts: loss may rise while accuracy holds",
    ),
    Statement(
        section="Early Stopping",
        says="patience of 5 to 20 epochs, less for fine-tuning",
        rules=("early-stopping-usual-patience", "early-stopping-and-schedules"),
        correction="with an annealed learning rate shorten the schedule instead",
    ),
    Statement(
        section="Early Stopping",
        says="keep the best checkpoint",
        rules=("early-stopping-best-checkpoint", "practice-noisy-best-epoch"),
        correction="and report on a split that did not choose it",
    ),
    Statement(
        section="Early Stopping",
        says="may miss a second descent",
        rules=("early-stopping-and-double-descent", "double-descent-train-longer"),
    ),
    Statement(
        section="Standard Distillation",
        says="the student matches the teacher's softened outputs",
        rules=("distillation-definition",),
    ),
    Statement(
        section="Standard Distillation",
        says="T of 3 to 20 shows how classes resemble each other",
        rules=("distillation-temperature",),
        correction="small students do better at 2.5 to 4",
    ),
    Statement(
        section="Standard Distillation",
        says="weighted sum of a KL term and cross-entropy",
        rules=("distillation-loss", "distillation-kl-arguments"),
        correction="the KL term is scaled by T squared and goes from teacher to student",
    ),
    Statement(
        section="Feature Distillation",
        says="match inner representations too",
        rules=("feature-distillation-definition",),
    ),
    Statement(
        section="Feature Distillation",
        says="alignment layers where widths differ",
        rules=("feature-distillation-definition",),
    ),
    Statement(
        section="Feature Distillation",
        says="often better than outputs alone between unlike architectures",
        rules=("feature-distillation-when",),
        correction="contested: tuned output distillation beat most feature methods in a large comparison",
    ),
    Statement(
        section="Self-Distillation",
        says="the model or an earlier checkpoint teaches",
        rules=("self-distillation-definition",),
    ),
    Statement(
        section="Self-Distillation",
        says="born-again networks improve on their equal",
        rules=("self-distillation-definition", "self-distillation-amplifies-regularization"),
        correction="some rounds help, many underfit",
    ),
    Statement(
        section="Ensemble Methods",
        says="average models of other seeds, architectures, settings",
        rules=("ensemble-definition", "ensemble-beats-its-average-member"),
    ),
    Statement(
        section="Ensemble Methods",
        says="3 to 5 members give most",
        rules=("ensemble-size", "ensemble-needs-disagreement"),
    ),
    Statement(
        section="Ensemble Methods",
        says="snapshots from one cyclic training",
        rules=("snapshot-ensemble-definition",),
    ),
    Statement(
        section="Ensemble Methods",
        says="MC-dropout approximates an ensemble",
        rules=("mc-dropout-definition", "mc-dropout-effect"),
        correction="it improves NLL and calibration, seldom accuracy",
    ),
    Statement(
        section="Classical View",
        says="bias falls, variance grows with complexity",
        rules=("bias-variance-classical",),
    ),
    Statement(
        section="Classical View",
        says="there is a just-right size",
        rules=("bias-variance-classical", "bigger-is-not-always-worse"),
        correction="below the interpolation threshold",
    ),
    Statement(
        section="Modern View",
        says="networks that fit every training example generalize",
        rules=("bias-variance-modern", "principles-benign-overfitting"),
    ),
    Statement(
        section="Modern View",
        says="implicit regularization picks a simple solution",
        rules=("bias-variance-modern", "principles-minimum-norm"),
    ),
    Statement(
        section="Epoch-Wise Double Descent",
        says="test error falls, rises and falls again over epochs",
        rules=("double-descent-epoch-wise",),
    ),
    Statement(
        section="Epoch-Wise Double Descent",
        says="the second descent is the passage from memorizing to structure",
        rules=("double-descent-explanation",),
        correction="contested: superposed trade-offs of features learned at different speeds explain it",
    ),
    Statement(
        section="Model-Wise Double Descent",
        says="error peaks at the interpolation threshold and falls beyond",
        rules=("double-descent-model-wise", "double-descent-label-noise"),
    ),
    Statement(
        section="Model-Wise Double Descent",
        says="a larger model can be better although the smaller one overfitted",
        rules=("double-descent-model-wise", "bigger-is-not-always-worse"),
    ),
    Statement(
        section="Practical Implications",
        says="do not stop scaling because validation loss rises",
        rules=("double-descent-keep-scaling",),
    ),
    Statement(
        section="Practical Implications",
        says="longer training can recover",
        rules=("double-descent-train-longer",),
        correction="more often it does not; let one longer run decide",
    ),
    Statement(
        section="Practical Implications",
        says="stopping by validation loss can be premature",
        rules=("early-stopping-and-double-descent", "double-descent-tuned-away"),
        correction="tuned regularization can remove the effect",
    ),
    Statement(
        section="Anti-Patterns",
        says="all regularizers at once without ablation",
        rules=("everything-at-once", "conflicting-techniques"),
    ),
    Statement(
        section="Anti-Patterns",
        says="one at a time, measured",
        rules=("everything-at-once", "arm-differs-in-several-things", "runs-pair-the-blocks"),
    ),
    Statement(
        section="Anti-Patterns",
        says="decay on normalization parameters",
        rules=("weight-decay-exclude-norms",),
    ),
    Statement(
        section="Anti-Patterns",
        says="shrinking scales and shifts costs stability",
        rules=("weight-decay-exclude-norms",),
        correction="often harmless in plain SGD recipes for CNNs",
    ),
    Statement(
        section="Anti-Patterns",
        says="strong augmentation on very small data",
        rules=("augmentation-on-tiny-data",),
        correction="strong policies, yes; label-preserving basics are the strongest single step there",
    ),
    Statement(
        section="Anti-Patterns",
        says="samples far from the true distribution hurt",
        rules=("augmentation-on-tiny-data", "augmentation-must-keep-the-label"),
    ),
    Statement(
        section="Anti-Patterns",
        says="early stopping without the best checkpoint",
        rules=("early-stopping-best-checkpoint",),
    ),
    Statement(
        section="Anti-Patterns",
        says="the last epoch is rarely the best",
        rules=("early-stopping-best-checkpoint", "practice-noisy-best-epoch"),
    ),
    Statement(
        section="Anti-Patterns",
        says="bigger models always overfit more",
        rules=("bigger-is-not-always-worse", "double-descent-keep-scaling"),
    ),
    Statement(
        section="Related Skills",
        says="adversarial machine learning: attacks, robustness, privacy",
        rules=("scope-related-skills",),
    ),
    Statement(
        section="Related Skills",
        says="convolutional architectures and transfer from them",
        rules=("scope-related-skills",),
    ),
    Statement(
        section="Related Skills",
        says="generative models",
        rules=("scope-related-skills",),
    ),
    Statement(
        section="Related Skills",
        says="graph neural networks",
        rules=("scope-related-skills",),
    ),
    Statement(
        section="Related Skills",
        says="multi-modal learning",
        rules=("scope-related-skills",),
    ),
    Statement(
        section="Related Skills",
        says="architecture search, efficient design, compression",
        rules=("scope-related-skills",),
    ),
)
