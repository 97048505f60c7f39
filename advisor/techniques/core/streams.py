"""Named random streams: each is seeded by (block seed, name, step), so one more draw in one never shifts another."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derive_seed(block_seed: int, name: str, step: int) -> int:
    """A seed in [0, 2^63) from the SHA-256 of the three."""
    digest = hashlib.sha256(f"{block_seed}/{name}/{step}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


class Streams:
    """The streams of one run. Generators are kept and reseeded, for making one costs more than seeding it."""

    def __init__(self, block_seed: int, device: torch.device) -> None:
        self._block_seed = block_seed
        self._device = device
        self._generators: dict[str, tuple[int, torch.Generator]] = {}

    def generator(self, name: str, step: int) -> torch.Generator:
        """The stream of this name at this step; asked for again within the step, it goes on where it was."""
        import torch

        known = self._generators.get(name)
        if known is not None and known[0] == step:
            return known[1]
        generator = known[1] if known is not None else torch.Generator(self._device)
        generator.manual_seed(derive_seed(self._block_seed, name, step))
        self._generators[name] = (step, generator)
        return generator

    def restart(self) -> None:
        """Start every stream of this step again, as for a second forward pass on the same batch."""
        self._generators = {name: (-1, generator) for name, (_, generator) in self._generators.items()}

    def seed_global(self, name: str, step: int, *, everything: bool = True) -> None:
        """Seed torch's global state from a stream, and Python's and numpy's where `everything`."""
        import torch

        seed = derive_seed(self._block_seed, name, step)
        # Not torch.manual_seed: without a GPU it records a stack trace for later at every call.
        torch.default_generator.manual_seed(seed)
        if self._device.type == "cuda":
            torch.cuda.manual_seed(seed)
        if everything:
            random.seed(seed)
            np.random.seed(seed % 2**32)
