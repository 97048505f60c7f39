"""Folders of images: layouts, resizing, broken files, links, and copies between splits."""

import pathlib

import numpy as np
import pytest
import torch
from PIL import Image

from advisor.data import inspect, load, split
from advisor.errors import AdvisorError
from advisor.experiments.spec import DataSpec, Design
from tests.data.real import DATASETS, needs_real_data


def draw(path: pathlib.Path, seed: int, size: tuple[int, int] = (40, 30), mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).convert(mode).save(path)


def make_folder(root: pathlib.Path, each: int = 10, splits: tuple[str, ...] = ("",), mode: str = "RGB") -> None:
    for part, name in enumerate(splits):
        for label, kind in enumerate(("cat", "dog")):
            for number in range(each):
                draw(root / name / kind / f"{number}.png", part * 1000 + label * 100 + number, mode=mode)


def test_each_folder_is_a_class_and_pixels_stay_bytes_until_they_are_used(tmp_path):
    make_folder(tmp_path / "pets")
    dataset = load(DataSpec(folder="pets", image_size=16), tmp_path)
    assert (tuple(dataset.inputs.shape), dataset.inputs.dtype) == ((20, 3, 16, 16), torch.uint8)
    assert (dataset.labels, dataset.given, dataset.names[0]) == (("cat", "dog"), None, "cat/0.png")
    splits = split(dataset, Design(), 0, None)
    prepared = dataset.prepared(splits.train)
    inputs, targets = prepared.part(splits.train, torch.float32)
    assert prepared.facts.kind == "image"
    torch.testing.assert_close(inputs, dataset.inputs[torch.from_numpy(splits.train)].float() / 255)
    assert targets.tolist() == dataset.targets[torch.from_numpy(splits.train)].tolist()


def test_folders_of_splits_are_given_splits(tmp_path):
    make_folder(tmp_path, splits=("Train", "val", "test"))
    dataset = load(DataSpec(folder=".", image_size=8), tmp_path)
    assert {name: len(index) for name, index in (dataset.given or {}).items()} == {
        "train": 20,
        "validation": 20,
        "test": 20,
    }
    assert all(dataset.names[index].startswith("val/") for index in (dataset.given or {})["validation"])


def test_grey_pictures_have_one_channel(tmp_path):
    make_folder(tmp_path, each=4, mode="L")
    assert load(DataSpec(folder=str(tmp_path), image_size=8), None).input_shape == (1, 8, 8)


def test_pictures_are_turned_upright_and_cut_to_their_middle(tmp_path):
    make_folder(tmp_path, each=4)
    wide = np.zeros((10, 30, 3), dtype=np.uint8)
    wide[:, 10:20] = 255  # only the middle square is white
    Image.fromarray(wide).save(tmp_path / "cat" / "0.png")
    turned = np.zeros((20, 20, 3), dtype=np.uint8)
    turned[:10] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(turned).save(tmp_path / "cat" / "1.png", exif=exif)
    images = load(DataSpec(folder=str(tmp_path), image_size=8), None).inputs
    assert images[0].min() > 200
    assert images[0, :, :, 1:-1].min() == 255
    assert images[1, 0, 0].max() == 0
    assert images[1, 0, -1].min() == 255


def test_broken_images_are_named_counted_and_left_out(tmp_path):
    make_folder(tmp_path, each=10)
    (tmp_path / "cat" / "3.png").write_bytes(b"not a picture")
    (tmp_path / "dog" / "4.png").write_bytes((tmp_path / "dog" / "5.png").read_bytes()[:200])
    (tmp_path / "dog" / "notes.txt").write_text("x")
    dataset = load(DataSpec(folder=str(tmp_path), image_size=8), None)
    assert len(dataset) == len(dataset.names) == len(dataset.targets) == 18
    assert "2 images cannot be read and were left out: cat/3.png (" in dataset.notes[0]
    assert "dog/4.png" in dataset.notes[0]
    assert "1 files that are no images" in dataset.notes[1]


def test_too_many_broken_images_are_an_error(tmp_path):
    make_folder(tmp_path, each=10)
    for number in range(4):
        (tmp_path / "cat" / f"{number}.png").write_bytes(b"x")
    with pytest.raises(AdvisorError, match=r"4 of 20 images in folder .* cannot be read, such as cat/0.png"):
        load(DataSpec(folder=str(tmp_path)), None)


