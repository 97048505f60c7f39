"""Our trainings against a plain PyTorch loop and Lightning, side by side in one run.

    python benchmarks/training.py [--data ../shared/data/datasets] [--rounds 5] [--only table text image campaign ...]

Every side trains the same network on the same examples for the same epochs and batches, evaluates on validation after
each epoch and on test at the end, in an own process each with its imports left out of the time. Sides alternate;
printed is the median over rounds of the ratio of wall times with its range, and each side's mean test accuracy.

The reference loops are written as tutorials write them: a `DataLoader` over a `TensorDataset`, or over torchvision's
image data set with `ToTensor` and `Normalize` and two worker processes (`reference`), and for images also the stronger
one over tensors (`tensors`). All sides of one run may use every processor; in a campaign ours starts two workers of one
thread, and the reference trains run after run.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SINGLE = {
    "table": ("reference", "lightning"),
    "text": ("reference", "lightning"),
    "image": ("reference", "tensors", "lightning"),
}
BARS = {"table": 1.5, "text": 1.5, "image": 1.5}
CAMPAIGN_RUNS, TIMED_RUNS = 32, 4
CAMPAIGN_BARS = {"table": 4.0, "text": 4.0, "image": 2.5}


def main() -> None:
    parser = argparse.ArgumentParser(description="Ratios of training times.")
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data" / "datasets")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=["single", "campaign", "limit", "memory", "size"])
    parser.add_argument("--case", nargs="*", default=list(SINGLE))
    arguments = parser.parse_args()
    print(environment(arguments.rounds))
    for part in arguments.only:
        print(f"\n{part}", flush=True)
        PARTS[part](arguments)


def environment(rounds: int) -> str:
    import torch

    capability = torch.backends.cpu.get_cpu_capability()
    return (
        f"{platform.machine()} {capability}, {os.cpu_count()} processors, Python {platform.python_version()}, torch "
        f"{torch.__version__}, n = {rounds} rounds, median (lowest to highest)"
    )


def single(arguments: argparse.Namespace) -> None:
    """One run of ours against one of each other side."""
    for case in arguments.case:
        sides = ("ours", *SINGLE[case])
        results: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
        for _ in range(arguments.rounds):
            for side in sides:
                results[side].append(trained(case, side, arguments.data))
        for side in SINGLE[case]:
            compare(case, side, results[side], results["ours"], BARS[case])


def campaign(arguments: argparse.Namespace) -> None:
    """Four arms in eight blocks, by ours and by one run after another, of which a few are timed."""
    for case in arguments.case:
        ours, theirs = [], []
        for _ in range(arguments.rounds):
            ours.append(trained(case, "campaign", arguments.data))
            some = trained(case, "reference", arguments.data, runs=TIMED_RUNS)
            theirs.append({**some, "seconds": some["seconds"] * CAMPAIGN_RUNS / TIMED_RUNS})
        compare(f"{case}, 4 arms x 8 blocks", "reference", theirs, ours, CAMPAIGN_BARS[case])


def compare(case: str, side: str, theirs: list[dict[str, Any]], ours: list[dict[str, Any]], bar: float) -> None:
    """One line: the ratio of times, and both accuracies."""
    ratios = [other["seconds"] / own["seconds"] for own, other in zip(ours, theirs, strict=True)]
    accuracy = [statistics.mean(result["accuracy"] for result in results) for results in (ours, theirs)]
    print(
        f"{case:28} {side:10} {statistics.median(ratios):6.2f} ({min(ratios):.2f} to {max(ratios):.2f}), bar {bar}; "
        f"ours {statistics.median(result['seconds'] for result in ours):.2f} s; accuracy {accuracy[0]:.3f} against "
        f"{accuracy[1]:.3f}",
        flush=True,
    )


def trained(case: str, side: str, data: Path, runs: int = 1) -> dict[str, Any]:
    """What one process measured: seconds and accuracy."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, str(HERE / "training_sides.py"), case, side, str(data), str(runs)],
            env=os.environ | {"REGADVISOR_HOME": home},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{case}, {side}: {done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def limit(arguments: argparse.Namespace) -> None:
    """How near the convolutional network's steps come to the machine's matrix products, and where the rest goes."""
    for threads in sorted({1, os.cpu_count() or 1}):
        result = measured("limit", arguments.data, threads)
        print(
            f"{threads} threads: {result['gflops']:.0f} of {result['limit']:.0f} GFLOP/s of float32 products of 1024 x "
            f"1024, {100 * result['gflops'] / result['limit']:.0f} % (bar 20 %); step {1e3 * result['step']:.0f} ms"
        )
        shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in result["shares"].items())
        print(f"  a step's time: {shares}")


def memory(arguments: argparse.Namespace) -> None:
    """Peak of a campaign with two workers against one run, and growth over many runs in one process."""
    for case in arguments.case:
        one = trained(case, "ours", arguments.data)["memory_mb"]
        result = measured("memory", arguments.data, case)
        print(
            f"{case:6} one run {one:.0f} MB, data {result['data_mb']:.0f} MB, campaign's processes together "
            f"{result['peak_mb']:.0f} MB: {result['peak_mb'] / (2 * one + result['data_mb']):.2f} of twice the run and "
            "the data (bar 1)"
        )
    growth = measured("growth", arguments.data, 200)
    print(f"after 20 runs {growth['early_mb']:.0f} MB, after 200 runs {growth['late_mb']:.0f} MB")


def size(arguments: argparse.Namespace) -> None:
    """Seconds of an epoch by examples and width."""
    result = measured("size", arguments.data, arguments.rounds)
    for row in result["rows"]:
        print(f"{row['examples']:7} examples, width {row['width']:4}: {row['seconds']:.3f} s an epoch")
    print(
        f"exponents: {result['by_examples']:.2f} in the examples (1 is linear), {result['by_width']:.2f} in the width"
    )


def measured(what: str, data: Path, argument: object) -> dict[str, Any]:
    """What one process of `training_figures.py` measured."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, str(HERE / "training_figures.py"), what, str(data), str(argument)],
            env=os.environ | {"REGADVISOR_HOME": home},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{what}: {done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


PARTS = {"single": single, "campaign": campaign, "limit": limit, "memory": memory, "size": size}

if __name__ == "__main__":
    main()
