"""Random streams: named, independent, repeatable."""

import random

import numpy as np
import torch

from advisor.techniques.core.streams import Streams, derive_seed


def draw(streams: Streams, name: str, step: int) -> list[float]:
    return torch.rand(3, generator=streams.generator(name, step)).tolist()


def test_a_seed_depends_on_block_name_and_step():
    seeds = {derive_seed(block, name, step) for block in range(5) for name in ("order", "mixup") for step in range(20)}
    assert len(seeds) == 200
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_draw_in_one_stream_never_shifts_another():
    quiet, busy = (Streams(3, torch.device("cpu")) for _ in range(2))
    draw(busy, "mixup", 0)
    draw(busy, "order", 5)
    assert draw(quiet, "order", 0) == draw(busy, "order", 0)


def test_a_stream_goes_on_within_a_step_and_starts_anew_at_the_next():
    streams = Streams(3, torch.device("cpu"))
    first, second, later = draw(streams, "order", 0), draw(streams, "order", 0), draw(streams, "order", 1)
    assert len({tuple(first), tuple(second), tuple(later)}) == 3
    assert draw(Streams(3, torch.device("cpu")), "order", 1) == later


def test_the_global_state_of_torch_numpy_and_python_is_seeded():
    def draws() -> tuple[float, float, float]:
        Streams(3, torch.device("cpu")).seed_global("model", 4)
        return torch.rand(1).item(), np.random.rand(), random.random()

    assert draws() == draws()