def test_a_picture_of_absurd_size_is_not_decoded(tmp_path):
    make_folder(tmp_path, each=10)
    import struct
    import zlib

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "cat" / "0.png").write_bytes(data)
    dataset = load(DataSpec(folder=str(tmp_path), image_size=8), None)
    assert len(dataset) == 19
    assert "cat/0.png" in dataset.notes[0]


def test_links_out_of_the_data_are_not_followed(tmp_path):
    workspace, secret = tmp_path / "work", tmp_path / "secret"
    make_folder(workspace / "pets")
    draw(secret / "cat" / "9.png", 9)
    (workspace / "pets" / "cat" / "stolen.png").symlink_to(secret / "cat" / "9.png")
    (workspace / "pets" / "wolf").symlink_to(secret / "cat")
    dataset = load(DataSpec(folder="pets", image_size=8), workspace)
    assert (len(dataset), dataset.labels) == (20, ("cat", "dog"))
    assert any("2 links" in note and "cat/stolen.png" in note for note in dataset.notes)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: draw(root / "0.png", 0), "holds no folders; give one folder for each class"),
        (lambda root: [draw(root / "cat" / f"{n}.png", n) for n in range(4)], "are 'cat'; a model needs two classes"),
        (lambda root: make_folder(root, splits=("val",)), "has val but no train folder"),
        (lambda root: make_folder(root, splits=("train", "")), "holds both splits .train. and other folders"),
        (lambda root: make_folder(root, splits=("val", "valid", "train")), "two folders for one split"),
        (lambda root: (root / "cat").mkdir(), "holds no images"),
    ],
)
def test_a_folder_of_another_layout_is_refused(tmp_path, make, message):
    make(tmp_path)
    with pytest.raises(AdvisorError, match=message):
        load(DataSpec(folder=str(tmp_path)), None)


def test_a_class_of_one_split_only_is_named(tmp_path):
    make_folder(tmp_path, splits=("train", "val", "test"))
    draw(tmp_path / "train" / "emu" / "0.png", 77)
    spec = DataSpec(folder=str(tmp_path), image_size=8)
    assert "the test split holds no example of class 'emu'" in load(spec, None).notes
    draw(tmp_path / "val" / "fox" / "0.png", 78)
    load(DataSpec(builtin="wine"), None)  # the next load reads the files again
    with pytest.raises(AdvisorError, match="No training example of class 'fox'"):
        split(load(spec, None), Design(), 0, None)


@needs_real_data
def test_a_recompressed_and_resized_copy_in_another_split_is_found(tmp_path):
    flowers = DATASETS / "flowers_tiny"
    for part in ("train", "val"):
        for kind in ("rose", "tulip"):
            (tmp_path / part / kind).mkdir(parents=True)
            for path in sorted((flowers / part / kind).iterdir())[:20]:
                (tmp_path / part / kind / path.name).write_bytes(path.read_bytes())
    clean = load(DataSpec(folder=str(tmp_path), image_size=64), None).card
    assert (clean.near_duplicates, clean.shared_between_splits) == (0, 0)
    original = sorted((tmp_path / "train" / "rose").iterdir())[0]
    with Image.open(original) as image:
        image.resize((image.width * 9 // 10, image.height * 9 // 10)).save(
            tmp_path / "val" / "rose" / "z.jpg", quality=60
        )
    twin = tmp_path / "val" / "tulip" / "a_same.jpg"
    twin.write_bytes(original.read_bytes())
    load(DataSpec(builtin="wine"), None)
    card = load(DataSpec(folder=str(tmp_path), image_size=64), None).card
    assert (card.exact_duplicates, card.shared_between_splits, card.conflicting_duplicates) == (1, 1, 1)
    assert (card.near_duplicates, card.near_shared_between_splits) == (1, 1)
    assert card.copies == (
        f"train/rose/{original.name} = val/tulip/a_same.jpg",
        f"train/rose/{original.name} ~ val/rose/z.jpg",
    )
    assert any("likely leakage" in note for note in card.notes)


@needs_real_data
def test_real_flowers_are_read_with_their_splits():
    told = inspect(DataSpec(folder=str(DATASETS / "flowers_tiny")), None, Design())
    assert (told["input_shape"], told["classes"], sum(told["sizes"].values())) == ([3, 32, 32], 5, 300)
    assert told["card"]["input_kind"] == "image"
