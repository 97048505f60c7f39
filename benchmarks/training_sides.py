"""One side of `benchmarks/training.py` in a process of its own: CASE SIDE DATA RUNS; prints seconds and accuracy.

`ours` trains through the engine, data loading included; the other sides get the same splits as tensors, and only their
loops are timed. `campaign` is ours for four arms in eight blocks, from the spec to the evidence.
"""

import csv
import json
import re
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data import Dataset as TorchDataset

from advisor.data import load, split
from advisor.experiments.spec import Spec
from advisor.models.build import build
from advisor.training.engine import train
from advisor.training.plan import RunPlan

Parts = dict[str, tuple[torch.Tensor, torch.Tensor]]
ARMS = {
    "weight_decay": {"techniques": {"weight_decay": {}}},
    "label_smoothing": {"techniques": {"label_smoothing": {}}},
    "rate": {"lr": 0.002},
}
MEAN, SPREAD = 0.286, 0.353  # of Fashion-MNIST's pixels, as its tutorials have them


def spec_of(case: str, data: Path, folder: Path) -> Spec:
    """The experiment of a case; what has to be written for it lands in `folder`."""
    if case == "table":
        path = data / "tabular" / "segment.csv"
        with path.open() as file:
            target = next(csv.reader(file))[-1]
        source: dict[str, Any] = {"table": str(path), "target": target}
        model, training = {"name": "mlp"}, {"epochs": 30, "batch_size": 64}
    elif case == "text":
        source = {"text": str(write_speeches(data / "text" / "tinyshakespeare.txt", folder / "speeches.tsv")),
                  "target": "speaker"}  # fmt: skip
        model, training = {"name": "text_cnn", "arguments": {"width": 32, "embedding": 32}}, {"epochs": 10, "lr": 0.003}
    else:
        source = {"torchvision": "FashionMNIST", "root": str(data / "fashion-mnist"), "train_size": 6000}
        model, training = {"name": "small_cnn"}, {"epochs": 1, "batch_size": 128, "lr": 0.003}
    return Spec.model_validate(
        {"data": source, "model": model, "baseline": training, "arms": ARMS,
         "design": {"max_blocks": 8, "looks": "last", "validation_fraction": 0.05 if case == "image" else 0.2},
         "budget": "2h"}
    )  # fmt: skip


def write_speeches(play: Path, path: Path) -> Path:
    """The speeches of the six people who speak most, with their names, as a table."""
    speeches = re.findall(r"^([A-Z][A-Z ]+):\n((?:.+\n)+)", play.read_text(), re.MULTILINE)
    often = [name for name, _ in Counter(name for name, _ in speeches).most_common(6)]
    with path.open("w", newline="") as file:
        table = csv.writer(file, delimiter="\t")
        table.writerow(["speaker", "text"])
        table.writerows([name, " ".join(text.split())] for name, text in speeches if name in often)
    return path


def run_plan(spec: Spec, block: int = 0) -> RunPlan:
    """One training of the baseline, on all processors."""
    return RunPlan(
        run_id="", arm="baseline", block=block, block_seed=block + 1, split_seed=0, data=spec.data, model=spec.model,
        training=spec.baseline, design=spec.design, metric="accuracy", threads=torch.get_num_threads(),
    )  # fmt: skip


def tensors(spec: Spec) -> tuple[Parts, Any]:
    """The three splits as the engine has them, and their preparation."""
    dataset = load(spec.data, None)
    splits = split(dataset, spec.design, 0, spec.data.train_size)
    prepared = dataset.prepared(splits.train)
    return {name: prepared.part(index, torch.float32) for name, index in splits.named().items()}, prepared


class Pictures(TorchDataset[Any]):
    """What torchvision's FashionMNIST gives: a PIL image through its transforms, and the label."""

    def __init__(self, images: np.ndarray, labels: torch.Tensor) -> None:
        from torchvision import transforms

        self.images, self.labels = images, labels
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((MEAN,), (SPREAD,))])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        from PIL import Image

        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def loaders(case: str, side: str, parts: Parts, batch_size: int) -> dict[str, Any]:
    """A DataLoader for each split."""
    made = {}
    for name, (inputs, labels) in parts.items():
        workers = 0
        data: Any = TensorDataset(inputs, labels)
        if case == "image" and side in ("reference", "lightning"):
            low, high = inputs.aminmax()
            pixels = ((inputs - low) / (high - low) * 255).round().byte().squeeze(1).numpy()
            data, workers = Pictures(pixels, labels), 2
        made[name] = DataLoader(
            data, batch_size=batch_size, shuffle=name == "train", num_workers=workers, persistent_workers=workers > 0
        )
    return made


