"""The page of plain loops is current, and every block of it runs."""

import re
from typing import Any

import pytest
import torch
from torch import nn

from advisor.knowledge.plain_loops import PAGE, block, page
from advisor.techniques import TECHNIQUES, Trained


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 4, stride=4)
        self.block = nn.Sequential(nn.GroupNorm(2, 4), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 1))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(4 * 64, 8), nn.ReLU(), nn.Linear(8, 10))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        hidden = self.stem(images)
        return self.head(hidden + self.block(hidden))


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("name", TECHNIQUES)
def test_each_block_is_short_and_trains(name: str) -> None:
    text = block(TECHNIQUES[name])
    assert len(text.strip().splitlines()) <= 14
    assert max(len(line) for line in text.splitlines()) <= 140
    assert text in PAGE.read_text(encoding="utf-8")
    generator = torch.Generator().manual_seed(0)
    batches = [(torch.rand(8, 3, 32, 32, generator=generator), torch.arange(8) % 10) for _ in range(2)]

    def train_once(name: str, **settings: Any) -> Trained:
        other = Network().eval()
        return Trained(other, torch.no_grad()(other))

    def evaluate(model: nn.Module, batches: Any) -> float:
        with torch.no_grad():
            return sum(nn.functional.cross_entropy(model.eval()(x), y).item() for x, y in batches)

    names: dict[str, Any] = {
        "torch": torch, "model": Network(), "loader": batches, "validation": batches, "epochs": 2,
        "images": batches[0][0], "counts": [10 + k for k in range(10)], "train_once": train_once, "evaluate": evaluate,
    }  # fmt: skip
    exec(compile(text, name, "exec"), names)  # our own page, which is what is under test
    assert names["session"].predict(batches[0][0]).isfinite().all()
    assert re.search(r"logits = ", text) is None or names["logits"].shape == (8, 10)
