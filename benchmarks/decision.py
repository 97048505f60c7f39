"""From question to decision: our campaign against a person's own loop of independent runs with the same power.

    python benchmarks/decision.py [--rounds 3]

The question: does this technique change the test NLL of a perceptron on digits? Ours is the whole command, from the
spec to the evidence, with an empty store. The loop is plain PyTorch with a DataLoader; it needs as many independent
runs of baseline and arm as a two-sided t-test of fixed size needs with power 0.9, at the effect and the spread of the
runs that ours trained (two one-sided tests where ours said equivalent). Its time is that many times the median time of
one of its runs, without imports. Where ours did not decide, there is no ratio.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from unpaired import runs_needed

POWER, ALPHA, MARGIN = 0.9, 0.05, 0.005
EPOCHS, BATCH, LR, WIDTH = 15, 64, 0.005, 64
QUESTIONS: dict[str, dict[str, Any]] = {
    "label smoothing 0.05": {"techniques": {"label_smoothing": {"epsilon": 0.05}}},
    "weight decay 0.05": {"techniques": {"weight_decay": {"strength": 0.05}}},
    "input noise 0.1": {"techniques": {"input_noise": {"sigma": 0.1}}},
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time from question to decision.")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} processors, torch {torch.__version__}, median of {arguments.rounds}")
    for name, arm in QUESTIONS.items():
        ours, loops, told = [], [], ""
        for number in range(arguments.rounds):
            seconds, found, pairs = campaign(arm, seed=number)
            told = f"{found.verdict}, {2 * found.comparison.n} runs"
            if found.verdict == "undecided":
                continue
            ours.append(seconds)
            equivalence = MARGIN if found.verdict == "equivalent" else None
            needed = runs_needed(pairs, power=POWER, alpha=ALPHA, equivalence=equivalence)
            loops.append(needed * statistics.median(plain_run(seed) for seed in range(3)))
            told += f" against {needed}"
        if not ours:
            print(f"{name:22s} no ratio: {told}", flush=True)
            continue
        ratios = sorted(loop / own for loop, own in zip(loops, ours, strict=True))
        print(
            f"{name:22s} ours {statistics.median(ours):5.1f} s, loop {statistics.median(loops):6.1f} s: "
            f"{statistics.median(ratios):5.1f} times ({ratios[0]:.1f} to {ratios[-1]:.1f}), bar 10; last: {told}",
            flush=True,
        )


def campaign(arm: dict[str, Any], seed: int) -> tuple[float, Any, np.ndarray[Any, Any]]:
    """Wall seconds, the arm's evidence, and (2, runs) test values of baseline and arm."""
    from advisor.experiments.spec import parse_spec
    from advisor.jobs import service

    spec = parse_spec(
        {
            "data": {"builtin": "digits", "train_size": 300},
            "model": {"name": "mlp", "arguments": {"width": WIDTH}},
            "baseline": {"lr": LR, "epochs": EPOCHS, "batch_size": BATCH},
            "arms": {"arm": arm}, "metric": "nll", "minimum_effect": MARGIN, "design": {"seed": seed},
        }
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        os.environ["REGADVISOR_HOME"] = folder
        start = time.perf_counter()
        job = service.submit(spec, workspace=Path(folder))
        while service.wait(job.job_id, 30).active:
            pass
        seconds = time.perf_counter() - start
        evidence = service.find_evidence(job.job_id)
    sides = [[run.test["nll"] for run in evidence.results.runs if run.arm == name] for name in ("baseline", "arm")]
    return seconds, evidence.results.arms[0], np.array(sides)


def plain_run(seed: int) -> float:
    """Seconds of one training of the loop, evaluated after each epoch and on test at the end."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    inputs = torch.tensor(images / 16, dtype=torch.float32)
    targets = torch.tensor(labels, dtype=torch.int64)
    torch.manual_seed(seed)
    order = torch.randperm(len(inputs))
    parts = [TensorDataset(inputs[index], targets[index]) for index in (order[:300], order[300:660], order[660:1109])]
    start = time.perf_counter()
    train, validation, test = (DataLoader(part, BATCH, shuffle=place == 0) for place, part in enumerate(parts))
    model = nn.Sequential(nn.Linear(64, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 10))
    optimizer, loss = torch.optim.AdamW(model.parameters(), lr=LR), nn.CrossEntropyLoss()
    for _ in range(EPOCHS):
        model.train()
        for batch, wanted in train:
            optimizer.zero_grad()
            loss(model(batch), wanted).backward()
            optimizer.step()
        _evaluate(model, validation)
    _evaluate(model, test)
    return time.perf_counter() - start


def _evaluate(model: nn.Module, loader: DataLoader[Any]) -> float:
    model.eval()
    with torch.no_grad():
        losses = [nn.functional.cross_entropy(model(batch), wanted, reduction="sum") for batch, wanted in loader]
    return float(torch.stack(losses).sum())


if __name__ == "__main__":
    main()
