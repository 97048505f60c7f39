"""Why deep networks generalize at all, and what regularization means there."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="principles-implicit-regularization",
        topic="principles",
        claim="A network large enough to fit random labels can still generalize on structured data, so the "
        "optimizer, the architecture and the training procedure regularize implicitly, as much as any "
        "explicit technique does.",
        scope="over-parameterized networks trained by gradient descent",
        source="Zhang et al. 2017",
        strength="strong",
        check="test:tests/knowledge/test_claims_theory.py::test_a_network_that_fits_shuffled_labels_still_generalizes_on_true_ones",
    ),
    Rule(
        id="principles-inductive-bias",
        topic="principles",
        claim="Regularization does more than curb overfitting: it steers which of the many fitting solutions is found.",
        scope="modern deep learning",
        source="Neyshabur et al. 2015; Zhang et al. 2017",
        strength="moderate",
        check="test:tests/knowledge/test_claims_theory.py::test_the_penalty_decides_which_interpolating_solution_is_found",
    ),
    Rule(
        id="principles-augmentation-first",
        topic="principles",
        claim="Where the right invariances are known, augmentation is often the strongest regularizer: it teaches "
        "them directly, which beats limiting capacity.",
        scope="images above all; weaker where label-preserving changes are unknown, as in tables",
        source="Hernandez-Garcia & Koenig 2018; Shorten & Khoshgoftaar 2019",
        strength="strong",
        check="recipe:augmentation-first-on-images",
        subjects=("basic_augmentation",),
        modalities=("image",),
        findings=("overfitting",),
    ),
    Rule(
        id="principles-benign-overfitting",
        topic="principles",
        claim="Classical intuition about complexity fails for deep networks: fitting even noisy labels exactly "
        "can do no harm (benign overfitting), and double descent must inform decisions about size and "
        "training length.",
        scope="over-parameterized models",
        source="Belkin et al. 2019; Bartlett et al. 2020",
        strength="strong",
        check="test:tests/knowledge/test_claims_theory.py::test_overfitting_is_benign_where_many_weak_directions_absorb_the_noise",
    ),
    Rule(
        id="principles-minimum-norm",
        topic="principles",
        claim="Gradient descent from zero on an under-determined linear problem ends in the solution of least "
        "norm, and on separable data logistic regression turns towards the largest margin: the optimizer "
        "regularizes with no penalty in sight.",
        scope="linear models; a guide for networks",
        source="Zhang et al. 2017; Soudry et al. 2018",
        strength="strong",
        check="test:tests/knowledge/test_claims_theory.py::test_gradient_descent_finds_the_least_norm_and_the_largest_margin",
    ),
)
