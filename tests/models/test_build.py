"""Building named models and the user's own, and what is said where that fails."""

import pathlib

import pytest
import torch
from pydantic import ValidationError

from advisor.errors import AdvisorError
from advisor.experiments.spec import BUILTIN_MODELS, ModelSpec
from advisor.models import MODELS
from advisor.models.build import build, build_named, check_output
from advisor.models.task import ModelTask


def build_source(folder: pathlib.Path, source: str, **arguments: object) -> torch.nn.Module:
    (folder / "nets.py").write_text("from torch import nn\n" + source)
    return build(ModelSpec(entry="nets:make", arguments=arguments), (4,), 3, "class", folder)


def test_the_spec_knows_exactly_the_models_that_can_be_built():
    assert set(MODELS) == set(BUILTIN_MODELS)


@pytest.mark.parametrize(("name", "shape"), [("mlp", (13,)), ("mlp", (1, 8, 8)), ("small_cnn", (1, 8, 8))])
def test_a_named_model_gives_one_number_for_each_class(name, shape):
    model = build(ModelSpec(name=name, arguments={"width": 4}), shape, 3, "class", None)
    assert model(torch.zeros(2, *shape)).shape == (2, 3)


def test_real_targets_give_one_number_or_as_many_as_asked():
    assert build(ModelSpec(name="mlp"), (5,), None, "real", None)(torch.zeros(2, 5)).shape == (2, 1)
    assert build(ModelSpec(name="mlp"), (5,), None, "real", None, outputs=4)(torch.zeros(2, 5)).shape == (2, 4)


def test_width_and_depth_count_units_and_hidden_layers():
    model = build(ModelSpec(name="mlp", arguments={"width": 7, "depth": 3}), (5,), 2, "class", None)
    sizes = [tuple(layer.weight.shape) for layer in model.modules() if isinstance(layer, torch.nn.Linear)]
    assert sizes == [(7, 5), (7, 7), (7, 7), (2, 7)]


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("mlp", {"widht": 3}, "Unknown argument of model 'mlp' 'widht'; known, nearest first: width, depth"),
        ("mlp", {"depth": 0}, "depth: .*greater than or equal to 1 but got 0"),
        ("mlp", {"normalization": "weight"}, "normalization: .* but got 'weight'"),
        ("vit_tiny", {"width": 100, "heads": 3}, "width 100 is no multiple of heads 3"),
        ("text_cnn", {"kernels": [3, 99]}, "kernel sizes lie in 1 to 64 but are 3, 99"),
        ("resnet18", {}, "Unknown model 'resnet18'; known, nearest first: resnet"),
        ("torchvison:resnet18", {}, "nearest first: torchvision:NAME"),
        ("timm:", {}, "Unknown model 'timm:'"),
        ("timm:resnet18", {"pretrained": True}, "'pretrained' of model 'timm:resnet18' is not allowed.*model.weights"),
        ("torchvision:vgg11", {"weights": "DEFAULT"}, "'weights' of model 'torchvision:vgg11' is not allowed"),
        ("timm:resnet18", {"in_chans": 1}, "'in_chans' of model 'timm:resnet18' follows from the data"),
        ("timm:resnet18", {"stem": "huge"}, "stem: .* but got 'huge'"),
    ],
)
def test_a_wrong_name_or_argument_is_refused_by_the_spec_and_by_the_builder(name, arguments, message):
    with pytest.raises(ValidationError, match=message):
        ModelSpec(name=name, arguments=arguments)
    with pytest.raises(AdvisorError, match=message):
        build_named(name, arguments, ModelTask((3, 32, 32), 2))


def test_a_convolutional_network_refuses_tables():
    with pytest.raises(AdvisorError, match=r"one example has shape \(13,\); use 'mlp'"):
        build(ModelSpec(name="small_cnn"), (13,), 3, "class", None)


def test_the_users_function_gets_what_its_signature_accepts(tmp_path):
    plain = build_source(tmp_path, "def make(classes): return nn.Linear(4, classes)")
    assert plain(torch.zeros(2, 4)).shape == (2, 3)
    both = """
def make(input_shape, classes, width):
    return nn.Sequential(nn.Linear(*input_shape, width), nn.Linear(width, classes))
"""
    (tmp_path / "second").mkdir()
    assert build_source(tmp_path / "second", both, width=9)(torch.zeros(2, 4)).shape == (2, 3)


def test_the_users_function_learns_how_many_outputs_other_targets_need(tmp_path):
    (tmp_path / "nets.py").write_text("from torch import nn\ndef make(outputs): return nn.Linear(4, outputs)")
    model = build(ModelSpec(entry="nets:make"), (4,), None, "multilabel", tmp_path, outputs=5)
    assert model(torch.zeros(2, 4)).shape == (2, 5)


def test_a_function_that_returns_no_module_is_a_wrong_request(tmp_path):
    with pytest.raises(AdvisorError, match=r"returned a int; return a torch\.nn\.Module") as caught:
        build_source(tmp_path, "def make(): return 3")
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("forward", "status", "message"),
    [
        ("x[:, :2]", 2, r"returned shape \(2, 2\) for inputs of shape \(2, 4\), but the data needs \(2, 3\)"),
        ("(x, x)", 2, "returned a tuple instead of a tensor; return the logits alone"),
        ("x.nothing()", 1, r"raised AttributeError: .*\(.*nets\.py:3\)"),
    ],
)
def test_a_wrong_answer_of_the_model_is_explained(tmp_path, forward, status, message):
    source = f"class Net(nn.Module):\n    def forward(self, x): return {forward}\ndef make(): return Net()"
    model = build_source(tmp_path, source)
    with pytest.raises(AdvisorError, match=message) as caught:
        check_output(model, torch.zeros(2, 4), "class", 3, "the model 'nets:make'", tmp_path)
    assert caught.value.exit_status == status


@pytest.mark.parametrize(
    ("kind", "answer", "expected"),
    [
        ("multilabel", (2, 3), None),
        ("token", (2, 4, 3), None),
        ("token", (2, 3), r"\(2, 4, 3\)"),
        ("real", (2, 3), None),
        ("multilabel", (2, 4), r"\(2, 3\)"),
    ],
)
def test_the_shape_of_the_answer_follows_the_kind_of_targets(kind, answer, expected):
    class Net(torch.nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return torch.zeros(answer)

    if expected is None:
        check_output(Net(), torch.zeros(2, 4), kind, 3, "it", None)
        return
    with pytest.raises(AdvisorError, match=f"but the data needs {expected}; change the size of its last layer"):
        check_output(Net(), torch.zeros(2, 4), kind, 3, "it", None)
