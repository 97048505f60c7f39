"""Models of torchvision and timm by name: their outputs, channels, sizes, stems, and what is refused."""

import sys
from typing import Any

import pytest
import torch
from torch import nn

from advisor.data.facts import InputFacts
from advisor.errors import AdvisorError
from advisor.models.build import build_named, identity
from advisor.models.library import first_convolution
from advisor.models.spec import ModelSpec
from advisor.models.task import ModelTask

IMAGE = InputFacts("image")


def make(name: str, shape: tuple[int, ...] = (3, 32, 32), outputs: int = 5, **arguments: Any) -> nn.Module:
    pytest.importorskip(name.partition(":")[0])
    torch.manual_seed(0)
    return build_named(name, arguments, ModelTask(shape, outputs, "class", IMAGE))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("torchvision:resnet18", (3, 32, 32)),
        ("torchvision:mobilenet_v3_small", (1, 32, 32)),
        ("torchvision:squeezenet1_0", (4, 48, 48)),
        ("torchvision:vit_b_32", (3, 64, 64)),
        ("timm:resnet10t", (1, 32, 32)),
        ("timm:vit_tiny_patch16_224", (3, 32, 48)),
        ("timm:convnext_atto", (4, 32, 32)),
    ],
)
def test_a_librarys_model_gives_one_number_for_each_class_whatever_the_channels(
    name: str, shape: tuple[int, ...]
) -> None:
    model = make(name, shape)
    assert model.training
    answer = model.eval()(torch.rand(2, *shape))
    assert answer.shape == (2, 5)
    assert answer.isfinite().all()


@pytest.mark.parametrize("name", ["torchvision:resnet18", "timm:resnet10t"])
def test_it_is_initialised_from_torchs_global_state_and_a_fresh_first_layer_spreads_as_the_old(name: str) -> None:
    gray, again, colour = make(name, (1, 32, 32)), make(name, (1, 32, 32)), make(name)
    for one, other in zip(gray.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    first, usual = first_convolution(gray)[1], first_convolution(colour)[1]
    assert first is not None
    assert usual is not None
    assert first.in_channels == 1
    if name.startswith("torchvision"):
        assert float(first.weight.detach().std() / usual.weight.detach().std()) == pytest.approx(3**0.5, rel=0.1)


def test_models_with_auxiliary_heads_answer_with_one_tensor_in_training_too() -> None:
    assert make("torchvision:googlenet")(torch.rand(2, 3, 32, 32)).shape == (2, 5)


@pytest.mark.parametrize("name", ["torchvision:resnet18", "timm:resnet18", "torchvision:mobilenet_v3_small"])
def test_a_small_stem_keeps_the_size_of_small_images(name: str) -> None:
    sizes = {}
    for stem in ("library", "small"):
        model = make(name, (1, 32, 32), stem=stem).eval()
        seen: list[torch.Size] = []
        convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
        for module in convolutions[:2]:
            module.register_forward_hook(lambda _module, _inputs, output, seen=seen: seen.append(output.shape[-1]))
        model(torch.rand(1, 1, 32, 32))
        sizes[stem] = seen
    assert sizes["small"][0] == 32
    assert sizes["library"][0] == 16
    assert sizes["small"][1] >= 2 * sizes["library"][1]


@pytest.mark.parametrize(
    ("name", "shape", "arguments", "words"),
    [
        (
            "torchvision:resnet81",
            (3, 32, 32),
            {},
            "Unknown torchvision model 'resnet81'; of .* known, nearest first: resnet",
        ),
        (
            "timm:convnext_nano_",
            (3, 32, 32),
            {},
            r"Unknown timm model 'convnext_nano_'; of .* nearest first: convnext_nano, .*, \.\.\.",
        ),
        ("timm:resnet18", (3, 32, 32), {"widht": 3}, r"'timm:resnet18' cannot be built with widht=3: .*widht"),
        ("torchvision:resnet18", (3, 32, 32), {"widht": 3}, "cannot be built with widht=3: .*widht"),
        ("torchvision:alexnet", (3, 16, 16), {}, "cannot take images of 3x16x16: .* Resize the images"),
        ("torchvision:vit_b_16", (3, 30, 30), {}, "'torchvision:vit_b_16' cannot be built with image_size=30"),
        (
            "timm:vit_tiny_patch16_224",
            (3, 32, 32),
            {"stem": "small"},
            "does not start with a convolution that could be",
        ),
        ("torchvision:resnet18", (10,), {}, "needs images of shape"),
    ],
)
def test_what_a_library_cannot_do_is_said_in_one_message(
    name: str, shape: tuple[int, ...], arguments: dict[str, Any], words: str
) -> None:
    pytest.importorskip(name.partition(":")[0])
    with pytest.raises(AdvisorError, match=words) as caught:
        build_named(name, arguments, ModelTask(shape, 5))
    assert caught.value.exit_status == 2
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_a_missing_library_names_the_command_that_installs_it(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(AdvisorError, match=f"needs {library}.*pip install {library}"):
        build_named(f"{library}:resnet18", {}, ModelTask((3, 32, 32), 5, "class", IMAGE))


def test_tokens_and_tables_are_no_images() -> None:
    for facts, kind in ((InputFacts("text", vocabulary=9), "class"), (IMAGE, "token")):
        with pytest.raises(AdvisorError, match="timm:resnet18"):
            build_named("timm:resnet18", {}, ModelTask((3, 32, 32), 5, kind, facts))


def test_the_librarys_version_is_part_of_a_models_identity() -> None:
    timm = pytest.importorskip("timm")
    assert identity(ModelSpec(name="timm:resnet18"), None) == {"timm": timm.__version__}
    assert identity(ModelSpec(name="mlp"), None) == {}
