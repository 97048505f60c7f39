"""A training on each kind of file, through the engine."""

import numpy as np
import pytest
from PIL import Image

from advisor.training.engine import train
from tests.data.real import DATASETS, needs_real_data
from tests.training.run_plans import SMALL_CNN, make_plan


def test_a_table_from_a_file_trains_to_the_same_bits_twice(tmp_path):
    lines = [f"{n % 11},{'red' if n % 2 else 'blue'},{'' if n % 7 == 0 else n % 5},{n % 2}" for n in range(120)]
    (tmp_path / "t.csv").write_text("a,colour,b,y\n" + "\n".join(lines))
    plan = make_plan(data={"table": "t.csv", "target": "y"}, epochs=15, lr=0.01)
    first, again = train(plan, workspace=tmp_path), train(plan, workspace=tmp_path)
    assert first == again
    assert first.test["accuracy"] == 1.0  # the colour tells


def test_pictures_from_a_folder_train_a_convolutional_network(tmp_path):
    for label in range(2):
        for number in range(20):
            pixels = np.random.default_rng(label * 100 + number).integers(0, 120, (16, 16, 3)) + 120 * label
            path = tmp_path / "pictures" / f"class{label}" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(path)
    plan = make_plan(data={"folder": "pictures", "image_size": 16}, model=SMALL_CNN, epochs=4)
    assert train(plan, workspace=tmp_path).test["accuracy"] == 1.0


def test_real_targets_of_any_size_are_learned(tmp_path):
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{n / 10},{5e5 + 1e4 * n + 0.5}\n" for n in range(120)))
    plan = make_plan(data={"table": "t.csv", "target": "y"}, metric="r2", epochs=40, lr=0.01)
    assert train(plan, workspace=tmp_path).test["r2"] > 0.9


@needs_real_data
@pytest.mark.parametrize("name", ["vehicle", "car"])
def test_real_tables_are_learned_better_than_their_largest_class(name):
    data = {"table": str(DATASETS / "tabular" / f"{name}.csv"), "target": "target"}
    result = train(make_plan(data=data, epochs=30, lr=0.01))
    assert result.test["balanced_accuracy"] > 0.4
