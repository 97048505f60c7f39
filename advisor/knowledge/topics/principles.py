"""Why deep networks generalize at all, and what regularization means there."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="principles-implicit-regularization",
        topic="principles",
        claim="A network large enough to fit random labels can still generalize on structured data, so the optimizer, "
        "the architecture and the training procedure regularize implicitly, as much as any explicit technique does.",
        scope="over-parameterized networks trained by gradient descent",
        source="Zhang et al. 2017",
        strength="strong",
        check="review: train the same network on true and on shuffled labels and compare both splits",
    ),
    Rule(
        id="principles-inductive-bias",
        topic="principles",
        claim="Regularization does more than curb overfitting: it steers which of the many fitting solutions is found.",
        scope="modern deep learning",
        source="Neyshabur et al. 2015; Zhang et al. 2017",
        strength="moderate",
        check="review: compare test accuracy of arms with equal, near-zero training error",
    ),
    Rule(
        id="principles-augmentation-first",
        topic="principles",
        claim="Where the right invariances are known, augmentation is often the strongest regularizer: it teaches them "
        "directly, which beats limiting capacity.",
        scope="images above all; weaker where label-preserving changes are unknown, as in tables",
        source="Hernandez-Garcia & Koenig 2018; Shorten & Khoshgoftaar 2019",
        strength="strong",
        check="recipe:augmentation-first-on-images",
        subjects=("basic_augmentation",),
    ),
    Rule(
        id="principles-benign-overfitting",
        topic="principles",
        claim="Classical intuition about complexity fails for deep networks: double descent and benign overfitting "
        "must inform decisions about size and training length.",
        scope="over-parameterized models",
        source="Belkin et al. 2019; Bartlett et al. 2020",
        strength="strong",
        check="recipe:double-descent-trains-on",
    ),
)
