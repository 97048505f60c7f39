"""Experiments of measurements as jobs: any can be interrupted, and goes on where it was when the script runs again."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from common import Options, fashion_mnist

from advisor.errors import AdvisorError
from advisor.experiments.evidence import Evidence
from advisor.experiments.spec import parse_spec
from advisor.jobs import service, worker
from advisor.jobs.campaign import Campaign
from advisor.jobs.home import home
from advisor.jobs.request import prepare
from advisor.jobs.store import Store

QUICK_BLOCKS = 3


def run(options: Options, spec: dict[str, Any], workspace: Path | None = None) -> Evidence:
    """The evidence of this spec, from a job of the usual store.

    A quick run trains a few epochs of as few blocks as its kind allows, in this process and a store of its own.

    Raises:
        AdvisorError: the spec is wrong, or the job failed.
    """
    if options.quick:
        return _quick(spec, workspace)
    parsed = parse_spec(spec)
    print(f"  {parsed.title}", flush=True)
    job = service.submit(parsed, workspace=workspace)
    while (job := service.wait(job.job_id, 30)).active:
        print(f"    {job.message}", flush=True)
    if job.state == "interrupted":
        raise AdvisorError(f"Job {job.job_id} was interrupted; run the script again to go on.", exit_status=1)
    return service.find_evidence(job.job_id)


@contextlib.contextmanager
def folder_for(options: Options, name: str) -> Iterator[Path]:
    """Where a script keeps the files that its specs name: the same each time, or its finished runs were not found.

    A quick run gets a folder that goes away.
    """
    if options.quick:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
        return
    kept = home() / "evidence" / name
    kept.mkdir(parents=True, exist_ok=True)
    yield kept


def fashion_arrays(options: Options, folder: Path, *, train: int, test: int) -> dict[str, Any]:
    """The `data` of a spec: images (1, 14, 14) of Fashion-MNIST with the set's own test split, in `folder`."""
    parts = {}
    for name, size in (("train", options.size(train)), ("test", options.size(test))):
        data = fashion_mnist(options.data, test=name == "test", side=14)
        chosen = np.random.default_rng(0).permutation(len(data))[:size]
        parts[f"x_{name}"] = (data.inputs.numpy()[chosen] * 255).round().astype(np.uint8)
        parts[f"y_{name}"] = data.targets.numpy()[chosen]
    path = folder / f"fashion_{train}_{test}.npz"
    np.savez(path, **parts)
    return {"arrays": str(path)}


def values(evidence: Evidence, arm: str, metric: str, split: str = "test") -> list[float]:
    """One value a block, in block order."""
    return [getattr(run, split)[metric] for run in evidence.results.runs if run.arm == arm]


class _Here:
    """Trains in this process, one task a poll."""

    workers = 1

    def __init__(self, workspace: Path | None) -> None:
        self._workspace, self._waiting = workspace, deque[dict[str, Any]]()

    def submit(self, task: dict[str, Any]) -> None:
        self._waiting.append(task)

    def poll(self, seconds: float) -> list[dict[str, Any]]:
        del seconds
        messages: list[dict[str, Any]] = []
        if self._waiting:
            worker._serve(self._waiting.popleft(), self._workspace, messages.append)
        return messages


def _quick(spec: dict[str, Any], workspace: Path | None) -> Evidence:
    baseline = spec.get("baseline", {})
    design = spec.get("design", {})
    blocks = design.get("max_blocks", QUICK_BLOCKS) if spec.get("kind") == "bias_variance" else QUICK_BLOCKS
    epochs = 5 if spec.get("double_descent", {}).get("over") == "epochs" else 2  # the fewest that can be judged
    parsed = parse_spec(
        spec | {"baseline": baseline | {"epochs": epochs}, "design": design | {"max_blocks": blocks}, "budget": "1h"}
    )
    before = os.environ.get("REGADVISOR_HOME")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["REGADVISOR_HOME"] = folder
        try:
            request = prepare(parsed, workspace or Path(folder), workers=1)
            store = Store(home())
            store.add_job(request.job_id, "quick", request.model_dump(mode="json"))
            return Campaign(request.job_id, request, store, _Here(workspace), lambda: False).run()
        finally:
            if before is None:
                del os.environ["REGADVISOR_HOME"]
            else:
                os.environ["REGADVISOR_HOME"] = before
