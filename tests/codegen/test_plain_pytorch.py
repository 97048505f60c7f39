"""The generated code runs, does what its recipe says, and depends on torch alone where all can be written out."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from advisor.codegen import pytorch
from advisor.codegen.plain_pytorch import WRITTEN
from advisor.errors import AdvisorError
from advisor.recipe import recommend
from advisor.recipe.model import Recipe, Step, Task
from advisor.techniques import TECHNIQUES

torch = pytest.importorskip("torch")

PLAIN_IMPORTS = {"torch", "copy", "collections"}
IMAGE = Task(modality="image", train_size=5000, classes=3, model="cnn", flip_safe=True)
RECIPES = {
    "images": recommend(IMAGE),
    "tiny_images": recommend(Task(modality="image", train_size=90, classes=3, flip_safe=False)),
    "table": recommend(Task(modality="table", train_size=300, classes=3)),
    "regression": recommend(Task(modality="table", train_size=5000, goal="rmse")),
    "text": recommend(Task(modality="text", train_size=5000, classes=3, regime="fine_tuning")),
    "in_use": recommend(Task(modality="table", train_size=300, classes=3, already_used={"mixup": {"alpha": 0.3}})),
    "nothing": Recipe(task=IMAGE, steps=()),
    "by_session": recommend(Task(modality="table", train_size=300, classes=3, goal="nll", imbalance=20)),
    "regression_by_session": recommend(
        Task(modality="table", train_size=300, goal="rmse", already_used={"max_norm": {"limit": 3.0}})
    ),
}


def by_session(name: str) -> bool:
    return "regularize(" in pytorch(RECIPES[name])


def module(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(code, "generated", "exec"), names)  # our own generated code, which is what is under test
    return names


def alone(name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    step = Step(technique=name, parameters=parameters, reason="", rule_ids=())
    return module(pytorch(Recipe(task=IMAGE, steps=(step,))))


def loader(regression: bool, image: bool, seed: int) -> list[tuple[Any, Any]]:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn((24, 1, 6, 6) if image else (24, 5), generator=generator)
    targets = torch.randn(24, generator=generator) if regression else torch.arange(24) % 3
    return list(zip(inputs.split(8), targets.split(8), strict=True))


def network(regression: bool, image: bool) -> Any:
    from torch import nn

    torch.manual_seed(0)
    head = [nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1 if regression else 3)]
    if image:
        return nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), *head
        )
    return nn.Sequential(nn.Linear(5, 8), nn.LayerNorm(8), nn.ReLU(), *head)


@pytest.mark.parametrize("name", RECIPES)
def test_the_code_of_a_recipe_trains_a_small_model(name: str) -> None:
    recipe = RECIPES[name]
    names = module(pytorch(recipe))
    regression, image = "regression" in name, recipe.task.modality == "image"
    model = network(regression, image)
    extra: dict[str, Any] = {} if regression else {"classes": 3}
    if "build" in inspect.signature(names["train"]).parameters:
        extra["build"] = lambda: network(regression, image)
    trained = names["train"](model, loader(regression, image, 1), loader(regression, image, 2), epochs=3, **extra)
    history = trained.run.history if by_session(name) else trained
    assert [row["epoch"] for row in history] == [0, 1, 2]
    assert all(torch.isfinite(torch.tensor(list(row.values()))).all() for row in history)
    # Nothing acts in evaluation mode: the model is a plain function again.
    if not by_session(name):
        assert not any(part._forward_pre_hooks for part in model.modules())
    wanted = {*(step.technique for step in recipe.steps), *recipe.task.already_used}
    assert set(names["TECHNIQUES"]) == wanted


@pytest.mark.parametrize("name", RECIPES)
def test_the_code_depends_on_torch_alone_where_it_can_and_keeps_to_120_columns(name: str) -> None:
    code = pytorch(RECIPES[name])
    imported = {
        item.name.split(".")[0]
        for node in ast.walk(ast.parse(code))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for item in (node.names if isinstance(node, ast.Import) else [ast.alias(node.module or "")])
    }
    assert imported <= ({"torch", "collections", "typing", "advisor"} if by_session(name) else PLAIN_IMPORTS)
    assert max(len(line) for line in code.splitlines()) <= 120
    assert "{{" not in code
    assert "{%" not in code


def test_ruff_has_nothing_to_say_about_the_code(tmp_path: Path) -> None:
    pytest.importorskip("ruff")
    for name, recipe in RECIPES.items():
        (tmp_path / f"{name}.py").write_text(pytorch(recipe), encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E,F,B,I", "--line-length", "120"]
    done = subprocess.run([*command, "--no-cache", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_what_is_written_out_is_known_and_the_rest_goes_through_a_session() -> None:
    assert set(WRITTEN) <= set(TECHNIQUES)
    assert {name: by_session(name) for name in ("table", "regression", "by_session", "regression_by_session")} == {
        "table": False, "regression": False, "by_session": True, "regression_by_session": True,
    }  # fmt: skip
    assert all(keys <= set(TECHNIQUES[name].parameter_fields()) for name, keys in WRITTEN.items())


def test_the_same_parameters_decay_as_in_the_technique() -> None:
    from advisor.techniques.weight_decay import split_parameters

    model = network(regression=False, image=True)
    groups = alone("weight_decay", {"strength": 0.07})["parameter_groups"](model)
    named = {id(parameter): name for name, parameter in model.named_parameters()}
    decayed, rest = split_parameters(model)
    assert [named[id(p)] for p in groups[0]["params"]] == decayed
    assert [named[id(p)] for p in groups[1]["params"]] == rest
    assert [group["weight_decay"] for group in groups] == [0.07, 0.0]


def test_dropout_goes_to_the_same_places_as_in_the_technique() -> None:
    from advisor.techniques.dropout import find_places

    for image in (True, False):
        model = network(regression=False, image=image)
        alone("dropout", {"probability": 0.5})["insert_dropout"](model)
        hooked = [part for part in model.modules() if part._forward_pre_hooks]
        assert hooked == find_places(model)


def test_shifted_images_are_the_technique_s_for_the_same_offsets() -> None:
    from advisor.techniques.basic_augmentation import shift_images

    images = torch.rand(16, 2, 5, 7)
    augment = alone("basic_augmentation", {"shift": 2, "flip": False})["augment"]
    torch.manual_seed(3)
    shifted = augment(images)
    torch.manual_seed(3)
    top, left = torch.randint(0, 5, (2, 16))
    assert torch.equal(shifted, shift_images(images, 2 - top, 2 - left, 2))


def test_early_stopping_brings_the_best_weights_back() -> None:
    names = alone("early_stopping", {"patience_epochs": 0})
    # Wrong labels in validation: it can only get worse, so the first epoch is the best.
    train = loader(False, False, 1)
    wrong = [(inputs, (labels + 1) % 3) for inputs, labels in train]
    model = network(False, False)
    history = names["train"](model, train, wrong, classes=3, epochs=20, learning_rate=0.05)
    best = min(row["validation_loss"] for row in history)
    assert len(history) < 20
    assert names["evaluate"](model, wrong, "cpu")[0] == pytest.approx(best)
    assert history[-1]["validation_loss"] > best


def test_only_validated_values_reach_the_code() -> None:
    evil = Step(technique="dropout", parameters={"probability": "__import__('os')"}, reason="", rule_ids=())
    with pytest.raises(AdvisorError, match="probability"):
        pytorch(Recipe(task=IMAGE, steps=(evil,)))
    unknown = Step(technique="cutmixx", parameters={}, reason="", rule_ids=())
    with pytest.raises(AdvisorError, match="Unknown technique 'cutmixx'"):
        pytorch(Recipe(task=IMAGE, steps=(unknown,)))
