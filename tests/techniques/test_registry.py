"""The contract that every technique keeps, checked for each one in the registry."""

import json
import pathlib
import subprocess
import sys

import pytest

import advisor.techniques
from advisor.errors import AdvisorError
from advisor.techniques import TECHNIQUES, build_techniques
from advisor.techniques.core import Card
from advisor.training.engine import train
from tests.training.run_plans import SMALL_CNN, make_plan

MODELS = {"mlp": {"name": "mlp", "arguments": {"width": 16}}, "small_cnn": SMALL_CNN}
NULLS = {name: kind.null for name, kind in TECHNIQUES.items() if kind.null is not None}


def test_the_folder_holds_exactly_the_registered_techniques():
    folder = pathlib.Path(advisor.techniques.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "base"}
    assert files == set(TECHNIQUES)


def test_hooks_run_in_the_order_of_the_registry_whatever_the_order_of_the_spec():
    forwards = build_techniques({name: {} for name in TECHNIQUES})
    backwards = build_techniques({name: {} for name in reversed(TECHNIQUES)})
    assert [technique.name for technique in forwards] == list(TECHNIQUES)
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
    with pytest.raises(AdvisorError, match="unknown key 'magnitude'"):
        build_techniques({name: {"magnitude": 1}})


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
def test_null_strength_goes_through_the_hooks_and_gives_the_baseline_bit_for_bit(name, model):
    if name == "basic_augmentation" or model == "small_cnn":
        data = {"builtin": "digits", "train_size": 60}
    else:
        data = {"builtin": "wine"}  # standardized inputs, negative ones among them
    baseline = train(make_plan(model=MODELS[model], data=data))
    null = train(make_plan({name: NULLS[name]}, model=MODELS[model], data=data))
    assert null == baseline


@pytest.mark.parametrize("name", [name for name in TECHNIQUES if name != "early_stopping"])
def test_default_strength_changes_the_weights_and_the_same_seed_repeats_them(name):
    baseline = train(make_plan(model=SMALL_CNN))
    first = train(make_plan({name: {}}, model=SMALL_CNN))
    again = train(make_plan({name: {}}, model=SMALL_CNN))
    other_seed = train(make_plan({name: {}}, model=SMALL_CNN, block_seed=8))
    assert again == first
    assert first.outcome_digest not in (baseline.outcome_digest, other_seed.outcome_digest)


def test_all_techniques_work_together():
    result = train(make_plan({name: {} for name in TECHNIQUES}, model=SMALL_CNN))
    assert result.epochs_run == 2


@pytest.mark.parametrize("name", NULLS)
def test_a_null_beside_another_technique_changes_nothing_either(name):
    other = {"mixup": {"alpha": 1.0}} if name != "mixup" else {"dropout": {}}
    assert train(make_plan(other | {name: NULLS[name]})) != train(make_plan())
    assert train(make_plan(other | {name: NULLS[name]})) == train(make_plan(other))


def test_importing_the_techniques_loads_no_heavy_library():
    heavy = ("torch", "scipy", "sklearn", "pandas", "matplotlib")
    modules = "advisor.techniques, advisor.data, advisor.models, advisor.training.engine"
    code = f"import sys, {modules}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
