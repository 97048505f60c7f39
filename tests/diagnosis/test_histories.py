"""Labelled real and synthetic histories: overfitting is found, and little else is called so."""

import json
from pathlib import Path

import pytest

from advisor.curves import Curves
from advisor.diagnosis import diagnose

HISTORIES = Path(__file__).resolve().parents[2] / "../shared/data/histories"
pytestmark = pytest.mark.skipif(not HISTORIES.is_dir(), reason="the labelled histories are not beside this checkout")


@pytest.mark.parametrize(("name", "bar"), [("public", 0.9), ("synth_public", 0.93)])
def test_overfitting_is_told_from_everything_else(name: str, bar: float) -> None:
    counts = {(a, b): 0 for a in (True, False) for b in (True, False)}
    double_descent_alarms = 0
    for line in (HISTORIES / f"{name}.jsonl").read_text().splitlines():
        row = json.loads(line)
        called = diagnose(Curves.from_losses(row["train_loss"], row["val_loss"])).overfitting
        counts[row["label"] == "overfit", called] += 1
        double_descent_alarms += called and row["label"] == "double_descent"
    wrong = counts[True, False] + counts[False, True]
    f1 = [2 * counts[side, side] / (2 * counts[side, side] + wrong) for side in (True, False)]
    assert sum(f1) / 2 >= bar
    assert double_descent_alarms <= 2
