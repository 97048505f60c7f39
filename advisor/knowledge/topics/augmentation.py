"""Data augmentation: what each kind does, and how to choose among them."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="augmentation-start-with-basics",
        topic="augmentation",
        claim="Start with the standard label-preserving changes: random crop or shift, horizontal flip, colour jitter.",
        scope="images",
        source="Krizhevsky et al. 2012; Shorten & Khoshgoftaar 2019",
        strength="strong",
        check="technique:basic_augmentation",
        subjects=("basic_augmentation",),
    ),
    Rule(
        id="augmentation-must-keep-the-label",
        topic="augmentation",
        claim="A change that alters the label does harm: do not mirror digits, text or anything with a handedness.",
        scope="any augmentation",
        source="Shorten & Khoshgoftaar 2019",
        strength="strong",
        check="recipe:flip-only-when-safe",
        subjects=("basic_augmentation",),
    ),
    Rule(
        id="augmentation-order-of-strategies",
        topic="augmentation",
        claim="Climb in order of strength: basics, then MixUp or CutMix for moderate regularization, then RandAugment "
        "for strong regularization with little tuning, and AugMax where worst-case robustness is the point.",
        scope="images; take each next step only if the last one helped and training error still allows it",
        source="Cubuk et al. 2020; Yun et al. 2019; Wang et al. 2021",
        strength="moderate",
        check="recipe:augmentation-first-on-images",
        subjects=("basic_augmentation", "mixup", "cutmix", "rand_augment", "aug_max"),
    ),
    Rule(
        id="augmentation-on-tiny-data",
        topic="augmentation",
        claim="On tiny data sets separate two cases: label-preserving basics are the strongest single step there, "
        "while strong policies, whose samples fall far from the true distribution, need capacity and long training "
        "and can hurt.",
        scope="images, up to some hundred examples a class",
        source="Brigato et al. 2021",
        strength="moderate",
        check="recipe:no-strong-mixing-on-tiny-data",
        subjects=("basic_augmentation", "mixup", "cutmix", "rand_augment"),
    ),
    Rule(
        id="augmentation-not-on-validation",
        topic="augmentation",
        claim="Random augmentation belongs to the training split alone: on validation or test data it adds noise and "
        "bias to every number that selection and reporting rest on.",
        scope="evaluation; deliberate test-time augmentation is another matter",
        source="Goodfellow et al. 2016",
        strength="strong",
        check="lint:augmentation-not-on-validation",
        subjects=("basic_augmentation",),
    ),
    Rule(
        id="augmentation-overlaps-corruption-benchmarks",
        topic="augmentation",
        claim="Training with AugMix or RandAugment overlaps with the usual corruption benchmarks, so that robustness "
        "measured there is no longer out of distribution.",
        scope="claims of robustness on corrupted test sets",
        source="Hendrycks et al. 2020; Mintun et al. 2021",
        strength="moderate",
        check="review: report corruptions that resemble the augmentation apart from those that do not",
        subjects=("rand_augment", "aug_mix", "aug_max"),
    ),
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
        claim="An alpha of 0.2 to 0.4 is the ImageNet setting; 1.0 is usual on CIFAR, 8 and more against label noise, "
        "and less where the network underfits.",
        scope="image classification",
        source="Zhang et al. 2018",
        strength="moderate",
        check="recipe:stronger-mixup-against-label-noise",
        subjects=("mixup",),
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
    ),
    Rule(
        id="cutmix-definition",
        topic="augmentation",
        claim="CutMix pastes a rectangle of one image into another and mixes the labels by area.",
        scope="images",
        source="Yun et al. 2019",
        strength="strong",
        check="review: compare with torchvision.transforms.v2.CutMix once it can be run",
        subjects=("cutmix",),
    ),
    Rule(
        id="cutmix-effect",
        topic="augmentation",
        claim="Because it must decide from part of the object, a network trained with CutMix localizes better and is "
        "more robust to occlusion.",
        scope="images with one main object",
        source="Yun et al. 2019",
        strength="moderate",
        check="review: paired arms with occluded test images",
        subjects=("cutmix",),
    ),
    Rule(
        id="cutmix-against-cutout",
        topic="augmentation",
        claim="CutMix usually beats Cutout, which pastes zeros instead of content; Cutout's gain is near zero once it "
        "is tuned or combined with mixing or smoothing.",
        scope="image classification",
        source="Yun et al. 2019; method card of MosaicML composer",
        strength="moderate",
        check="review: paired arms of both beside a tuned baseline",
        subjects=("cutmix", "cutout"),
    ),
    Rule(
        id="randaugment-definition",
        topic="augmentation",
        claim="RandAugment applies N random changes from a fixed list, all at magnitude M: two numbers to choose "
        "instead of AutoAugment's search over policies.",
        scope="images",
        source="Cubuk et al. 2020; Cubuk et al. 2019",
        strength="strong",
        check="review: compare with torchvision.transforms.v2.RandAugment once it can be run",
        subjects=("rand_augment",),
    ),
    Rule(
        id="randaugment-magnitude-scale",
        topic="augmentation",
        claim="N = 2 with M of 9 to 15 on the scale of 0 to 30 is a common start, more for larger models. Always name "
        "the scale: torchvision has 31 bins (0 to 30), other libraries 0 to 10.",
        scope="image classification",
        source="Cubuk et al. 2020; documentation of torchvision and timm",
        strength="moderate",
        check="review: read the scale from the library in use before comparing magnitudes",
        subjects=("rand_augment",),
    ),
    Rule(
        id="augmax-definition",
        topic="augmentation",
        claim="AugMax picks the worst of a set of augmentations, the one that raises the loss most, and so trains for "
        "the worst case.",
        scope="robustness; safety-critical use",
        source="Wang et al. 2021",
        strength="moderate",
        check="review: worst-case accuracy over the same set of changes in paired arms",
        subjects=("aug_max",),
    ),
    Rule(
        id="augmax-cost",
        topic="augmentation",
        claim="The search for the worst case makes AugMax clearly dearer than random augmentation; spend that only "
        "where robustness is the goal.",
        scope="training cost",
        source="Wang et al. 2021",
        strength="moderate",
        check="review: time a step with and without the search",
        subjects=("aug_max",),
    ),
)
