"""Single figures of `benchmarks/training.py`, each in a process of its own: WHAT DATA ARGUMENT; prints JSON."""

import itertools
import json
import math
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from training_sides import run_plan, spec_of

from advisor.experiments.spec import Spec
from advisor.training.determinism import deterministic
from advisor.training.engine import Trainee, train

STEPS = 10
KINDS = {
    "convolution_backward": "convolutions backward", "convolution": "convolutions forward",
    "batch_norm": "batch normalization", "threshold_backward": "ReLU", "clamp_min": "ReLU", "relu": "ReLU",
}  # fmt: skip


def limit(data: Path, argument: str) -> dict[str, Any]:
    """Floating-point operations a second of a step of the CNN, and of a product of matrices."""
    from torch.profiler import ProfilerActivity, profile
    from torch.utils.flop_counter import FlopCounterMode

    threads = int(argument)
    with tempfile.TemporaryDirectory() as scratch, deterministic(threads):
        trainee = Trainee(run_plan(spec_of("image", data, Path(scratch))), None)
        batch = torch.arange(trainee.epochs.spans[0][1])
        with FlopCounterMode(display=False) as counter:
            trainee.epochs.step(batch)
        step = timed(lambda: trainee.epochs.step(batch))
        with profile(activities=[ProfilerActivity.CPU]) as profiled:
            for _ in range(3):
                trainee.epochs.step(batch)
        matrix = torch.rand(1024, 1024)
        product = timed(lambda: matrix @ matrix)
    times: Counter[str] = Counter()
    for event in profiled.key_averages():
        name = next((label for part, label in KINDS.items() if part in event.key), "everything else")
        times[name] += event.self_cpu_time_total
    total = sum(times.values())
    return {
        "gflops": counter.get_total_flops() / step / 1e9,
        "limit": 2 * 1024**3 / product / 1e9,
        "step": step,
        "shares": {name: value / total for name, value in times.most_common()},
    }


def timed(call: Any) -> float:
    """Median seconds of a call."""
    times = []
    for number in range(STEPS + 2):
        start = time.perf_counter()
        call()
        if number >= 2:
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def memory(data: Path, case: str) -> dict[str, Any]:
    """Peak memory of a campaign's driver and workers, shared pages counted once."""
    from advisor.jobs import service

    with tempfile.TemporaryDirectory() as scratch:
        spec = spec_of(case, data, Path(scratch))
        few = spec.model_copy(update={"design": spec.design.model_copy(update={"max_blocks": 3})})
        size = Trainee(run_plan(spec), None).data.dataset.inputs
        job = service.submit(few, workspace=Path(scratch), workers=2)
        peak = 0.0
        while service.show(job.job_id).active:
            peak = max(peak, sum(proportional(pid) for pid in descendants(job.job_id)))
            time.sleep(0.2)
        service.find_evidence(job.job_id)
    return {"peak_mb": peak, "data_mb": size.numel() * 4 / 2**20}


def descendants(job_id: str) -> list[int]:
    """The driver of this job, and its workers."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_text()
                parent = int((entry / "stat").read_text().rsplit(") ", 1)[1].split()[1])
            except OSError:
                continue
            found.append((int(entry.name), parent, job_id in command))
    drivers = {pid for pid, _, is_driver in found if is_driver}
    return [pid for pid, parent, _ in found if pid in drivers or parent in drivers]


def proportional(pid: int) -> float:
    """Megabytes of a process, with its share of what is mapped by others too."""
    try:
        lines = (Path("/proc") / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def growth(data: Path, argument: str) -> dict[str, Any]:
    """Memory of one process after 20 and after all runs of a small network."""
    spec = Spec.model_validate(
        {"data": {"builtin": "digits"}, "model": {"name": "mlp"}, "baseline": {"epochs": 1}, "arms": {"a": {"lr": 1}}}
    )
    early = 0.0
    for number in range(int(argument)):
        train(run_plan(spec, number))
        if number == 19:
            early = proportional(os.getpid())
    return {"early_mb": early, "late_mb": proportional(os.getpid())}


def size(data: Path, argument: str) -> dict[str, Any]:
    """Seconds of an epoch at several numbers of examples and widths, and the exponents of a power law."""
    rows = []
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as scratch:
        for examples in (1_000, 10_000, 100_000):
            inputs = random.standard_normal((examples * 2, 20)).astype(np.float32)
            path = Path(scratch) / f"{examples}.npz"
            np.savez(path, x=inputs, y=(inputs[:, :3].sum(1) > 0).astype(np.int64))
            for width in (64, 128, 256):
                spec = Spec.model_validate(
                    {
                        "data": {"arrays": str(path), "train_size": examples},
                        "model": {"name": "mlp", "arguments": {"width": width}},
                        "baseline": {"epochs": 1 + int(argument)},
                        "arms": {"a": {"lr": 1}},
                    }
                )
                rows.append({"examples": examples, "width": width, "seconds": epoch_seconds(spec)})

    def exponent(key: str, other: str) -> float:
        slopes = []
        for value in {row[other] for row in rows}:
            own = [row for row in rows if row[other] == value]
            x, y = ([math.log(row[name]) for row in own] for name in (key, "seconds"))
            slopes.append(statistics.linear_regression(x, y).slope)
        return statistics.mean(slopes)

    return {
        "rows": rows,
        "by_examples": exponent("examples", "width"),
        "by_width": exponent("width", "examples"),
    }


def epoch_seconds(spec: Spec) -> float:
    """Median seconds of an epoch after the first, its evaluation included."""
    moments = [time.perf_counter()]
    plan = run_plan(spec).model_copy(update={"threads": 1})  # as a campaign's runs
    train(plan, on_epoch=lambda done, planned: moments.append(time.perf_counter()))
    return statistics.median(after - before for before, after in itertools.pairwise(moments[1:]))


def main() -> None:
    warnings.simplefilter("ignore")
    what, data, argument = sys.argv[1], Path(sys.argv[2]).resolve(), sys.argv[3]
    figures = {"limit": limit, "memory": memory, "growth": growth, "size": size}
    print(json.dumps(figures[what](data, argument)))


if __name__ == "__main__":
    main()