def model_of(spec: Spec, parts: Parts, prepared: Any, seed: int) -> nn.Module:
    """The network that the engine would build."""
    torch.manual_seed(seed)
    shape = tuple(parts["train"][0].shape[1:])
    return build(
        spec.model, shape, prepared.outputs, prepared.kind, None, outputs=prepared.outputs, facts=prepared.facts
    )


def reference(spec: Spec, model: nn.Module, loader: dict[str, Any]) -> float:
    """A loop as tutorials write it; the test accuracy."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=spec.baseline.lr, weight_decay=0.0)
    criterion = nn.CrossEntropyLoss()
    for _ in range(spec.baseline.epochs):
        model.train()
        running = 0.0
        for inputs, labels in loader["train"]:
            optimizer.zero_grad()
            loss = criterion(model(inputs), labels)
            loss.backward()
            optimizer.step()
            running += loss.item() * len(labels)
        judged(model, loader["validation"])
    return judged(model, loader["test"])[1]


def judged(model: nn.Module, loader: Any) -> tuple[float, float]:
    """Loss and accuracy on a split."""
    model.eval()
    loss, right, count = 0.0, 0, 0
    with torch.no_grad():
        for inputs, labels in loader:
            outputs = model(inputs)
            loss += nn.functional.cross_entropy(outputs, labels, reduction="sum").item()
            right += (outputs.argmax(1) == labels).sum().item()
            count += len(labels)
    return loss / count, right / count


def lightning(spec: Spec, model: nn.Module, loader: dict[str, Any]) -> float:
    """The same through Lightning's trainer, without its bars, logs and checkpoints."""
    import lightning as pl

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def training_step(self, batch: Any, number: int) -> torch.Tensor:
            return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

        def validation_step(self, batch: Any, number: int) -> None:
            outputs = self.model(batch[0])
            self.log("val_loss", nn.functional.cross_entropy(outputs, batch[1]))
            self.log("val_accuracy", (outputs.argmax(1) == batch[1]).float().mean())

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(self.parameters(), lr=spec.baseline.lr, weight_decay=0.0)

    trainer = pl.Trainer(
        max_epochs=spec.baseline.epochs, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(Module(), loader["train"], loader["validation"])
    return judged(model, loader["test"])[1]


def campaign(spec: Spec, folder: Path) -> tuple[float, float]:
    """Seconds from the spec to the evidence, and the baseline's mean accuracy."""
    from advisor.jobs import service

    start = time.perf_counter()
    job = service.submit(spec, workspace=folder)
    service.wait(job.job_id, 7200)
    evidence = service.find_evidence(job.job_id)
    assert evidence.results.blocks == spec.design.max_blocks, evidence.results.notes
    return time.perf_counter() - start, float(evidence.results.baseline_mean or 0)


def main() -> None:
    case, side, data, runs = sys.argv[1], sys.argv[2], Path(sys.argv[3]).resolve(), int(sys.argv[4])
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as scratch:
        spec = spec_of(case, data, Path(scratch))
        if side == "campaign":
            seconds, accuracy = campaign(spec, Path(scratch))
        elif side == "ours":
            train(run_plan(spec).model_copy(update={"training": spec.baseline.model_copy(update={"epochs": 1})}))
            start = time.perf_counter()
            accuracy = float(np.mean([train(run_plan(spec, run)).test["accuracy"] for run in range(runs)]))
            seconds = time.perf_counter() - start
        else:
            parts, prepared = tensors(spec)
            loop = lightning if side == "lightning" else reference
            loader = loaders(case, side, parts, spec.baseline.batch_size)
            short = spec.model_copy(update={"baseline": spec.baseline.model_copy(update={"epochs": 1})})
            loop(short, model_of(spec, parts, prepared, 0), loader)  # what only the first run costs
            start = time.perf_counter()
            accuracy = float(np.mean([loop(spec, model_of(spec, parts, prepared, run), loader) for run in range(runs)]))
            seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "accuracy": accuracy, "memory_mb": memory}))


if __name__ == "__main__":
    main()
