"""The spec: what it accepts, what it refuses and with which words."""

import json
from pathlib import Path
from typing import Any

import pytest

from advisor.errors import AdvisorError
from advisor.experiments.files import read_spec
from advisor.experiments.spec import Spec, parse_spec

GOOD: dict[str, Any] = {
    "data": {"builtin": "wine"},
    "model": {"name": "mlp"},
    "baseline": {"lr": 0.01, "epochs": 2, "techniques": {"weight_decay": {"strength": 0.01}}},
    "arms": {"mixup": {"techniques": {"mixup": {"alpha": 0.2}}}, "slower": {"lr": 0.003}},
}


def test_a_spec_survives_json_and_keeps_its_id() -> None:
    spec = parse_spec(GOOD)
    again = Spec.model_validate_json(spec.model_dump_json())
    assert again == spec
    assert again.id == spec.id
    assert parse_spec({**GOOD, "metric": "nll"}).id != spec.id


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"builtin": "wine"}, "wine"),
        ({"entry": "loading:make"}, "loading:make"),
        ({"table": "churn.csv", "target": "left"}, "churn.csv"),
        ({"folder": "flowers"}, "flowers"),
        ({"torchvision": "MNIST", "root": "sets"}, "MNIST"),
        ({"arrays": ("x.npy", "y.npy")}, "x.npy and y.npy"),
    ],
)
def test_the_title_names_the_data_whatever_its_source(data: dict[str, Any], named: str) -> None:
    spec = parse_spec({**GOOD, "data": data})
    assert spec.title == f"mixup, slower against the baseline: mlp on {named}"


def test_arms_are_overlays_and_null_takes_a_technique_out() -> None:
    spec = parse_spec({**GOOD, "arms": {**GOOD["arms"], "bare": {"techniques": {"weight_decay": None}}}})
    assert spec.arm("slower").lr == 0.003
    assert set(spec.arm("mixup").techniques) == {"weight_decay", "mixup"}
    assert spec.arm("bare").techniques == {}
    assert spec.arm("baseline") == spec.baseline


def test_the_order_of_techniques_in_the_text_changes_nothing() -> None:
    pair = {"mixup": {"alpha": 0.2}, "dropout": {"probability": 0.1}}
    swapped = dict(reversed(pair.items()))
    specs = [parse_spec({**GOOD, "arms": {"both": {"techniques": order}}}) for order in (pair, swapped)]
    assert specs[0].arm("both") == specs[1].arm("both")
    assert list(specs[0].arm("both").techniques) == list(specs[1].arm("both").techniques)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"colour": 1, "data": {"builtin": "wine"}}, ["unknown key 'colour'"]),
        ({"data": {"builtin": "digit"}}, ["'digit'", "nearest first: digits"]),
        ({"data": {"builtin": "wine", "entry": "a:b"}}, ["exactly one"]),
        ({"data": {"entry": "no colon"}}, ["'no colon'", "module:function"]),
        ({"model": {"name": "resnet18"}}, ["'resnet18'", "nearest first: resnet"]),
        ({"metric": "acuracy"}, ["'acuracy'", "nearest first: accuracy"]),
        ({"arms": {"a": {"techniques": {"mixpu": {}}}}}, ["'mixpu'", "nearest first: mixup"]),
        ({"arms": {"a": {"techniques": {"dropout": {"probability": 1.5}}}}}, ["dropout", "probability", "1.5"]),
        ({"arms": {"a": {"techniques": {"dropout": {"probability": float("nan")}}}}}, ["dropout", "nan"]),
        ({"arms": {"a": {"techniques": {"mixup": {"beta": 1}}}}}, ["mixup", "unknown key 'beta'"]),
        ({"arms": {"a": {"lr": -1}}}, ["lr", "-1"]),
        ({"arms": {"a": {"learning_rate": 1}}}, ["unknown key 'learning_rate'"]),
        ({"arms": {}}, ["arms is empty"]),
        ({"arms": {"same": {}}}, ["'same'", "equals the baseline", "aa: true"]),
        ({"arms": {"baseline": {"lr": 0.1}}}, ["'baseline'"]),
        ({"arms": {"a/../b": {"lr": 0.1}}}, ["a/../b"]),
        ({"budget": "soon"}, ["'soon'", "90s"]),
        ({"budget": "0s"}, ["'0s'"]),
        ({"design": {"max_blocks": 1}}, ["max_blocks", "1"]),
        ({"design": {"test_fraction": 0.6, "validation_fraction": 0.5}}, ["0.6", "0.5", "training"]),
        ({"kind": "sweep"}, ["kind", "sweep"]),
    ],
)
def test_a_wrong_spec_says_what_and_offers_what_is_known(change: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(AdvisorError) as caught:
        parse_spec({**GOOD, **change})
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert caught.value.exit_status == 2


def test_conflicting_techniques_are_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    from advisor.techniques import TECHNIQUES

    monkeypatch.setattr(TECHNIQUES["mixup"], "conflicts", {"dropout": "they fight in this test"})
    both = {"a": {"techniques": {"mixup": {"alpha": 0.2}, "dropout": {"probability": 0.1}}}}
    with pytest.raises(AdvisorError, match="conflict: they fight in this test"):
        parse_spec({**GOOD, "arms": both})


@pytest.mark.parametrize("name", ["spec.yaml", "spec.json"])
def test_yaml_and_json_files_read_the_same(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(json.dumps(GOOD))
    assert read_spec(tmp_path / name) == parse_spec(GOOD)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"data: {builtin: [", "neither YAML nor JSON"),
        (b"\x00\xff\xfe", "not text in UTF-8"),
        (b"- a\n- b\n", "must be a mapping"),
        (b"", "must be a mapping"),
        (b"a: &x [1]\nb: [*x, *x]\n", "aliases"),
        (b"a: !!python/object/apply:os.system [ls]\n", "neither YAML nor JSON"),
    ],
)
def test_a_file_that_is_no_spec_gets_a_clear_error(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes(content)
    with pytest.raises(AdvisorError, match=words):
        read_spec(path)


def test_a_missing_spec_names_its_path(tmp_path: Path) -> None:
    with pytest.raises(AdvisorError, match=r"gone\.yaml"):
        read_spec(tmp_path / "gone.yaml")
