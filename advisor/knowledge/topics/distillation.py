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
        check="technique:distillation",
        subjects=("distillation",),
    ),
    Rule(
        id="distillation-temperature",
        topic="distillation",
        claim="A softmax temperature of 3 to 20 brings out how classes resemble each other. The best one depends "
        "on the student: a large one is indifferent above about 8, a very small one did better between 2.5 "
        "and 4.",
        scope="classification with several classes",
        source="Hinton et al. 2015",
        strength="moderate",
        check="lint:strength-outside-usual-range",
        subjects=("distillation",),
    ),
    Rule(
        id="distillation-loss",
        topic="distillation",
        claim="The distillation loss is alpha * T^2 * KL(teacher || student), both softened by T, + (1 - alpha) * "
        "cross-entropy with the true labels. Without the factor T^2 the soft term's gradient fades as T "
        "grows, and alpha changes its meaning.",
        scope="output distillation",
        source="Hinton et al. 2015",
        strength="strong",
        check="test:tests/knowledge/test_claims_targets.py::test_the_soft_terms_gradient_keeps_its_size_only_with_t_squared",
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
        check="technique:feature_distillation",
        subjects=("feature_distillation", "distillation"),
    ),
    Rule(
        id="feature-distillation-when",
        topic="distillation",
        claim="Contested. Matching features often beats outputs alone when teacher and student are built "
        "differently; against that, in a large comparison most feature methods lost to plain output "
        "distillation once all were tuned.",
        scope="dissimilar architectures; results vary with the layers that are matched",
        source="Romero et al. 2015 against Tian et al. 2020",
        strength="contested",
        check="evidence:distillation",
        subjects=("feature_distillation", "distillation"),
    ),
    Rule(
        id="self-distillation-definition",
        topic="distillation",
        claim="In self-distillation an earlier copy of the model is the teacher; born-again networks of the same "
        "size can beat their own teacher.",
        scope="classification; costs a second training; on 1000 images it lowered NLL, not errors (born_again)",
        source="Furlanello et al. 2018",
        strength="moderate",
        check="technique:self_distillation",
        subjects=("self_distillation",),
    ),
    Rule(
        id="distillation-kl-arguments",
        topic="distillation",
        claim="torch's kl_div(input, target) wants the student's log-probabilities first and computes KL(target "
        '|| input); reduction="mean" divides by the classes too and shrinks the term, "batchmean" is the '
        "definition.",
        scope="code in torch",
        source="torch's documentation",
        strength="strong",
        check="test:tests/knowledge/test_claims_targets.py::test_torchs_kl_div_is_teacher_to_student_and_mean_is_not_the_mean",
        subjects=("distillation",),
    ),
    Rule(
        id="distillation-uniform-teacher-is-smoothing",
        topic="distillation",
        claim="Distilling from a teacher that knows nothing (uniform outputs, T = 1) is label smoothing: part of "
        "what distillation gains is plain regularization. Use smoothing as the control arm.",
        scope="attributing the gain",
        source="Yuan et al. 2020",
        strength="strong",
        check="test:tests/knowledge/test_claims_targets.py::test_a_uniform_teacher_is_label_smoothing",
        subjects=("distillation", "label_smoothing"),
    ),
    Rule(
        id="distillation-same-view",
        topic="distillation",
        claim="Give the teacher the same augmented view as the student, with mixing included, and train long: "
        "precomputed answers on other crops distil worse.",
        scope="images; output distillation",
        source="Beyer et al. 2022",
        strength="moderate",
        check="evidence:distillation",
        subjects=("distillation",),
        modalities=("image",),
    ),
    Rule(
        id="distillation-capacity-gap",
        topic="distillation",
        claim="A better teacher is not always the better one to learn from: where the gap in size is large, a "
        "smaller or an early-stopped teacher can distil more.",
        scope="small students; a teacher trained a quarter as long taught worse here (evidence)",
        source="Cho & Hariharan 2019; Mirzadeh et al. 2020",
        strength="moderate",
        check="evidence:distillation",
        subjects=("distillation", "early_stopping"),
    ),
    Rule(
        id="distillation-fidelity",
        topic="distillation",
        claim="Students often generalize better with a teacher and still disagree with it on many examples: judge "
        "the student by the test metric, not by its agreement.",
        scope="output distillation with long training; on 1,000 images in 20 epochs students were worse (evidence)",
        source="Stanton et al. 2021",
        strength="moderate",
        check="evidence:distillation",
        subjects=("distillation",),
    ),
    Rule(
        id="self-distillation-amplifies-regularization",
        topic="distillation",
        claim="In ridge regression each round of self-distillation shrinks weak directions further, so that a few "
        "rounds can help and many underfit.",
        scope="kernel and linear models; a guide for networks",
        source="Mobahi et al. 2020",
        strength="strong",
        check="test:tests/knowledge/test_claims_theory.py::test_each_round_of_self_distillation_shrinks_further",
        subjects=("self_distillation",),
    ),
)
