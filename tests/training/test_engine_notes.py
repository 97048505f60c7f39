"""What the engine tells of a training beside its values, and what it tells the techniques of the data."""

import numpy as np
import pytest
import torch

from advisor.errors import AdvisorError
from advisor.models.build import build
from advisor.models.spec import ModelSpec
from advisor.techniques.input_noise import InputNoise
from advisor.training.engine import train
from tests.training.run_plans import make_plan

NET = """
from torch import nn

class Net(nn.Linear):
    def __init__(self, most): super().__init__(64, 10); self.most = most
    def forward(self, x):
        if self.training and len(x) > self.most: raise MemoryError
        return super().forward(x.flatten(1))
"""


def test_what_weights_left_out_is_noted_in_the_result(tmp_path):
    other = build(ModelSpec(name="mlp", arguments={"width": 16}), (1, 8, 8), 7, "class", None)
    torch.save(other.state_dict(), tmp_path / "net.pt")
    model = {"name": "mlp", "arguments": {"width": 16}, "weights": "net.pt"}
    (note,) = train(make_plan(model=model), workspace=tmp_path).notes
    assert note.startswith("the head in net.pt is for 7 outputs")
    assert train(make_plan()).notes == ()


def test_a_training_that_runs_out_of_memory_starts_again_in_half_the_batch(tmp_path):
    (tmp_path / "tight.py").write_text(NET)
    model = {"entry": "tight:Net", "arguments": {"most": 8}}
    result = train(make_plan(model=model, batch_size=16), workspace=tmp_path)
    asked = train(make_plan(model=model, batch_size=8, accumulate=2), workspace=tmp_path)
    (note,) = result.notes
    assert note.startswith("memory ran out at batch_size 16: trained in batches of 8 with accumulate 2")
    assert result.model_copy(update={"notes": ()}) == asked


def test_a_last_step_that_is_smaller_is_cut_into_batches_and_not_into_single_examples(tmp_path):
    source = "def make(): return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Linear(8, 10))"
    (tmp_path / "normed.py").write_text(f"from torch import nn\n{source}\n")
    plan = make_plan(
        data={"builtin": "digits", "train_size": 66}, model={"entry": "normed:make"}, batch_size=16, accumulate=2
    )
    assert train(plan, workspace=tmp_path).epochs_run == 2


def test_one_that_runs_out_of_it_twice_is_an_error_with_both_sizes(tmp_path):
    (tmp_path / "tighter.py").write_text(NET)
    model = {"entry": "tighter:Net", "arguments": {"most": 1}}
    message = r"with batch_size 16 on cpu, and again in batches of 8: MemoryError\. Use a smaller model"
    with pytest.raises(AdvisorError, match=message) as caught:
        train(make_plan(model=model, batch_size=16), workspace=tmp_path)
    assert caught.value.exit_status == 1


def test_techniques_know_which_columns_of_a_table_are_codes(tmp_path, monkeypatch):
    random = np.random.default_rng(0)
    rows = [f"{random.normal():.3f},city{random.integers(40)},{n % 2}" for n in range(400)]
    (tmp_path / "t.csv").write_text("\n".join(["size,city,y", *rows]))
    seen = []

    def look(self, run, inputs, targets):
        seen.append(run.task.category_columns)
        return inputs, targets

    monkeypatch.setattr(InputNoise, "batch", look)
    plan = make_plan({"input_noise": {}}, data={"table": "t.csv", "target": "y"}, model={"name": "table_mlp"}, epochs=1)
    train(plan, workspace=tmp_path)
    assert set(seen) == {1}
