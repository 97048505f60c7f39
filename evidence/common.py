"""What every measurement here shares: data, a small paired trainer, the t interval, and the written result.

A script states its claims and their tolerance in its docstring and hands `main` a function from `Options` to claims:

    def measure(options: Options) -> list[Claim]: ...

    if __name__ == "__main__":
        main(__file__, __doc__, measure)

A block is one seed: all arms of a block share split, initialisation and order of the data, and a claim is judged on
the differences between two arms within the blocks.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import scipy.stats
import sklearn
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from advisor.files import write_atomic
from advisor.techniques.core import Technique
from advisor.techniques.core.session import Session, regularize
from advisor.training.metrics import measure as measure_metrics

REPOSITORY = Path(__file__).resolve().parent.parent
DATASETS = REPOSITORY.parent / "shared" / "data" / "datasets"
CONFIDENCE = 0.95
QUICK_SEEDS = 2
QUICK_EPOCHS = 2
QUICK_SIZE = 150

Verdict = Literal["yes", "no", "undecided"]


@dataclass(frozen=True)
class Options:
    """How a script was called. `quick`: two seeds, few epochs and examples, for a test that it runs."""

    quick: bool = False
    data: Path = DATASETS

    def seeds(self, count: int) -> range:
        """The blocks: 0, 1, ... as many as planned."""
        return range(min(count, QUICK_SEEDS) if self.quick else count)

    def size(self, planned: int) -> int:
        """How many examples a part has."""
        return min(planned, QUICK_SIZE) if self.quick else planned

    def epochs(self, planned: int) -> int:
        """The epochs of a training."""
        return min(planned, QUICK_EPOCHS) if self.quick else planned


@dataclass(frozen=True)
class Data:
    """Examples on the processor. inputs: (N, ...) floats; targets: (N,) class indices, or floats."""

    inputs: torch.Tensor
    targets: torch.Tensor

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def classes(self) -> int:
        """How many classes the targets number."""
        return int(self.targets.max()) + 1

    def take(self, index: Any) -> Data:
        """The examples at these places."""
        index = torch.as_tensor(index)
        return Data(self.inputs[index], self.targets[index])

    def with_targets(self, targets: torch.Tensor) -> Data:
        """The same inputs with other targets."""
        return Data(self.inputs, targets)


@dataclass(frozen=True)
class Parts:
    """Training, validation and test examples of one block."""

    train: Data
    validation: Data
    test: Data


def digits() -> Data:
    """1797 images (1, 8, 8) in [0, 1] of ten digits, from scikit-learn."""
    found = load_digits()
    images = torch.tensor(found.images, dtype=torch.float32).unsqueeze(1) / 16
    return Data(images, torch.tensor(found.target, dtype=torch.int64))


def fashion_mnist(folder: Path, *, test: bool = False, side: Literal[28, 14] = 28) -> Data:
    """60000 training or 10000 test images (1, side, side) in [0, 1]; 14 averages each 2x2 pixels.

    folder: that of the data sets, with fashion-mnist/*-ubyte.gz.
    """
    name = "t10k" if test else "train"
    images = _idx(folder / "fashion-mnist" / f"{name}-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)
    labels = _idx(folder / "fashion-mnist" / f"{name}-labels-idx1-ubyte.gz", 8)
    inputs = torch.tensor(images, dtype=torch.float32) / 255
    if side == 14:
        inputs = torch.nn.functional.avg_pool2d(inputs, 2)
    return Data(inputs, torch.tensor(labels, dtype=torch.int64))


def _idx(path: Path, header_bytes: int) -> np.ndarray[Any, Any]:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header_bytes)


def split(data: Data, seed: int, *, train: int, validation: int, test: int) -> Parts:
    """Disjoint random parts of these sizes; each class has its share in each."""
    labels, places = data.targets.numpy(), np.arange(len(data))

    def draw(places: np.ndarray[Any, Any], size: int, number: int) -> tuple[np.ndarray[Any, Any], ...]:
        if size == len(places):
            return places, places[:0]
        drawn, rest = train_test_split(
            places, train_size=size, stratify=labels[places], random_state=1000 * number + seed
        )
        return drawn, rest

    test_places, rest = draw(places, test, 1)
    validation_places, rest = draw(rest, validation, 2)
    train_places, _ = draw(rest, train, 3)
    return Parts(data.take(train_places), data.take(validation_places), data.take(test_places))


def convolutions(data: Data, width: int = 8, *, classes: int = 10) -> torch.nn.Module:
    """Two 3x3 convolutions of stride 2 with batch normalization, and a linear layer over all that they give."""
    layers: list[nn.Module] = []
    channels, side = data.inputs.shape[1], data.inputs.shape[2]
    for wider in (width, 2 * width):
        layers += [
            nn.Conv2d(channels, wider, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(wider),
            nn.ReLU(),
        ]
        channels, side = wider, (side + 1) // 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * side * side, classes))


def perceptron(data: Data, width: int = 64, *, classes: int = 10, dropout: float = 0.0) -> torch.nn.Module:
    """Two hidden layers of ReLU."""
    features = data.inputs[0].numel()
    layers: list[nn.Module] = [nn.Flatten()]
    for _ in range(2):
        layers += [nn.Linear(features, width), nn.ReLU()] + ([nn.Dropout(dropout)] if dropout else [])
        features = width
    return nn.Sequential(*layers, nn.Linear(width, classes))


@dataclass(frozen=True)
class Recipe:
    """How one arm is trained."""

    epochs: int
    techniques: Sequence[Technique] = ()
    optimizer: Literal["adamw", "sgd"] = "adamw"
    lr: float = 2e-3
    weight_decay: float = 0.0
    momentum: float = 0.9  # of sgd
    batch_size: int = 32
    schedule: Literal["constant", "cosine"] = "cosine"
    every_epoch: bool = False  # look at validation after each epoch, as early stopping needs
    # Applied to each batch's inputs before the techniques, with torch's global state seeded for the step.
    change: Callable[[torch.Tensor], torch.Tensor] | None = None
    after_epoch: Callable[[Session], None] | None = None
    session: dict[str, Any] = field(default_factory=dict)  # further arguments of `regularize`, such as train_once


@dataclass(frozen=True)
class Trained:
    """A finished training. `history`: one row of "validation_loss" and "validation_accuracy" for each judged epoch."""

    session: Session
    history: list[dict[str, float]]
    seconds: float  # of processor time in the steps, without evaluation
    steps: int

    def logits(self, data: Data) -> torch.Tensor:
        """The network's answers, (N, K), as the techniques change them."""
        return torch.cat([self.session.predict(part) for part in data.inputs.split(500)])

    def scores(self, data: Data, *names: str) -> dict[str, float]:
        """Metrics by name, such as accuracy, nll, ece, brier."""
        return scores(self.logits(data), data, *names)

    def accuracy(self, data: Data) -> float:
        """Share of the examples that are classified rightly, in per cent."""
        return 100 * self.scores(data, "accuracy")["accuracy"]


def scores(logits: torch.Tensor, data: Data, *names: str) -> dict[str, float]:
    """Metrics of (N, K) logits by name."""
    return measure_metrics(logits, data.targets, "class", names=names)


def train(make_model: Callable[[], torch.nn.Module], parts: Parts, recipe: Recipe, seed: int) -> Trained:
    """Train one network on class targets; the seed sets initialisation, order and masks.

    Two arms with the same seed start from the same weights and see the same examples in the same batches. Where the
    last batch holds a single example it is left out, for batch normalization.
    """
    torch.manual_seed(seed)
    model = make_model()
    data = parts.train
    starts = [start for start in range(0, len(data), recipe.batch_size) if len(data) - start > 1]
    batches = list(zip(data.inputs.split(500), data.targets.split(500), strict=True))
    session = regularize(
        model,
        recipe.techniques,
        classes=data.classes,
        epochs=recipe.epochs,
        steps_per_epoch=len(starts),
        example=data.inputs[:2],
        class_counts=data.targets.bincount().tolist(),
        train_batches=batches,
        validation_batches=[(parts.validation.inputs, parts.validation.targets)],
        seed=seed,
        **recipe.session,
    )
    groups = session.param_groups(lr=recipe.lr)
    optimizer: torch.optim.Optimizer
    if recipe.optimizer == "adamw":
        optimizer = torch.optim.AdamW(groups, lr=recipe.lr, weight_decay=recipe.weight_decay)
    else:
        optimizer = torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay)
    order = torch.Generator().manual_seed(seed)
    history: list[dict[str, float]] = []
    seconds = 0.0
    while len(session.run.history) < recipe.epochs and not session.run.stop:
        session.epoch_start()
        session.model.train()
        begin = time.process_time()
        permutation = torch.randperm(len(data), generator=order)
        for start in starts:
            index = permutation[start : start + recipe.batch_size]
            # The model's own dropout draws from the global state.
            torch.default_generator.manual_seed(seed * 1_000_003 + session.run.step)
            inputs = data.inputs[index] if recipe.change is None else recipe.change(data.inputs[index])
            session.step(optimizer, inputs, data.targets[index], factor=_factor(recipe, session))
        seconds += time.process_time() - begin
        row: dict[str, float] = {}
        if recipe.every_epoch:
            model = session.eval_model().eval()
            with torch.no_grad():
                found = scores(model(parts.validation.inputs), parts.validation, "nll", "accuracy")
            row = {"validation_loss": found["nll"], "validation_metric": found["accuracy"]}
            history.append({"validation_loss": found["nll"], "validation_accuracy": found["accuracy"]})
        session.epoch_end(**row)
        if recipe.after_epoch is not None:
            recipe.after_epoch(session)
    session.finish()
    return Trained(session, history, seconds, session.run.step)


def _factor(recipe: Recipe, session: Session) -> float:
    if recipe.schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * session.run.step / (recipe.epochs * session.run.steps_per_epoch)))


@dataclass(frozen=True)
class Claim:
    """One measured claim. `differences`: one value for each seed, whose mean and t interval are judged.

    `agrees`: within which limits the whole interval lies where the claim holds. `statement` names what was done, in
    words, ends without a full stop, and gets the numbers and the verdict appended. `values`: each arm's values.
    """

    statement: str
    subjects: Sequence[str]
    rule_ids: Sequence[str]
    metric: str
    seeds: Sequence[int]
    differences: Sequence[float]
    above: float = -math.inf
    below: float = math.inf
    values: dict[str, list[float]] = field(default_factory=dict)

    @property
    def mean(self) -> float:
        """The mean difference."""
        return float(np.mean(self.differences))

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % t interval of the mean difference."""
        return t_interval(self.differences)

    @property
    def agrees(self) -> Verdict:
        """The verdict by the limits that were stated."""
        return verdict(self.interval, self.above, self.below)

    def sentence(self) -> str:
        """The statement with its numbers and verdict."""
        low, high = self.interval
        said = {
            "yes": "as the rule says",
            "no": "this did not reproduce here",
            "undecided": "this stays undecided here",
        }[self.agrees]
        sign = "+" if len(self.values) > 1 else ""  # a ratio of its own has none
        numbers = [format(number, f"{sign}.3g") for number in (self.mean, low, high)]
        return (
            f"{self.statement}: {self.metric} {numbers[0]} (95 % interval {numbers[1]} to {numbers[2]}, "
            f"n = {len(self.differences)}); {said}."
        )


def paired(arms: dict[str, Sequence[float]], treated: str, control: str) -> dict[str, Any]:
    """`differences` and `values` of a claim: the treated arm less the control, seed by seed."""
    return {
        "differences": [a - b for a, b in zip(arms[treated], arms[control], strict=True)],
        "values": {treated: list(arms[treated]), control: list(arms[control])},
    }


def contrast(arms: dict[str, Sequence[float]], *names: str) -> dict[str, Any]:
    """As `paired`, of four arms a, b, c, d: the effect a - b less the effect c - d, seed by seed."""
    a, b, c, d = (arms[name] for name in names)
    differences = [(w - x) - (y - z) for w, x, y, z in zip(a, b, c, d, strict=True)]
    return {"differences": differences, "values": {name: list(arms[name]) for name in names}}


def single(name: str, values: Sequence[float]) -> dict[str, Any]:
    """As `paired`, of a number that is judged itself, such as a ratio of times."""
    return {"differences": list(values), "values": {name: list(values)}}


def t_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The t interval of the mean; of values that are all alike it is that value."""
    mean, spread = float(np.mean(values)), float(np.std(values, ddof=1))
    half = float(scipy.stats.t.ppf(0.5 + confidence / 2, len(values) - 1)) * spread / math.sqrt(len(values))
    return mean - half, mean + half


def verdict(interval: tuple[float, float], above: float = -math.inf, below: float = math.inf) -> Verdict:
    """Yes: the interval lies within the limits; no: it lies outside of them; else undecided."""
    low, high = interval
    if above < low and high < below:
        return "yes"
    return "no" if high <= above or low >= below else "undecided"


def tolerance_of(docstring: str) -> str:
    """What a script states as agreement: the paragraph of its docstring that begins with "Tolerance:"."""
    found = [part for part in docstring.split("\n\n") if part.startswith("Tolerance:")]
    assert len(found) == 1, "a script's docstring states its tolerance in one paragraph"
    return " ".join(found[0].removeprefix("Tolerance:").split())


def main(file: str, docstring: str | None, measure: Callable[[Options], list[Claim]]) -> None:
    """The command of a script: measure, print, and write NAME.json beside it, except with --quick."""
    path = Path(file)
    assert docstring is not None
    parser = argparse.ArgumentParser(description=docstring.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two seeds, few epochs and examples, nothing written")
    parser.add_argument("--data", type=Path, default=DATASETS, help="folder of data sets, with fashion-mnist/")
    arguments = parser.parse_args()
    tolerance = tolerance_of(docstring)
    torch.set_num_threads(1)
    began = time.perf_counter()
    claims = measure(Options(arguments.quick, arguments.data))
    for claim in claims:
        print(f"[{claim.agrees}] {', '.join(claim.rule_ids)}: {claim.sentence()}")
    print(f"{len(claims)} claims in {time.perf_counter() - began:.0f} s")
    if arguments.quick:
        return
    content = {
        "command": f"python evidence/{path.name}",
        "claims": [_row(claim) for claim in claims],
        "tolerance": tolerance,
        "wall_seconds": round(time.perf_counter() - began),
        "hardware": {
            "processors": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "architecture": platform.machine(),
        },
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
        },
    }
    write_atomic(path.with_suffix(".json"), json.dumps(content, indent=1) + "\n")
    print(f"Written: evidence/{path.stem}.json")


def _row(claim: Claim) -> dict[str, Any]:
    return {
        "statement": claim.sentence(),
        "subjects": list(claim.subjects),
        "rule_ids": list(claim.rule_ids),
        "metric": claim.metric,
        "n": len(claim.differences),
        "seeds": list(claim.seeds),
        "differences": list(claim.differences),
        "values": claim.values,
        "mean": claim.mean,
        "interval": list(claim.interval),
        "holds_within": [limit if math.isfinite(limit) else None for limit in (claim.above, claim.below)],
        "agrees": claim.agrees,
    }
