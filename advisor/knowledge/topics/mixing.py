"""MixUp, CutMix and their kin: training on mixed or partly blanked examples."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="mixup-definition",
        topic="augmentation",
        claim="MixUp trains on lambda * x_a + (1 - lambda) * x_b with the labels mixed alike, lambda drawn from "
        "Beta(alpha, alpha).",
        scope="inputs that may be added: images, tables, features",
        source="Zhang et al. 2018",
        strength="strong",
        check="technique:mixup",
        subjects=("mixup",),
    ),
    Rule(
        id="mixup-usual-alpha",
        topic="augmentation",
        claim="An alpha of 0.2 to 0.4 is the ImageNet setting; 1.0 is usual on CIFAR, 8 and more against label "
        "noise, and less where the network underfits.",
        scope="image classification",
        source="Zhang et al. 2018",
        strength="moderate",
        check="recipe:stronger-mixup-against-label-noise",
        subjects=("mixup",),
        modalities=("image",),
        findings=("label_noise", "memorization"),
    ),
    Rule(
        id="mixup-effect",
        topic="augmentation",
        claim="MixUp smooths the decision boundary, tempers over-confident predictions and improves calibration.",
        scope="classification; alone, not on top of smoothing or ensembles",
        source="Zhang et al. 2018; Thulasidasan et al. 2019",
        strength="moderate",
        check="recipe:overconfidence-softens-targets",
        subjects=("mixup",),
        findings=("overconfidence",),
    ),
    Rule(
        id="cutmix-definition",
        topic="augmentation",
        claim="CutMix pastes a rectangle of one image into another and mixes the labels by area.",
        scope="images",
        source="Yun et al. 2019",
        strength="strong",
        check="technique:cutmix",
        subjects=("cutmix",),
        modalities=("image",),
    ),
    Rule(
        id="cutmix-effect",
        topic="augmentation",
        claim="Because it must decide from part of the object, a network trained with CutMix localizes better and "
        "is more robust to occlusion.",
        scope="images with one main object",
        source="Yun et al. 2019",
        strength="moderate",
        check="evidence:image_regularizers",
        subjects=("cutmix",),
        modalities=("image",),
    ),
    Rule(
        id="cutmix-against-cutout",
        topic="augmentation",
        claim="CutMix usually beats Cutout, which pastes zeros instead of content; Cutout's gain is near zero "
        "once it is tuned or combined with mixing or smoothing.",
        scope="image classification",
        source="Yun et al. 2019; method card of MosaicML composer",
        strength="moderate",
        check="evidence:image_regularizers",
        subjects=("cutmix", "cutout"),
        modalities=("image",),
    ),
    Rule(
        id="cutout-definition",
        topic="augmentation",
        claim="Cutout blanks a random square of the image; random erasing does the same with rectangles of random "
        "shape and may fill them with noise.",
        scope="images",
        source="DeVries & Taylor 2017; Zhong et al. 2020",
        strength="strong",
        check="technique:cutout",
        subjects=("cutout",),
        modalities=("image",),
    ),
    Rule(
        id="cutmix-label-is-the-pasted-area",
        topic="augmentation",
        claim="CutMix's label share must be the area really pasted. A box that the border cuts off is smaller "
        "than drawn: recompute the share after clipping, or the labels are wrong by a fifth of the image in "
        "some batches.",
        scope="own implementations",
        source="Yun et al. 2019; torchvision's source",
        strength="strong",
        check="test:tests/knowledge/test_claims.py::test_cutmixs_label_share_is_the_area_after_clipping",
        subjects=("cutmix",),
        modalities=("image",),
    ),
    Rule(
        id="manifold-mixup-definition",
        topic="augmentation",
        claim="Manifold mixup mixes hidden features of a randomly chosen layer instead of inputs. In a linear "
        "network it changes nothing; the difference comes from the non-linearity.",
        scope="classification; where inputs themselves cannot be mixed, embeddings can",
        source="Verma et al. 2019",
        strength="moderate",
        check="test:tests/knowledge/test_claims.py::test_mixing_hidden_features_differs_from_mixing_inputs_only_through_the_non_linearity",
        subjects=("mixup",),
    ),
    Rule(
        id="mixup-in-regression",
        topic="augmentation",
        claim="In regression plain mixing of all pairs assumes that targets are linear in between and bends the "
        "fit where they are not. Mix near neighbours in the target, or leave it out.",
        scope="real-valued targets",
        source="Yao et al. 2022",
        strength="strong",
        check="test:tests/knowledge/test_claims.py::test_plain_mixup_bends_a_curved_regression",
        subjects=("mixup",),
    ),
)
