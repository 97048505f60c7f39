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
        modalities=("image",),
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
        claim="Climb in order of strength: basics, then MixUp or CutMix for moderate regularization, then "
        "RandAugment or TrivialAugment for strong regularization with little tuning, and AugMax where "
        "worst-case robustness is the point.",
        scope="images; take each next step only if the last one helped and training error still allows it",
        source="Cubuk et al. 2020; Yun et al. 2019; Wang et al. 2021; Mueller & Hutter 2021",
        strength="moderate",
        check="recipe:augmentation-first-on-images",
        subjects=("basic_augmentation", "mixup", "cutmix", "randaugment", "trivialaugment", "augmax"),
        modalities=("image",),
    ),
    Rule(
        id="augmentation-on-tiny-data",
        topic="augmentation",
        claim="On tiny data sets separate two cases: label-preserving basics are the strongest single step there "
        "(32.8 to 40.4 % in a small check on CIFAR-10 with 50 images a class), while strong policies, whose "
        "samples fall far from the true distribution, need capacity and long training and can hurt.",
        scope="photographs, up to some hundred examples a class; not centred and aligned images: on 100 of "
        "Fashion-MNIST shift and mirror gained nothing and fell behind RandAugment",
        source="Brigato et al. 2021; own check",
        strength="moderate",
        check="evidence:effects_by_size_and_length",
        subjects=("basic_augmentation", "mixup", "cutmix", "randaugment"),
        modalities=("image",),
        size="small",
    ),
    Rule(
        id="augmentation-not-on-validation",
        topic="augmentation",
        claim="Random augmentation belongs to the training split alone: on validation or test data it adds noise "
        "and bias to every number that selection and reporting rest on.",
        scope="evaluation; deliberate test-time augmentation is another matter",
        source="Goodfellow et al. 2016",
        strength="strong",
        check="lint:augmentation-not-on-validation",
        subjects=("basic_augmentation",),
    ),
    Rule(
        id="augmentation-overlaps-corruption-benchmarks",
        topic="augmentation",
        claim="Robustness measured on corruptions that resemble the training augmentation is no longer out of "
        "distribution. RandAugment's brightness and contrast are themselves corruptions of the usual "
        "benchmark. AugMix's authors left such operations out; torchvision's AugMix puts them back unless "
        "all_ops is False.",
        scope="claims of robustness on corrupted test sets",
        source="Hendrycks & Dietterich 2019; Hendrycks et al. 2020; Mintun et al. 2021; torchvision's documentation",
        strength="moderate",
        check="test:tests/knowledge/test_claims.py::test_randaugment_contains_corruptions_of_the_usual_benchmark",
        subjects=("randaugment", "augmix", "augmax"),
        modalities=("image",),
    ),
    Rule(
        id="randaugment-definition",
        topic="augmentation",
        claim="RandAugment applies N random changes from a fixed list, all at magnitude M: two numbers to choose "
        "instead of AutoAugment's search over policies.",
        scope="images",
        source="Cubuk et al. 2020; Cubuk et al. 2019",
        strength="strong",
        check="technique:randaugment",
        subjects=("randaugment",),
        modalities=("image",),
    ),
    Rule(
        id="randaugment-magnitude-scale",
        topic="augmentation",
        claim="N = 2 with M of 9 to 15 on the scale of 0 to 30 is a common start, more for larger models. Always "
        "name the scale: torchvision has 31 bins (0 to 30), other libraries 0 to 10.",
        scope="image classification",
        source="Cubuk et al. 2020; documentation of torchvision and timm",
        strength="moderate",
        check="test:tests/knowledge/test_claims.py::test_torchvisions_magnitudes_have_31_bins",
        subjects=("randaugment",),
        modalities=("image",),
    ),
    Rule(
        id="augmax-definition",
        topic="augmentation",
        claim="AugMax picks the worst of a set of augmentations, the one that raises the loss most, and so trains "
        "for the worst case.",
        scope="robustness; safety-critical use",
        source="Wang et al. 2021",
        strength="moderate",
        check="technique:augmax",
        subjects=("augmax",),
        modalities=("image",),
    ),
    Rule(
        id="augmax-cost",
        topic="augmentation",
        claim="The search for the worst case makes AugMax clearly dearer than random augmentation; spend that "
        "only where robustness is the goal.",
        scope="training cost",
        source="Wang et al. 2021",
        strength="moderate",
        check="evidence:image_regularizers",
        subjects=("augmax",),
        modalities=("image",),
    ),
    Rule(
        id="trivialaugment-definition",
        topic="augmentation",
        claim="TrivialAugment applies one random operation at a random magnitude to each image: nothing to tune, "
        "and close to tuned policies in its authors' comparison.",
        scope="images",
        source="Mueller & Hutter 2021",
        strength="moderate",
        check="technique:trivialaugment",
        subjects=("trivialaugment", "randaugment"),
        modalities=("image",),
    ),
    Rule(
        id="augmix-definition",
        topic="augmentation",
        claim="AugMix mixes several short chains of augmentations of one image back into it and asks for the same "
        "prediction on all versions by a Jensen-Shannon term; it aims at robustness to corruptions.",
        scope="images; two further forward passes with the consistency term",
        source="Hendrycks et al. 2020",
        strength="strong",
        check="technique:augmix",
        subjects=("augmix",),
        modalities=("image",),
    ),
    Rule(
        id="augmentation-resolution-shift",
        topic="augmentation",
        claim="Random resized crops show objects larger in training than a centre crop shows them in test. "
        "Evaluate at a somewhat higher resolution or fine-tune briefly at the test size before blaming "
        "generalization.",
        scope="images trained with random resized crops",
        source="Touvron et al. 2019",
        strength="strong",
        check="test:tests/knowledge/test_claims.py::test_random_resized_crops_show_objects_larger_than_centre_crops",
        subjects=("basic_augmentation",),
        modalities=("image",),
    ),
    Rule(
        id="test-time-augmentation",
        topic="augmentation",
        claim="Averaging the predicted probabilities of several views of a test image cannot have a worse NLL "
        "than the views have on average; the price is one forward pass a view.",
        scope="inference; label-preserving views",
        source="Krizhevsky et al. 2012; Shanmugam et al. 2021",
        strength="moderate",
        check="test:tests/knowledge/test_claims_targets.py::test_averaged_probabilities_never_have_a_worse_nll_than_members_on_average",
        subjects=("test_time_augmentation", "seed_ensemble"),
    ),
    Rule(
        id="auto-augment-definition",
        topic="augmentation",
        claim="AutoAugment searches a policy of operations on the data itself. The search is dear, and "
        "RandAugment and TrivialAugment come close without it.",
        scope="images",
        source="Cubuk et al. 2019; Cubuk et al. 2020; Mueller & Hutter 2021",
        strength="moderate",
        check="evidence:image_regularizers",
        subjects=("auto_augment", "randaugment", "trivialaugment"),
        modalities=("image",),
    ),
    Rule(
        id="augmentation-needs-capacity-and-time",
        topic="augmentation",
        claim="Strong augmentation trades training error for test error: where the network does not reach a low "
        "error on plain training images it is too strong, too short or the model too small.",
        scope="images; judge on training images without augmentation",
        source="Steiner et al. 2022; Cubuk et al. 2020",
        strength="moderate",
        check="evidence:effects_by_size_and_length",
        subjects=("randaugment", "trivialaugment", "mixup", "cutmix"),
        modalities=("image",),
        findings=("underfitting",),
    ),
    Rule(
        id="vit-small-data",
        topic="augmentation",
        claim="Vision transformers lack the built-in locality of convolutions. From scratch on small data they "
        "need heavy augmentation and a long schedule; fine-tuning a pre-trained one is nearly always the "
        "better first step.",
        scope="vision transformers on up to some tens of thousands of images",
        source="Touvron et al. 2021; Steiner et al. 2022",
        strength="strong",
        check="evidence:fine_tuning",
        subjects=("basic_augmentation", "mixup", "cutmix", "randaugment", "stochastic_depth"),
        modalities=("image",),
        size="small",
        findings=("overfitting",),
    ),
)
