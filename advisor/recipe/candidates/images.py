"""Stronger augmentation and mixing for images, after the basics."""

from advisor.recipe.condition import Candidate, Condition
from advisor.recipe.parameters import Usual

_NOT_ON_TINY_DATA = Condition(
    name="no-strong-mixing-on-tiny-data",
    holds=lambda case: case.tiny,
    note="on tiny data strong policies need more capacity and longer training than there is; take the basics first",
    rules=("augmentation-on-tiny-data", "augmentation-needs-capacity-and-time"),
    withhold=True,
)
_NOT_WHILE_FINE_TUNING = Condition(
    name="no-mixing-while-fine-tuning",
    holds=lambda case: case.fine_tuning,
    note="it pays in long training from scratch; the few epochs of fine-tuning give it little time",
    rules=("fine-tuning-is-gentler", "practice-short-trials-mislead"),
    withhold=True,
)

RANDAUGMENT = Candidate(
    technique="randaugment",
    value=3.0,
    reason="It is the next step up in strength after the basics, with two numbers to choose (magnitude on the scale "
    "of 0 to 30)",
    rules=("randaugment-definition", "randaugment-magnitude-scale", "augmentation-order-of-strategies"),
    parameters={},
    conditions=(
        _NOT_ON_TINY_DATA,
        Condition(
            name="transformers-need-strong-augmentation",
            holds=lambda case: case.image and case.model_is(("vit", "deit", "swin")),
            note="vision transformers have little built in that knows images, and need it most",
            rules=("vit-small-data",),
            value=3.0,
        ),
        Condition(
            name="strong-augmentation-against-overfitting",
            holds=lambda case: case.shows("overfitting", "memorization"),
            note="the network fits its training data with ease, so there is room for it",
            rules=("augmentation-needs-capacity-and-time",),
            value=0.5,
        ),
    ),
    otherwise="the next step up in strength: take it once the basics have helped and training error allows more",
)

TRIVIALAUGMENT = Candidate(
    technique="trivialaugment",
    value=2.5,
    reason="It draws one change at a random strength for each image, with nothing to tune",
    rules=("trivialaugment-definition",),
    parameters={},
    conditions=(_NOT_ON_TINY_DATA,),
    otherwise="does the work of RandAugment without its two numbers; try it instead, as an arm of its own",
)

AUGMIX = Candidate(
    technique="augmix",
    value=2.0,
    reason="It mixes chains of changes for robustness to corruptions",
    rules=("augmix-definition", "augmentation-overlaps-corruption-benchmarks"),
    parameters={},
    conditions=(_NOT_ON_TINY_DATA,),
    otherwise="it buys robustness to corrupted images; take it where that is the goal",
)

AUGMAX = Candidate(
    technique="augmax",
    value=1.0,
    reason="It trains on the worst mixture of changes",
    rules=("augmax-definition", "augmax-cost"),
    parameters={},
    conditions=(_NOT_ON_TINY_DATA,),
    otherwise="its search for the worst case costs several passes a step; spend them where robustness is the goal",
)

CUTOUT = Candidate(
    technique="cutout",
    value=1.5,
    reason="It hides a square of each image",
    rules=("cutout-definition", "cutmix-against-cutout"),
    parameters={},
    conditions=(_NOT_ON_TINY_DATA,),
    otherwise="its gain is near zero once it is tuned or beside mixing; CutMix puts content where it puts zeros",
)

CUTMIX = Candidate(
    technique="cutmix",
    value=4.4,
    reason="It pastes a patch of one image into another, so that the network decides from parts",
    rules=("cutmix-definition", "cutmix-effect", "cutmix-label-is-the-pasted-area"),
    parameters={"alpha": Usual(1.0)},
    conditions=(_NOT_ON_TINY_DATA, _NOT_WHILE_FINE_TUNING),
)

IMAGES = (RANDAUGMENT, TRIVIALAUGMENT, AUGMIX, AUGMAX, CUTOUT, CUTMIX)
