"""The contract that every technique keeps, checked for each one in the registry."""

import json
import pathlib
import subprocess
import sys
from typing import Any

import pytest

import advisor.techniques
from advisor.errors import AdvisorError
from advisor.experiments.evidence import RunResult
from advisor.techniques import TECHNIQUES, build_techniques
from advisor.techniques.core import Card, check_conflicts
from advisor.training.engine import train
from tests.techniques.networks import NEEDS, QUICK
from tests.training.run_plans import make_plan

WORKSPACE = pathlib.Path(__file__).parent / "workspace"
MODELS = {"mlp": {"name": "mlp", "arguments": {"width": 16}}, "residual": {"entry": "nets:build_residual"}}
DIGITS = {"builtin": "digits", "train_size": 65}  # not the same number of each class
# Settings under which four short epochs show something, and what a technique needs beside it.
VISIBLE: dict[str, dict[str, Any]] = {
    **QUICK,
    "max_norm": {"limit": 0.5},
    "early_stopping": {"patience_epochs": 0, "min_delta": 10.0},
}
BESIDE: dict[str, dict[str, Any]] = {"mc_dropout": {"dropout": {}}}
NULLS = {name: kind.null for name, kind in TECHNIQUES.items() if kind.null is not None}


def test_the_folder_holds_exactly_the_registered_techniques():
    folder = pathlib.Path(advisor.techniques.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert files == set(TECHNIQUES)


def test_hooks_run_in_the_order_of_the_registry_whatever_the_order_of_the_spec() -> None:
    names = ["basic_augmentation", "mixup", "label_smoothing", "dropout", "weight_decay", "early_stopping"]
    forwards = build_techniques({name: {} for name in names})
    backwards = build_techniques({name: {} for name in reversed(names)})
    assert [technique.name for technique in forwards] == names
    assert backwards == forwards


@pytest.mark.parametrize("name", TECHNIQUES)
def test_defaults_are_valid_and_survive_json(name):
    technique = TECHNIQUES[name]()
    again = TECHNIQUES[name].model_validate(json.loads(technique.model_dump_json()))
    assert again == technique
    assert again.id == technique.id
    assert technique.schema_version == 1
    assert len({kind().id for kind in TECHNIQUES.values()}) == len(TECHNIQUES)


@pytest.mark.parametrize("name", TECHNIQUES)
def test_every_parameter_is_described_and_its_default_lies_in_the_usual_range(name):
    for field_name, field in TECHNIQUES[name].parameter_fields().items():
        assert field.description, field_name
        extra = field.json_schema_extra or {}
        if "usual" in extra:
            low, high = extra["usual"]
            assert low <= field.default <= high, field_name


@pytest.mark.parametrize("name", TECHNIQUES)
def test_every_sentence_of_the_card_is_written(name):
    card = TECHNIQUES[name].card
    assert isinstance(card, Card)
    assert all(
        getattr(card, part) for part in ("title", "mechanism", "when", "avoid", "cost", "interactions", "source")
    )
    assert card.effect is None or card.effect.low <= card.effect.high


@pytest.mark.parametrize("name", TECHNIQUES)
def test_conflicts_name_other_known_techniques_on_both_sides(name):
    for other, why in TECHNIQUES[name].conflicts.items():
        assert other != name
        assert why
        assert name in TECHNIQUES[other].conflicts


@pytest.mark.parametrize("name", TECHNIQUES)
def test_a_parameter_that_does_not_exist_is_refused(name):
    with pytest.raises(AdvisorError, match="unknown key 'no_such_field'"):
        build_techniques({name: {"no_such_field": 1}})


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("mixup", {"alpha": -0.1}),
        ("label_smoothing", {"epsilon": 1.0}),
        ("dropout", {"probability": float("nan")}),
        ("weight_decay", {"strength": -1}),
        ("basic_augmentation", {"shift": -1}),
        ("early_stopping", {"patience_epochs": -1}),
    ],
)
def test_a_strength_out_of_bounds_is_refused_with_its_value(name, parameters):
    key, value = next(iter(parameters.items()))
    with pytest.raises(AdvisorError, match=f"technique '{name}'.*{key}.*{value}"):
        build_techniques({name: parameters})


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", NULLS)
def test_null_strength_goes_through_the_hooks_and_gives_the_baseline_bit_for_bit(name: str, model: str) -> None:
    if name in NEEDS.get(model, ()):
        pytest.skip("it refuses this network")
    plan = {"model": MODELS[model], "data": DIGITS}
    null = train(make_plan({name: NULLS[name]}, **plan), workspace=WORKSPACE)
    assert null == train(make_plan(**plan), workspace=WORKSPACE)


@pytest.mark.parametrize("name", [name for name in NULLS if "table" in TECHNIQUES[name].card.modalities])
def test_null_strength_changes_nothing_on_a_table(name: str) -> None:
    if name in NEEDS.get("mlp", ()):
        pytest.skip("it refuses this network")
    wine = {"data": {"builtin": "wine"}}  # standardized inputs, negative ones among them
    assert train(make_plan({name: NULLS[name]}, **wine)) == train(make_plan(**wine))


@pytest.mark.parametrize("name", TECHNIQUES)
def test_a_visible_strength_changes_the_outcome_and_the_same_seed_repeats_it(name: str) -> None:
    arm = {"model": MODELS["residual"], "workspace": WORKSPACE}
    baseline, first, again, other_seed = (
        _outcome(arm, techniques, seed)
        for techniques, seed in (
            (BESIDE.get(name, {}), 7),
            ({**BESIDE.get(name, {}), name: VISIBLE.get(name, {})}, 7),
            ({**BESIDE.get(name, {}), name: VISIBLE.get(name, {})}, 7),
            ({**BESIDE.get(name, {}), name: VISIBLE.get(name, {})}, 8),
        )
    )
    assert again == first
    assert first.outcome_digest not in (baseline.outcome_digest, other_seed.outcome_digest)


def _outcome(arm: dict[str, Any], techniques: dict[str, Any], seed: int) -> RunResult:
    plan = make_plan(techniques, model=arm["model"], data=DIGITS, block_seed=seed, epochs=4)
    return train(plan, workspace=arm["workspace"])


def test_a_legal_set_of_many_techniques_trains_together() -> None:
    chosen: list[str] = []
    for name in TECHNIQUES:
        if not check_conflicts([*chosen, name]):
            chosen.append(name)
    assert len(chosen) > len(TECHNIQUES) // 2
    settings = {name: VISIBLE.get(name, {}) for name in chosen}
    result = train(make_plan(settings, model=MODELS["residual"], data=DIGITS), workspace=WORKSPACE)
    assert result.epochs_run == 2


@pytest.mark.parametrize("name", NULLS)
def test_a_null_beside_another_technique_changes_nothing_either(name: str) -> None:
    other = "label_smoothing" if name != "label_smoothing" else "weight_decay"
    plan = {"model": MODELS["residual"], "data": DIGITS}
    alone = train(make_plan({other: {}}, **plan), workspace=WORKSPACE)
    assert alone != train(make_plan(**plan), workspace=WORKSPACE)
    assert train(make_plan({other: {}, name: NULLS[name]}, **plan), workspace=WORKSPACE) == alone


def test_importing_the_techniques_loads_no_heavy_library():
    heavy = ("torch", "scipy", "sklearn", "pandas", "matplotlib")
    modules = "advisor.techniques, advisor.data, advisor.models, advisor.training.engine"
    code = f"import sys, {modules}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
