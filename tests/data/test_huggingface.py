"""Folders of save_to_disk, read without the library that wrote them."""

import io
import json
import pathlib

import numpy as np
import pytest
from PIL import Image

from advisor.data import load, split
from advisor.errors import AdvisorError
from advisor.experiments.spec import DataSpec, Design

VALUE = {"dtype": "string", "_type": "Value"}
LABEL = {"names": ["no", "yes"], "_type": "ClassLabel"}


def save(folder: pathlib.Path, columns: dict[str, object], features: dict[str, object]) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="what datasets saved is Arrow, which needs pyarrow")
    folder.mkdir(parents=True)
    table = pyarrow.table(columns)
    with pyarrow.ipc.new_stream(folder / "data-00000-of-00001.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=7)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))


def texts(count: int) -> dict[str, object]:
    return {"text": [f"film number {n % 7} is fine" for n in range(count)], "label": [n % 2 for n in range(count)]}


def test_texts_with_given_splits_and_named_classes(tmp_path):
    for name, count in (("train", 40), ("test", 10)):
        save(tmp_path / "d" / name, texts(count), {"text": VALUE, "label": LABEL})
    (tmp_path / "d" / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    dataset = load(DataSpec(huggingface="d"), tmp_path)
    assert (dataset.input_kind, dataset.labels) == ("text", ("no", "yes"))
    assert split(dataset, Design(), 0, None).sizes == {"train": 32, "validation": 8, "test": 10}


def test_images_are_decoded_from_their_bytes(tmp_path):
    images = []
    for number in range(20):
        buffer = io.BytesIO()
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (9, 9, 3), dtype=np.uint8)).save(buffer, "PNG")
        images.append({"bytes": buffer.getvalue(), "path": None})
    features = {"image": {"_type": "Image"}, "label": LABEL}
    save(tmp_path / "d", {"image": images, "label": [n % 2 for n in range(20)]}, features)
    dataset = load(DataSpec(huggingface="d", image_size=8), tmp_path)
    assert (dataset.input_kind, tuple(dataset.inputs.shape), dataset.labels) == ("image", (20, 3, 8, 8), ("no", "yes"))


def test_other_columns_are_a_table(tmp_path):
    columns = {
        "age": [float(n) for n in range(30)],
        "town": ["a", "b", "c"] * 10,
        "bought": [n % 2 == 0 for n in range(30)],
    }
    save(tmp_path / "d", columns, {})
    dataset = load(DataSpec(huggingface="d", target="bought"), tmp_path)
    assert (dataset.input_kind, dataset.labels) == ("table", ("False", "True"))


def test_what_is_no_saved_data_set_is_said(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "d").mkdir()
    with pytest.raises(AdvisorError, match=r"has no state.json; give the folder that save_to_disk wrote"):
        load(DataSpec(huggingface="d"), tmp_path)
    save(tmp_path / "e", {"a": [1.0, 2.0]}, {})
    with pytest.raises(AdvisorError, match="does not say what to predict; name it as target: one of a"):
        load(DataSpec(huggingface="e"), tmp_path)


def test_images_are_cut_and_grouped_by_columns_beside_them(tmp_path):
    images = []
    for number in range(40):
        buffer = io.BytesIO()
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (9, 9, 3), dtype=np.uint8)).save(buffer, "PNG")
        images.append({"bytes": b"broken" if number == 3 else buffer.getvalue(), "path": None})
    columns = {
        "image": images,
        "label": [n % 2 for n in range(40)],
        "patient": [n // 4 for n in range(40)],
        "site": [("north", "south")[n % 2] for n in range(40)],
    }
    save(tmp_path / "d", columns, {"image": {"_type": "Image"}, "label": LABEL})
    spec = {"huggingface": "d", "image_size": 8, "split": {"by": "group", "column": "patient"}}
    dataset = load(DataSpec(**spec, groups="site"), tmp_path)
    assert dataset.groups is not None
    assert dataset.groups.counts == {"north": 20, "south": 19}
    kept = [n for n in range(40) if n != 3]
    patients = [{kept[n] // 4 for n in index.tolist()} for index in split(dataset, Design(), 0, None).named().values()]
    assert sum(len(part) for part in patients) == len(set.union(*patients)) == 10
    with pytest.raises(AdvisorError, match="'ward'; known, nearest first"):
        load(DataSpec(**spec, groups="ward"), tmp_path)
