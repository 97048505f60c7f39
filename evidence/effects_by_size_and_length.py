"""How the effects of regularizers change with the number of examples, the length of training and the network's size.

All on Fashion-MNIST at 14x14 pixels with a small convolutional network, AdamW and a cosine schedule.

- `practice-short-trials-mislead`: the gain of mixup (alpha 0.4) and of RandAugment (2 operations of magnitude 9) over
  plain training in 50 epochs less that in 5, on 400 images and width 16. The gain of shift and mirror, and of dropout
  (0.5), on 100 images less that on 1500, both of 300 steps.
- `augmentation-on-tiny-data`: on 100 images, 10 a class, in 300 steps and width 8: shift (1 pixel) and mirror against
  plain training, against the best by validation of four other single steps (weight decay 0.1, dropout 0.5, label
  smoothing 0.1, mixup 0.4), and against RandAugment.
- `augmentation-needs-capacity-and-time`: on 400 images in 50 epochs the gain of RandAugment at width 16 less that at
  width 2; and its effect on the accuracy on plain training images at width 2, which it lowers by the claim.

Tolerance: Points of accuracy, judged by the whole 95 % interval. Each claim agrees where its interval lies above 0, the
last one (accuracy on plain training images) where it lies below 0.
"""

from __future__ import annotations

from collections import defaultdict

from common import (
    Claim,
    Data,
    Options,
    Parts,
    Recipe,
    Trained,
    contrast,
    convolutions,
    fashion_mnist,
    main,
    paired,
    split,
    train,
)

from advisor.techniques import build_techniques

SEEDS = 8
LONG, SHORT = 50, 5
STEPS, BATCH_SIZE = 300, 25
MIXUP = {"mixup": {"alpha": 0.4}}
STRONG = {"randaugment": {"ops": 2, "magnitude": 9}}
BASICS = {"basic_augmentation": {"shift": 1, "flip": True}}
DROPOUT = {"dropout": {"probability": 0.5}}
OTHERS = {
    "weight decay": {"weight_decay": {"strength": 0.1}},
    "dropout": DROPOUT,
    "label smoothing": {"label_smoothing": {"epsilon": 0.1}},
    "mixup": MIXUP,
}
Techniques = dict[str, dict[str, float]]
WHERE = "on {} images of Fashion-MNIST"
ACCURACY = "points of test accuracy"


def _fit(parts: Parts, techniques: Techniques, epochs: int, seed: int, *, width: int, batch_size: int) -> Trained:
    recipe = Recipe(epochs, build_techniques(techniques), batch_size=batch_size)
    return train(lambda: convolutions(parts.train, width), parts, recipe, seed)


def length_and_capacity(data: Data, options: Options) -> list[Claim]:
    """Mixing and strong augmentation in short and long trainings, in narrow and wide networks."""
    seeds = options.seeds(SEEDS)
    test: dict[str, list[float]] = defaultdict(list)
    plain_images: dict[str, list[float]] = defaultdict(list)
    for seed in seeds:
        parts = split(data, seed, train=options.size(400), validation=options.size(500), test=options.size(5000))
        arms: list[tuple[str, Techniques, int, int]] = [
            (f"{name}, {size}", techniques, epochs, width)
            for name, techniques in (("nothing", {}), ("mixup", MIXUP), ("RandAugment", STRONG))
            for size, epochs, width in (("long", LONG, 16), ("short", SHORT, 16), ("narrow", LONG, 2))
            if (name, size) != ("mixup", "narrow")
        ]
        for name, techniques, epochs, width in arms:
            trained = _fit(parts, techniques, options.epochs(epochs), seed, width=width, batch_size=40)
            test[name].append(trained.accuracy(parts.test))
            plain_images[name].append(trained.accuracy(parts.train))
    where = WHERE.format(400)

    def longer(name: str, subject: str, *further: str) -> Claim:
        return Claim(
            f"The gain of {name} over plain training in {LONG} epochs less that in {SHORT} {where}",
            [subject],
            ["practice-short-trials-mislead", *further],
            ACCURACY,
            seeds,
            **contrast(test, f"{name}, long", "nothing, long", f"{name}, short", "nothing, short"),
            above=0,
        )

    return [
        longer("mixup", "mixup"),
        longer("RandAugment", "randaugment", "augmentation-needs-capacity-and-time"),
        Claim(
            f"The gain of RandAugment over plain training at width 16 less that at width 2 {where}",
            ["randaugment"],
            ["augmentation-needs-capacity-and-time"],
            ACCURACY,
            seeds,
            **contrast(test, "RandAugment, long", "nothing, long", "RandAugment, narrow", "nothing, narrow"),
            above=0,
        ),
        Claim(
            f"RandAugment against plain training at width 2 {where}, on the training images as they are",
            ["randaugment"],
            ["augmentation-needs-capacity-and-time"],
            "points of accuracy on plain training images",
            seeds,
            **paired(plain_images, "RandAugment, narrow", "nothing, narrow"),
            below=0,
        ),
    ]


