"""Knowledge distillation: from outputs, from features, and from itself."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="distillation-definition",
        topic="distillation",
        claim="Distillation trains a small student to match the softened outputs of a larger teacher.",
        scope="a good teacher exists, and inference cost matters",
        source="Hinton et al. 2015",
        strength="strong",
        check="review: student with and without its teacher in paired blocks",
        subjects=("distillation",),
    ),
    Rule(
        id="distillation-temperature",
        topic="distillation",
        claim="A softmax temperature of 3 to 20 brings out what the teacher knows about how classes resemble each "
        "other.",
        scope="classification with several classes",
        source="Hinton et al. 2015",
        strength="moderate",
        check="review: sweep the temperature in paired blocks",
        subjects=("distillation",),
    ),
    Rule(
        id="distillation-loss",
        topic="distillation",
        claim="Loss = alpha * T^2 * KL(teacher || student), both softened by T, + (1 - alpha) * cross-entropy with "
        "the true labels. Without the factor T^2 the soft term's gradient fades as T grows, and alpha changes its "
        "meaning.",
        scope="output distillation",
        source="Hinton et al. 2015",
        strength="strong",
        check="review: gradient norm of the soft term at several temperatures",
        subjects=("distillation",),
    ),
    Rule(
        id="feature-distillation-definition",
        topic="distillation",
        claim="Feature distillation also matches inner representations; where the widths differ it needs a small "
        "alignment layer.",
        scope="access to the teacher's inner layers",
        source="Romero et al. 2015",
        strength="moderate",
        check="review: output-only and feature arms in paired blocks",
        subjects=("feature_distillation", "distillation"),
    ),
    Rule(
        id="feature-distillation-when",
        topic="distillation",
        claim="It often beats output-only distillation when teacher and student are built differently.",
        scope="dissimilar architectures; results vary with the layers that are matched",
        source="Romero et al. 2015; Tian et al. 2020",
        strength="weak",
        check="review: both kinds on two pairs of architectures",
        subjects=("feature_distillation",),
    ),
    Rule(
        id="self-distillation-definition",
        topic="distillation",
        claim="In self-distillation an earlier copy of the model is the teacher; born-again networks of the same size "
        "can beat their own teacher.",
        scope="classification; costs a second training",
        source="Furlanello et al. 2018",
        strength="moderate",
        check="review: a second generation against one training of the same total length",
        subjects=("self_distillation",),
    ),
)
