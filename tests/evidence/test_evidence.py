"""Every measurement runs, and every written result is complete and says what its numbers say."""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import scipy.stats
import torch

from advisor.knowledge import RULES
from advisor.knowledge.advice import NAMES

FOLDER = Path(__file__).resolve().parents[2] / "evidence"
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in {"common", "campaigns"})
RESULTS = sorted(path.stem for path in FOLDER.glob("*.json"))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def common(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("common")


def _script(name: str) -> ModuleType:
    return importlib.import_module(name)


def _written(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_quick_run_measures_every_rule_that_names_the_script(common: ModuleType, name: str) -> None:
    if not common.DATASETS.is_dir():
        pytest.skip(f"needs the data sets under {common.DATASETS}")
    claims = _script(name).measure(common.Options(quick=True))
    measured = {rule_id for claim in claims for rule_id in claim.rule_ids}
    assert {rule.id for rule in RULES.values() if rule.check == f"evidence:{name}"} <= measured
    for claim in claims:
        assert len(claim.differences) == len(claim.seeds) == common.QUICK_SEEDS
        assert torch.isfinite(torch.tensor(claim.differences)).all()


def test_a_quick_run_prints_and_writes_nothing(common: ModuleType) -> None:
    if not common.DATASETS.is_dir():
        pytest.skip(f"needs the data sets under {common.DATASETS}")
    before = {path: path.read_bytes() for path in FOLDER.glob("*.json")}
    command = [sys.executable, str(FOLDER / "label_noise.py"), "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert "label-noise-soft-targets" in done.stdout
    assert {path: path.read_bytes() for path in FOLDER.glob("*.json")} == before


def test_every_script_has_a_result() -> None:
    assert RESULTS == SCRIPTS


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_covers_every_rule_that_names_it(name: str) -> None:
    measured = {rule_id for claim in _written(name)["claims"] for rule_id in claim["rule_ids"]}
    assert {rule.id for rule in RULES.values() if rule.check == f"evidence:{name}"} <= measured


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_recomputes_from_its_values(common: ModuleType, name: str) -> None:
    for claim in _written(name)["claims"]:
        differences = claim["differences"]
        assert claim["n"] == len(differences) == len(claim["seeds"]) == len(set(claim["seeds"])) >= 5
        arms = list(claim["values"].values())
        assert {len(arm) for arm in arms} <= {claim["n"]}
        if len(arms) == 1:
            assert differences == arms[0]
        elif len(arms) == 2:
            assert differences == pytest.approx([a - b for a, b in zip(*arms, strict=True)])
        elif len(arms) == 4:
            assert differences == pytest.approx([(a - b) - (c - d) for a, b, c, d in zip(*arms, strict=True)])
        assert claim["mean"] == pytest.approx(sum(differences) / len(differences))
        assert claim["interval"] == pytest.approx(common.t_interval(differences))
        above, below = claim["holds_within"]
        limits = [limit for limit in (above, below) if limit is not None]
        assert limits, "a claim without a limit would agree with everything"
        assert claim["agrees"] == common.verdict(
            claim["interval"], *(bound if limit is None else limit for limit, bound in ((above, -1e99), (below, 1e99)))
        )


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_speaks_about_known_rules_and_techniques_and_says_how_it_was_made(
    common: ModuleType, name: str
) -> None:
    content = _written(name)
    assert content["command"] == f"python evidence/{name}.py"
    assert content["tolerance"] == common.tolerance_of(_script(name).__doc__), "run the script again"
    assert content["hardware"]["threads"] == 1
    assert {"torch", "numpy", "scikit-learn"} <= set(content["versions"])
    for claim in content["claims"]:
        assert claim["rule_ids"]
        assert set(claim["rule_ids"]) <= set(RULES)
        assert set(claim["subjects"]) <= set(NAMES)
        assert f"n = {claim['n']}" in claim["statement"]
        assert claim["metric"] in claim["statement"]
        assert ("did not reproduce" in claim["statement"]) == (claim["agrees"] == "no")
        assert ("undecided" in claim["statement"]) == (claim["agrees"] == "undecided")


def test_the_interval_is_that_of_the_t_test(common: ModuleType) -> None:
    values = [0.3, -0.1, 0.8, 0.4, 0.2]
    reference = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert common.t_interval(values) == pytest.approx((reference.low, reference.high))


def test_a_verdict_needs_the_whole_interval_on_one_side(common: ModuleType) -> None:
    assert common.verdict((0.1, 0.5), above=0) == "yes"
    assert common.verdict((-0.5, -0.1), above=0) == "no"
    assert common.verdict((-0.1, 0.5), above=0) == "undecided"
    assert common.verdict((-0.4, 0.4), above=-1, below=1) == "yes"
    assert common.verdict((1.2, 1.4), above=-1, below=1) == "no"
    assert common.verdict((0.5, 1.4), above=-1, below=1) == "undecided"


def test_arms_of_a_block_start_alike_and_see_the_same_order(common: ModuleType) -> None:
    parts = common.split(common.digits(), 0, train=60, validation=60, test=200)
    recipe = common.Recipe(2, batch_size=16)
    first, second = (common.train(lambda: common.perceptron(parts.train, 8), parts, recipe, 3) for _ in range(2))
    other = common.train(lambda: common.perceptron(parts.train, 8), parts, recipe, 4)
    assert torch.equal(first.logits(parts.test), second.logits(parts.test))
    assert not torch.equal(first.logits(parts.test), other.logits(parts.test))


def test_the_parts_of_a_split_share_no_example(common: ModuleType) -> None:
    data = common.digits()
    numbered = common.Data(torch.arange(len(data)), data.targets)
    parts = common.split(numbered, 1, train=500, validation=300, test=900)
    places = torch.cat([parts.train.inputs, parts.validation.inputs, parts.test.inputs])
    assert len(places) == len(places.unique()) == 1700
