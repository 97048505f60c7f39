"""What SAM costs, whether averages of weights add up, and batch size with and without tuning.

All on Fashion-MNIST at 14x14 pixels.

- `sam-cost`: 600 images, a small convolutional network, AdamW with a cosine schedule. Processor time of a step with SAM
  (rho 0.05) over a plain one. Then SAM in 20 epochs against plain training in 20 and in 40: the rule asks for the
  latter comparison, because the former would credit SAM with what time alone gives. Whether that matters shows in plain
  training's own gain from 20 to 40 epochs.
- `weight-averaging-choose-one`: 1000 images, SGD, 20 epochs. At a constant learning rate EMA (0.99), SWA over the last
  quarter, and a cosine decay, each against the last weights; then further averages on top: the SWA mean of the EMA's
  weights against EMA alone, and EMA on top of the cosine decay against that decay alone.
- `batch-size-and-generalization`: 1000 images, a perceptron, SGD with momentum. Batch size 10 with a learning rate
  chosen on validation among three; batch size 500 with that learning rate and as many epochs; and batch size 500 with
  as many steps and a learning rate chosen among 1, 3 and 10 times that.

Tolerance: Points of test accuracy, judged by the whole 95 % interval. SAM takes about twice the time where the ratio
lies between 1.5 and 2.5; time alone gives something where plain training's gain lies above 0. An average or decay helps
where its gain lies above 0; a further one adds little where its gain lies within -0.5 and 0.5. Large batches are worse
untuned where the difference lies below 0; the gap closes where the tuned one lies above -0.5.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import torch
from common import (
    Claim,
    Data,
    Options,
    Parts,
    Recipe,
    Session,
    convolutions,
    fashion_mnist,
    main,
    paired,
    perceptron,
    scores,
    single,
    split,
    train,
)

from advisor.techniques import build_techniques

SEEDS = 8
SAM_EPOCHS, AVERAGE_EPOCHS, SMALL_BATCH_EPOCHS = 20, 20, 10
SMALL_BATCH, LARGE_BATCH = 10, 500
SMALL_RATES, LARGE_FACTORS = (0.003, 0.01, 0.03), (1.0, 3.0, 10.0)
LAST_PART = 0.75  # where SWA begins
EMA = {"ema": {"decay": 0.99}}
SWA = {"swa": {"start": LAST_PART, "learning_rate": "own"}}
ACCURACY = "points of test accuracy"


def _parts(data: Data, options: Options, seed: int, size: int) -> Parts:
    return split(data, seed, train=options.size(size), validation=options.size(1000), test=options.size(5000))


def sam(data: Data, options: Options) -> list[Claim]:
    """SAM's time, and what as much time gives without it."""
    seeds = options.seeds(SEEDS)
    test: dict[str, list[float]] = defaultdict(list)
    ratios = []
    for seed in seeds:
        parts = _parts(data, options, seed, 600)
        step_seconds = {}
        for name, techniques, epochs in (
            ("SAM, 20 epochs", {"sam": {"rho": 0.05}}, SAM_EPOCHS),
            ("plain, 20 epochs", {}, SAM_EPOCHS),
            ("plain, 40 epochs", {}, 2 * SAM_EPOCHS),
        ):
            recipe = Recipe(options.epochs(epochs), build_techniques(techniques), batch_size=40)
            trained = train(lambda parts=parts: convolutions(parts.train), parts, recipe, seed)
            test[name].append(trained.accuracy(parts.test))
            step_seconds[name] = trained.seconds / trained.steps
        ratios.append(step_seconds["SAM, 20 epochs"] / step_seconds["plain, 20 epochs"])
    shown = {
        f"{epochs}": Claim("", [], [], ACCURACY, seeds, **paired(test, "SAM, 20 epochs", f"plain, {epochs} epochs"))
        for epochs in (20, 40)
    }
    same, twice = ("{:+.2f} ({:+.2f} to {:+.2f})".format(claim.mean, *claim.interval) for claim in shown.values())
    return [
        Claim(
            "SAM against plain training, a small convolutional network",
            ["sam"],
            ["sam-cost"],
            "ratio of the processor time of a step",
            seeds,
            **single("SAM / plain", ratios),
            above=1.5,
            below=2.5,
        ),
        Claim(
            "Plain training in 40 epochs against 20 on 600 images of Fashion-MNIST, the time that SAM takes; SAM in 20 "
            f"epochs is {same} points from plain training in 20 and {twice} from that in 40",
            ["sam"],
            ["sam-cost"],
            ACCURACY,
            seeds,
            **paired(test, "plain, 40 epochs", "plain, 20 epochs"),
            above=0,
        ),
    ]


class MeanOfAverages:
    """The mean over the last part's epochs of the weights that are evaluated, and the weights of the training."""

    def __init__(self, epochs: int) -> None:
        self.first = max(1, round(LAST_PART * epochs))
        self.mean: torch.optim.swa_utils.AveragedModel | None = None
        self.last: dict[str, torch.Tensor] = {}

    def __call__(self, session: Session) -> None:
        """After each epoch."""
        if len(session.run.history) >= self.first:
            evaluated = session.eval_model()
            if self.mean is None:
                self.mean = torch.optim.swa_utils.AveragedModel(evaluated)
            self.mean.update_parameters(evaluated)
        self.last = {name: tensor.clone() for name, tensor in session.model.state_dict().items()}


