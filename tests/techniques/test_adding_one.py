"""A new technique is its file and one import line: shown on a copy of the package."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import advisor

FILE = '''
"""Sign flips of the inputs, a technique that nobody should use."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from advisor.techniques.core import Card, Run, Targets, Technique, register, strength

if TYPE_CHECKING:
    import torch


@register
class SignFlip(Technique, frozen=True):
    """Flip the sign of a share of the examples."""

    probability: float = strength(0.5, "share of examples that are flipped", ge=0, le=1, usual=(0.1, 0.5))

    name: ClassVar[str] = "sign_flip"
    null: ClassVar[dict[str, float] | None] = {"probability": 0.0}
    card: ClassVar[Card] = Card(
        title="Sign flip", mechanism="Flips signs.", when="Never.", avoid="Always.", cost="None.", step_cost=1.0,
        effect=None, interactions="None known.", source="none",
    )

    def batch(self, run: Run, inputs: torch.Tensor, targets: Targets) -> tuple[torch.Tensor, Targets]:
        import torch

        coins = torch.rand(len(inputs), generator=run.generator(self.name)) < self.probability
        return inputs.where(~coins.view(-1, *[1] * (inputs.ndim - 1)), -inputs), targets
'''
LINE = "from advisor.techniques.sign_flip import SignFlip as SignFlip\n"
USE = """
import advisor
from advisor.cli import app
from advisor.experiments.spec import parse_spec
from advisor.knowledge.explain import explain
from advisor.recipe import recommend
from advisor.recipe.model import Task
from advisor.techniques import SignFlip
from advisor.training.engine import train
from advisor.training.plan import RunPlan
from typer.testing import CliRunner

assert "Sign flip" in explain("sign_flip") and "share of examples" in explain("sign_flip", None)
assert "No conflict is known" in explain("sign_flip", "mixup")
assert "sign_flip" in CliRunner().invoke(app, ["techniques", "list"]).output
left_out = {item.technique: item.why for item in recommend(Task(modality="table")).withheld}
assert "measure it as an arm" in left_out["sign_flip"]
spec = parse_spec({
    "data": {"builtin": "wine"}, "model": {"name": "mlp"}, "baseline": {"epochs": 2},
    "arms": {"flip": {"techniques": {"sign_flip": {"probability": 0.3}}}},
})

def outcome(arm):
    return train(RunPlan(
        run_id="r", arm=arm, block=0, block_seed=1, split_seed=1, data=spec.data, model=spec.model,
        training=spec.arm(arm), design=spec.design, metric="accuracy",
    ))

assert outcome("flip").outcome_digest != outcome("baseline").outcome_digest
print(advisor.__file__)
"""


def test_one_file_and_one_line_are_all_that_it_takes(tmp_path: Path) -> None:
    package = tmp_path / "advisor"
    shutil.copytree(Path(advisor.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "techniques" / "sign_flip.py").write_text(FILE, encoding="utf-8")
    with (package / "techniques" / "__init__.py").open("a", encoding="utf-8") as registry:
        registry.write(LINE)
    (tmp_path / "use.py").write_text(USE, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "use.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(package / "__init__.py")
