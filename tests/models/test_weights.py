"""Pretrained weights from a file: what fits is loaded to the bit, and what does not is said."""

import pathlib
import pickle
from typing import Any

import pytest
import torch
from torch import nn

from advisor.data.facts import InputFacts
from advisor.errors import AdvisorError
from advisor.models.build import build, identity
from advisor.models.spec import ModelSpec

IMAGE = InputFacts("image")


def make(
    folder: pathlib.Path | None,
    weights: str | None = None,
    outputs: int = 3,
    shape: tuple[int, ...] = (1, 8, 8),
    notes: list[str] | None = None,
    name: str = "resnet",
    **arguments: Any,
) -> nn.Module:
    if ":" in name:
        pytest.importorskip(name.partition(":")[0])
    torch.manual_seed(7 if weights else 0)
    spec = ModelSpec(name=name, arguments=arguments or {"width": 4}, weights=weights)
    return build(spec, shape, outputs, "class", folder, facts=IMAGE, notes=notes)


def saved(folder: pathlib.Path, value: Any, name: str = "net.pt") -> str:
    torch.save(value, folder / name)
    return name


def assert_same(first: nn.Module, second: nn.Module, without: str = "\n") -> None:
    for name, tensor in first.state_dict().items():
        if not name.startswith(without):
            assert torch.equal(tensor, second.state_dict()[name]), name


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3, "optimizer": {"lr": 0.1}},
        lambda state: {"model": {f"module.{name}": tensor for name, tensor in state.items()}},
        lambda state: {f"_orig_mod.module.{name}": tensor for name, tensor in state.items()},
    ],
)
def test_a_state_is_loaded_to_the_bit_also_from_a_checkpoint_or_a_wrapped_model(
    tmp_path: pathlib.Path, wrap: Any
) -> None:
    source, notes = make(None), list[str]()
    assert_same(make(tmp_path, saved(tmp_path, wrap(source.state_dict())), notes=notes), source)
    assert notes == []