def averages(parts: Parts, options: Options, seed: int) -> dict[str, float]:
    """Test accuracy of each way to settle the noise of the last steps, alone and on top of another."""
    epochs = options.epochs(AVERAGE_EPOCHS)
    plain = Recipe(epochs, optimizer="sgd", lr=0.03, batch_size=20, schedule="constant")
    cosine = replace(plain, schedule="cosine")

    def accuracy(model: torch.nn.Module) -> float:
        with torch.no_grad():
            return 100 * scores(model.eval()(parts.test.inputs), parts.test, "accuracy")["accuracy"]

    def with_ema(recipe: Recipe) -> tuple[float, float, float]:
        """Of the last weights, of their EMA, and of the mean of the EMA over the last part."""
        kept = MeanOfAverages(epochs)
        recipe = replace(recipe, techniques=build_techniques(EMA), after_epoch=kept)
        trained = train(lambda: convolutions(parts.train), parts, recipe, seed)
        averaged = accuracy(trained.session.model)
        trained.session.model.load_state_dict(kept.last)
        assert kept.mean is not None
        torch.optim.swa_utils.update_bn(parts.train.inputs.split(500), kept.mean)
        return accuracy(trained.session.model), averaged, accuracy(kept.mean)

    last, ema, both = with_ema(plain)
    decayed, decayed_ema, _ = with_ema(cosine)
    swa = train(lambda: convolutions(parts.train), parts, replace(plain, techniques=build_techniques(SWA)), seed)
    return {
        "last weights": last,
        "EMA": ema,
        "SWA": accuracy(swa.session.model),
        "SWA of EMA": both,
        "cosine": decayed,
        "cosine and EMA": decayed_ema,
    }


def averaging(data: Data, options: Options) -> list[Claim]:
    """Averages of weights and the decay of the learning rate, alone and together."""
    seeds = options.seeds(SEEDS)
    test: dict[str, list[float]] = defaultdict(list)
    for seed in seeds:
        for name, value in averages(_parts(data, options, seed, 1000), options, seed).items():
            test[name].append(value)
    where = "on 1000 images of Fashion-MNIST"

    def claim(treated: str, control: str, words: str, subjects: list[str], above: float, below: float) -> Claim:
        return Claim(
            f"{words} {where}",
            subjects,
            ["weight-averaging-choose-one"],
            ACCURACY,
            seeds,
            **paired(test, treated, control),
            above=above,
            below=below,
        )

    none, big = "the last weights at a constant learning rate", float("inf")
    return [
        claim("EMA", "last weights", f"EMA against {none}", ["ema"], 0, big),
        claim("SWA", "last weights", f"SWA against {none}", ["swa"], 0, big),
        claim("cosine", "last weights", f"A cosine decay against {none}", [], 0, big),
        claim("SWA of EMA", "EMA", "The SWA mean of the EMA's weights against EMA alone", ["ema", "swa"], -0.5, 0.5),
        claim("cosine and EMA", "cosine", "EMA on top of a cosine decay against that alone", ["ema"], -0.5, 0.5),
    ]


def batch_size(data: Data, options: Options) -> list[Claim]:
    """Large batches as they come, and with their own learning rate and as many steps."""
    seeds = options.seeds(SEEDS)
    test: dict[str, list[float]] = defaultdict(list)
    for seed in seeds:
        parts = _parts(data, options, seed, 1000)

        def best(recipes: list[Recipe], parts: Parts = parts, seed: int = seed) -> tuple[Recipe, float]:
            """The recipe that is best on validation, and its accuracy on test."""
            trained = [train(lambda: perceptron(parts.train), parts, recipe, seed) for recipe in recipes]
            on_validation = [one.accuracy(parts.validation) for one in trained]
            number = on_validation.index(max(on_validation))
            return recipes[number], trained[number].accuracy(parts.test)

        epochs = options.epochs(SMALL_BATCH_EPOCHS)
        small = [Recipe(epochs, optimizer="sgd", lr=lr, batch_size=SMALL_BATCH) for lr in SMALL_RATES]
        chosen, accuracy = best(small)
        test["batch 10"].append(accuracy)
        large = replace(chosen, batch_size=LARGE_BATCH)
        test["batch 500, untuned"].append(best([large])[1])
        longer = options.epochs(SMALL_BATCH_EPOCHS * LARGE_BATCH // SMALL_BATCH)
        tuned = [replace(large, epochs=longer, lr=chosen.lr * factor) for factor in LARGE_FACTORS]
        test["batch 500, tuned"].append(best(tuned)[1])
    where = "on 1000 images of Fashion-MNIST"
    return [
        Claim(
            f"Batch size 500 against 10 {where}, the same learning rate and epochs",
            [],
            ["batch-size-and-generalization"],
            ACCURACY,
            seeds,
            **paired(test, "batch 500, untuned", "batch 10"),
            below=0,
        ),
        Claim(
            f"Batch size 500 against 10 {where}, as many steps and its own learning rate",
            [],
            ["batch-size-and-generalization"],
            ACCURACY,
            seeds,
            **paired(test, "batch 500, tuned", "batch 10"),
            above=-0.5,
        ),
    ]


def measure(options: Options) -> list[Claim]:
    """All claims of this script."""
    data = fashion_mnist(options.data, side=14)
    return [*sam(data, options), *averaging(data, options), *batch_size(data, options)]


if __name__ == "__main__":
    main(__file__, __doc__, measure)
