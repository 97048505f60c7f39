"""The state of one training, which is all that a technique's hooks see of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from advisor.training.streams import Streams

if TYPE_CHECKING:
    import torch


@dataclass
class TrainingRun:
    """One training in progress: the `Run` that hooks are given."""

    model: torch.nn.Module
    streams: Streams
    epochs: int
    steps_per_epoch: int
    direction: Literal["min", "max"]
    epoch: int = 0
    step: int = 0
    stop: bool = False
    kept_epoch: int = 0
    state: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)

    def generator(self, name: str) -> torch.Generator:
        """The random stream of this name at the current step."""
        return self.streams.generator(name, self.step)
