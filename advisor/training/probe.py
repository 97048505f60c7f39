"""What is measured before a campaign's first run: whether the device is fast in bfloat16, and how long a step takes."""

from __future__ import annotations

import pathlib
import statistics
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from advisor.contract import Frozen
from advisor.training.determinism import deterministic
from advisor.training.engine import Data, Trainee, explained
from advisor.training.loop import computing
from advisor.training.plan import RunPlan
from advisor.training.stack import Stack

if TYPE_CHECKING:
    import torch

# How many times faster bfloat16 must be. Devices are far from it on either side: with instructions for it several times
# faster, without them many times slower.
WORTH_IT = 1.5
PRODUCT = 256  # rows and columns of the matrices that tell
TIMED, WARM_UP = 7, 2
MOST_SECONDS = 2.0  # of timing


class StackProbe(Frozen):
    """Seconds of a stack of runs of the baseline without techniques, for each run."""

    setup_seconds: float
    step_seconds: float
    evaluation_seconds: float  # after each epoch
    steps_per_epoch: int
    corrupted_seconds: float = 0.0  # of the evaluation under corruptions at the end

    def run_seconds(self, epochs: int, step_cost: float) -> float:
        """How long a run takes whose steps cost so many of the baseline's."""
        epoch = self.steps_per_epoch * self.step_seconds * step_cost + self.evaluation_seconds
        return self.setup_seconds + epochs * epoch + self.corrupted_seconds


def multiplies_fast(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 matrices faster; then the precision "auto" is bfloat16."""
    import torch

    matrix = torch.ones(PRODUCT, PRODUCT, device=device)

    def product() -> None:
        _wait(matrix @ matrix)

    plain = _timed(product)
    with computing("bfloat16", device):
        return plain / _timed(product) >= WORTH_IT


def probe_stack(plans: Sequence[RunPlan], workspace: pathlib.Path | None) -> StackProbe:
    """Measure a stack of these runs without their techniques.

    Raises:
        AdvisorError: as `advisor.training.engine.train`.
    """
    import torch

    plain = [
        plan.model_copy(update={"training": plan.training.model_copy(update={"techniques": {}})}) for plan in plans
    ]
    with deterministic(plans[0].threads), explained(plain[0], workspace):
        data = Data(plain[0], workspace)
        start = time.perf_counter()
        stack = Stack([Trainee(plan, workspace, data=data) for plan in plain])
        setup = time.perf_counter() - start
        spans = stack.trainees[0].epochs.spans
        index = torch.arange(spans[0][1], device=data.device).expand(len(plans), spans[0][1])
        step = _timed(lambda: stack.step(index))
        start = time.perf_counter()
        stack.trainees[0].close_epoch(0.0)
        evaluation = time.perf_counter() - start
        start = time.perf_counter()
        if plans[0].corruptions:
            stack.trainees[0].finish()
        corrupted = time.perf_counter() - start
        return StackProbe(
            setup_seconds=setup / len(plans),
            step_seconds=step / len(plans),
            evaluation_seconds=evaluation,
            steps_per_epoch=len(spans),
            corrupted_seconds=corrupted,
        )


def _timed(call: Callable[[], object]) -> float:
    """Median seconds of a call, after some that do not count."""
    times: list[float] = []
    begun = time.perf_counter()
    for number in range(WARM_UP + TIMED):
        start = time.perf_counter()
        _wait(call())
        late = time.perf_counter() - begun > MOST_SECONDS
        if number >= WARM_UP or late:
            times.append(time.perf_counter() - start)
        if late:
            break
    return statistics.median(times)


def _wait(value: object) -> None:
    """Until a device has computed it."""
    import torch

    if isinstance(value, torch.Tensor) and value.is_cuda:
        torch.cuda.synchronize(value.device)