def size(data: Data, options: Options) -> list[Claim]:
    """Single steps on 100 images, and two of them on 1500."""
    seeds = options.seeds(SEEDS)
    test: dict[str, list[float]] = defaultdict(list)
    for seed in seeds:
        largest = split(data, seed, train=1500, validation=options.size(1000), test=options.size(5000))
        few = split(largest.train, seed, train=100, validation=10, test=10).train
        tiny = Parts(few, largest.validation, largest.test)

        def fit(parts: Parts, techniques: Techniques, seed: int = seed) -> Trained:
            epochs = STEPS * BATCH_SIZE // len(parts.train)
            return _fit(parts, techniques, options.epochs(epochs), seed, width=8, batch_size=BATCH_SIZE)

        singles = {name: fit(tiny, techniques) for name, techniques in OTHERS.items()}
        best = max(singles.values(), key=lambda trained: trained.accuracy(tiny.validation))
        found = {
            "nothing, 100": fit(tiny, {}),
            "basics, 100": fit(tiny, BASICS),
            "RandAugment, 100": fit(tiny, STRONG),
            "dropout, 100": singles["dropout"],
            "best of four others, 100": best,
            "nothing, 1500": fit(largest, {}),
            "basics, 1500": fit(largest, BASICS),
            "dropout, 1500": fit(largest, DROPOUT),
        }
        for name, trained in found.items():
            test[name].append(trained.accuracy(largest.test))
    where = WHERE.format(100)

    def basics_against(other: str, words: str, *subjects: str) -> Claim:
        return Claim(
            f"Shift and mirror against {words} {where}",
            ["basic_augmentation", *subjects],
            ["augmentation-on-tiny-data"],
            ACCURACY,
            seeds,
            **paired(test, "basics, 100", other),
            above=0,
        )

    def smaller(name: str, words: str, subject: str) -> Claim:
        return Claim(
            f"The gain of {words} over plain training {where} less that on 1500, both of {STEPS} steps",
            [subject],
            ["practice-short-trials-mislead"],
            ACCURACY,
            seeds,
            **contrast(test, f"{name}, 100", "nothing, 100", f"{name}, 1500", "nothing, 1500"),
            above=0,
        )

    return [
        basics_against("nothing, 100", "plain training"),
        basics_against(
            "best of four others, 100",
            "the best by validation of weight decay, dropout, label smoothing and mixup",
            "weight_decay",
            "dropout",
            "label_smoothing",
            "mixup",
        ),
        basics_against("RandAugment, 100", "RandAugment", "randaugment"),
        smaller("basics", "shift and mirror", "basic_augmentation"),
        smaller("dropout", "dropout", "dropout"),
    ]


def measure(options: Options) -> list[Claim]:
    """All claims of this script."""
    data = fashion_mnist(options.data, side=14)
    return [*length_and_capacity(data, options), *size(data, options)]


if __name__ == "__main__":
    main(__file__, __doc__, measure)
