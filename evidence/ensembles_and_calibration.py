"""What MC-dropout gains and an ensemble costs: accuracy, likelihood and calibration on Fashion-MNIST.

Fashion-MNIST at 14x14 pixels, 1000 training, 500 validation and 5000 test images; each block draws its own split.
Perceptrons with two hidden layers of 64 units and dropout of 0.3; 40 epochs of AdamW with a cosine, batches of 50.
Averages are of probabilities. Calibration is the expected calibration error in 15 bins, in points.

All claims are measured at two learning rates: 0.002, which was run first and leaves the networks undertrained, and
0.01, which is the one of 0.002, 0.005, 0.01 and 0.02 at which a single network does best on validation, or nearly so,
in blocks that are not used here. Both are reported.

1. MC-dropout: 20 passes of a network less its single answer in evaluation mode: NLL, calibration, accuracy; and its
   NLL less that of an ensemble of 5 such networks.
2. The ensemble of 5 against one network of as many weights (width 209), against a single member, and a single network
   of a member's size taught by the ensemble (temperature 4, share 0.9) against one that is not.

Tolerance: a claim of an effect agrees if the whole 95 % interval has the claimed sign, and disagrees if it has the
other. "Seldom accuracy" (1) agrees if the interval lies within 0.5 points of 0. "Part of the ensemble's gain" (2): the
difference is above 0 in favour of the one larger network, or of the one taught.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from common import Claim, Data, Options, Parts, Recipe, fashion_mnist, main, paired, scores, split, train

from advisor.models.mlp import MlpArguments, build_mlp
from advisor.models.task import ModelTask
from advisor.techniques.core import Trained as Network
from advisor.techniques.core.averaging import average_predictions
from advisor.techniques.distillation import Distillation
from advisor.techniques.dropout import Dropout
from advisor.techniques.mc_dropout import McDropout

TASK = ModelTask((1, 14, 14), 10)
SEEDS = 8
EPOCHS = 40
MEMBERS = 5
RATES = {0.002: "undertrained networks", 0.01: "networks trained at the best rate"}
WIDTH = 64
METRICS = {
    "nll": ("NLL", 1.0),
    "ece": ("calibration error in points", 100.0),
    "accuracy": ("accuracy in points", 100.0),
}


def perceptron(width: int) -> Callable[[], torch.nn.Module]:
    """Two hidden layers."""
    return lambda: build_mlp(MlpArguments(width=width, depth=2), TASK)


def weights(width: int) -> int:
    """How many weights such a perceptron has: of three layers, with biases."""
    inputs = math.prod(TASK.input_shape)
    return (inputs + 1) * width + (width + 1) * width + (width + 1) * TASK.outputs


def same_size(members: int, width: int) -> int:
    """The width at which one network has as many weights as so many members."""
    return min(range(width, members * width), key=lambda wide: abs(weights(wide) - members * weights(width)))


def measure_block(parts: Parts, seed: int, options: Options, rate: float) -> dict[str, dict[str, float]]:
    """The metrics on the test images of each arm of one seed."""
    dropout = Dropout(probability=0.3)
    recipe = Recipe(epochs=options.epochs(EPOCHS), lr=rate, batch_size=50, techniques=(dropout,))
    with_passes = replace(recipe, techniques=(dropout, McDropout(passes=20)))
    first = train(perceptron(WIDTH), parts, with_passes, seed)
    with torch.no_grad():
        answers = {"passes": first.logits(parts.test), "single": first.session.model(parts.test.inputs)}
    others = [train(perceptron(WIDTH), parts, recipe, 1000 * number + seed) for number in range(1, MEMBERS)]
    answers["ensemble"] = average_predictions(
        [answers["single"], *(member.logits(parts.test) for member in others)], "class"
    )
    larger = train(perceptron(same_size(MEMBERS, WIDTH)), parts, recipe, seed)
    answers["larger"] = larger.logits(parts.test)

    model = first.session.model
    teachers = [Network(model, model), *(member.session.trained() for member in others)]

    def train_once(
        name: str, *, member: int = 0, teacher: Network | None = None, arguments: dict[str, Any] | None = None
    ) -> Network:
        return teachers[member]

    taught = replace(
        recipe,
        techniques=(dropout, Distillation(temperature=4.0, weight=0.9, teacher_members=MEMBERS)),
        session={"train_once": train_once},
    )
    answers["taught"] = train(perceptron(WIDTH), parts, taught, seed).logits(parts.test)
    return {name: scores(logits, parts.test, *METRICS) for name, logits in answers.items()}


def measure(options: Options) -> list[Claim]:
    """All claims."""
    data = fashion_mnist(options.data, side=14)
    return [claim for rate in RATES for claim in claims_at(rate, data, options)]


def claims_at(rate: float, data: Data, options: Options) -> list[Claim]:
    """The claims at one learning rate."""
    seeds = options.seeds(SEEDS)
    blocks = []
    for seed in seeds:
        sizes = (200, 500) if options.quick else (1000, 5000)
        parts = split(data, seed, train=sizes[0], validation=500, test=sizes[1])
        blocks.append(measure_block(parts, seed, options, rate))

    def compare(
        rule: str,
        subjects: tuple[str, ...],
        statement: str,
        metric: str,
        treated: str,
        control: str,
        *,
        above: float = -math.inf,
        below: float = math.inf,
    ) -> Claim:
        title, scale = METRICS[metric]
        arms = {name: [scale * block[name][metric] for block in blocks] for name in (treated, control)}
        return Claim(
            statement=f"{statement} ({RATES[rate]})", subjects=subjects, rule_ids=(rule,),
            metric=f"difference of {title}", seeds=seeds,
            above=above, below=below, **paired(arms, treated, control),
        )  # fmt: skip

    def passes(statement: str, metric: str, **limits: float) -> Claim:
        rule, subjects = "mc-dropout-effect", ("mc_dropout", "dropout")
        return compare(rule, subjects, statement, metric, "passes", "single", **limits)

    def cost(statement: str, metric: str, treated: str, control: str, *subjects: str, **limits: float) -> Claim:
        rule = "ensemble-against-one-larger-model"
        return compare(rule, ("seed_ensemble", *subjects), statement, metric, treated, control, **limits)

    return [
        passes("MC-dropout (20 passes) lowers the NLL of a network trained with dropout", "nll", below=0.0),
        passes("MC-dropout (20 passes) lowers the calibration error", "ece", below=0.0),
        passes("MC-dropout (20 passes) leaves accuracy as it is", "accuracy", above=-0.5, below=0.5),
        compare(
            "mc-dropout-effect", ("mc_dropout", "dropout", "seed_ensemble"),
            f"MC-dropout (20 passes) has a higher NLL than an ensemble of {MEMBERS}",
            "nll", "passes", "ensemble", above=0.0,
        ),
        cost(
            f"An ensemble of {MEMBERS} classifies better than one member", "accuracy", "ensemble", "single", above=0.0
        ),
        cost(
            f"One network with the weights of {MEMBERS} members already classifies better than one member",
            "accuracy", "larger", "single", above=0.0,
        ),
        cost(
            f"One network with the weights of {MEMBERS} members already has a lower NLL than one member",
            "nll", "larger", "single", below=0.0,
        ),
        cost(
            f"One network taught by the ensemble of {MEMBERS} classifies better than one that is not",
            "accuracy", "taught", "single", "distillation", above=0.0,
        ),
        cost(
            f"One network taught by the ensemble of {MEMBERS} has a lower NLL than one that is not",
            "nll", "taught", "single", "distillation", below=0.0,
        ),
    ]  # fmt: skip


if __name__ == "__main__":
    main(__file__, __doc__, measure)