def test_safetensors_are_read_too(tmp_path: pathlib.Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    source = make(None)
    safetensors.save_file(source.state_dict(), tmp_path / "net.safetensors")
    assert_same(make(tmp_path, "net.safetensors"), source)


@pytest.mark.parametrize("name", ["resnet", "torchvision:resnet18", "timm:vit_tiny_patch16_224"])
def test_a_head_for_other_outputs_stays_as_initialised_and_a_note_says_so(tmp_path: pathlib.Path, name: str) -> None:
    arguments = (
        {"width": 4} if name == "resnet" else {"depth": 1} if name.startswith("timm") else {"width_per_group": 64}
    )
    shape = (1, 8, 8) if name == "resnet" else (3, 32, 32)
    source = make(None, outputs=10, shape=shape, name=name, **arguments)
    notes: list[str] = []
    model = make(tmp_path, saved(tmp_path, source.state_dict()), shape=shape, name=name, notes=notes, **arguments)
    head = {"resnet": "8.", "torchvision:resnet18": "fc.", "timm:vit_tiny_patch16_224": "head."}[name]
    assert_same(model, source, without=head)
    assert model(torch.rand(2, *shape)).shape == (2, 3)
    (note,) = notes
    assert note == (
        f"the head in net.pt is for 10 outputs: {head}weight, {head}bias for 3 outputs are left as initialised"
    )


def test_a_file_without_a_head_is_taken_with_a_note(tmp_path: pathlib.Path) -> None:
    state = {name: tensor for name, tensor in make(None).state_dict().items() if not name.startswith("8.")}
    notes: list[str] = []
    make(tmp_path, saved(tmp_path, state), notes=notes)
    assert "the head in net.pt is missing" in notes[0]


def test_other_channels_get_the_mean_of_the_old_ones_so_that_gray_images_answer_as_in_colour(
    tmp_path: pathlib.Path,
) -> None:
    source, notes = make(None, shape=(3, 8, 8)).eval(), list[str]()
    model = make(tmp_path, saved(tmp_path, source.state_dict()), notes=notes).eval()
    gray = torch.rand(2, 1, 8, 8)
    torch.testing.assert_close(model(gray), source(gray.expand(2, 3, 8, 8)))
    assert notes == ["0.weight was for 3 channels: each of the 1 now gets their mean, scaled to the same sum"]


def test_what_does_not_fit_is_listed_by_name_and_shape(tmp_path: pathlib.Path) -> None:
    state = make(None).state_dict()
    state["extra.weight"] = torch.zeros(2)
    del state["0.weight"]
    state["3.0.conv1.weight"] = torch.zeros(4, 4, 5, 5)
    with pytest.raises(AdvisorError) as caught:
        make(tmp_path, saved(tmp_path, state))
    for words in (
        "do not fit the model 'resnet'",
        "1 missing (0.weight)",
        "1 unexpected (extra.weight)",
        "1 other shapes (3.0.conv1.weight is (4, 4, 5, 5) in the file and (4, 4, 3, 3) in the model)",
        "Name the model and the arguments that the file was saved from.",
    ):
        assert words in str(caught.value)


def test_weights_of_another_model_are_refused_in_a_short_message(tmp_path: pathlib.Path) -> None:
    with pytest.raises(AdvisorError, match=r"missing \(.* and \d+ more\)") as caught:
        make(tmp_path, saved(tmp_path, make(None, name="mlp").state_dict()))
    assert len(str(caught.value)) < 800


class Dangerous:
    """Would run a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (pathlib.Path.touch, (pathlib.Path("ran"),))


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda path: torch.save(nn.Linear(2, 2), path), "holds more than tensors, and objects are never unpickled"),
        (lambda path: torch.save(Dangerous(), path), "never unpickled"),
        (lambda path: path.write_bytes(pickle.dumps(Dangerous())), "never unpickled"),
        (lambda path: path.write_bytes(b"not weights at all"), "cannot be read as weights|never unpickled"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: torch.save([1, 2], path), "holds a list instead of named tensors"),
        (lambda path: torch.save({}, path), "instead of named tensors"),
        (
            lambda path: torch.save({"a": torch.zeros(1), "epoch": 3}, path),
            "holds int under 'epoch', which is no tensor",
        ),
        (lambda path: path.mkdir(), "is not a file"),
    ],
)
def test_a_file_that_holds_no_weights_is_refused_and_nothing_in_it_runs(
    tmp_path: pathlib.Path, write: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "net.pt")
    with pytest.raises(AdvisorError, match=words):
        make(tmp_path, "net.pt")
    assert not (tmp_path / "ran").exists()


def test_a_damaged_safetensors_file_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "net.safetensors").write_bytes(b"\x10" * 40)
    with pytest.raises(AdvisorError, match="cannot be read as safetensors"):
        make(tmp_path, "net.safetensors")


def test_a_relative_path_stays_in_the_workspace_and_a_missing_file_offers_its_neighbours(
    tmp_path: pathlib.Path,
) -> None:
    (tmp_path / "inside").mkdir()
    saved(tmp_path, make(None).state_dict(), "outside.pt")
    saved(tmp_path / "inside", make(None).state_dict(), "net.pt")
    with pytest.raises(AdvisorError, match="leads out of the workspace"):
        make(tmp_path / "inside", "../outside.pt")
    with pytest.raises(AdvisorError, match=r"nearest first: net\.pt"):
        make(tmp_path / "inside", "nett.pt")
    assert ModelSpec(name="mlp", weights="a/b.pt").paths() == (pathlib.PurePath("a/b.pt"),)


def test_the_content_of_the_weights_is_part_of_a_models_identity(tmp_path: pathlib.Path) -> None:
    spec = ModelSpec(name="mlp", weights="net.pt")
    (tmp_path / "net.pt").write_bytes(b"one")
    first = identity(spec, tmp_path)
    (tmp_path / "net.pt").write_bytes(b"two")
    assert first != identity(spec, tmp_path)
    assert set(first) == {"weights"}
    assert len(first["weights"]) == 64


def test_weights_also_go_into_the_users_own_model(tmp_path: pathlib.Path) -> None:
    (tmp_path / "own_nets.py").write_text("from torch import nn\ndef make(classes): return nn.Linear(4, classes)\n")
    source = nn.Linear(4, 3)
    model = build(
        ModelSpec(entry="own_nets:make", weights=saved(tmp_path, source.state_dict())), (4,), 3, "class", tmp_path
    )
    assert_same(model, source)
