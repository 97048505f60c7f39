"""Groups on which a model is judged apart: where they come from, what is refused, and what is said of them."""

import json

import numpy as np
import pytest

from advisor.data import inspect, load
from advisor.data.groups import Groups, group_notes, make_groups
from advisor.errors import AdvisorError
from advisor.experiments.plan import DataFacts, check_fits
from advisor.experiments.spec import DataSpec, Design, Spec

SITES = np.asarray(["north", "south", "east"])[np.arange(60) % 3]
TABLE = "a,b,site,y\n" + "".join(f"{n * 0.37 % 5:.3f},{n % 7},{SITES[n]},{n % 2}\n" for n in range(60))
PREFIX = "import numpy as np\nx, y, site = np.random.rand(60, 2), np.arange(60) % 2, np.arange(60) % 3\n"


def load_entry(folder, source, groups="site", **fields):
    name = f"sites{len(list(folder.iterdir()))}"  # a module is imported once
    (folder / f"{name}.py").write_text(PREFIX + source)
    return load(DataSpec(entry=f"{name}:make", groups=groups, **fields), folder)


def test_a_tables_column_groups_the_examples_and_is_no_feature(tmp_path):
    (tmp_path / "t.csv").write_text(TABLE)
    dataset = load(DataSpec(table="t.csv", target="y", groups="site"), tmp_path)
    assert dataset.groups is not None
    assert (dataset.groups.column, dataset.groups.names) == ("site", ("east", "north", "south"))
    assert [dataset.groups.names[number] for number in dataset.groups.numbers] == SITES.tolist()
    assert dataset.prepared(np.arange(60)).facts.columns == ("a", "b")
    assert dataset.card.group_counts == {"east": 20, "north": 20, "south": 20}


def test_texts_are_grouped_by_a_column_of_their_file(tmp_path):
    lines = [json.dumps({"text": f"word{n % 5} again", "y": n % 2, "site": SITES[n]}) for n in range(60)]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    dataset = load(DataSpec(text="t.jsonl", target="y", groups="site"), tmp_path)
    assert dataset.groups is not None
    assert dataset.groups.counts == {"east": 20, "north": 20, "south": 20}


def test_an_array_groups_the_examples_also_one_for_each_given_split(tmp_path):
    x, y, site = np.random.rand(60, 2), np.arange(60) % 2, np.arange(60) % 3
    np.savez(tmp_path / "whole.npz", x=x, y=y, site=site)
    np.savez(
        tmp_path / "parts.npz", x_train=x[:40], y_train=y[:40], site_train=site[:40],
        x_test=x[40:], y_test=y[40:], site_test=site[40:],
    )  # fmt: skip
    for name in ("whole.npz", "parts.npz"):
        groups = load(DataSpec(arrays=name, groups="site"), tmp_path).groups
        assert groups is not None
        assert groups.numbers.tolist() == site.tolist()
    with pytest.raises(AdvisorError, match=r"holds no array 'ward' to group by, .* it has site, x, y"):
        load(DataSpec(arrays="whole.npz", groups="ward"), tmp_path)


@pytest.mark.parametrize(
    "source",
    [
        "def make(): return x, y, site",
        "def make(): return x, y, {'site': site}",
        "def make(): return {'train': (x[:40], y[:40], site[:40]), 'test': (x[40:], y[40:], site[40:])}",
        "class Data:\n    site = site\n    def __len__(self): return 60\n"
        "    def __getitem__(self, n): return x[n], y[n]\n"
        "def make(): return Data()",
    ],
)
def test_the_users_function_tells_the_groups_as_a_third_value_or_an_attribute(tmp_path, source):
    dataset = load_entry(tmp_path, source)
    assert dataset.groups is not None
    assert dataset.groups.numbers.tolist() == (np.arange(60) % 3).tolist()
    assert len(dataset) == 60


def test_groups_to_judge_by_and_times_to_split_by_come_together_in_a_dict(tmp_path):
    split = {"by": "time"}
    both = load_entry(tmp_path, "def make(): return x, y, {'site': site, 'time': np.arange(60)[::-1]}", split=split)
    assert both.groups is not None
    assert both.cut is not None
    assert both.cut.times is not None
    assert (both.cut.times[0], both.groups.numbers[1]) == (59, 1)
    with pytest.raises(AdvisorError, match=r"gave one z .* both 'time' and 'site' are needed; return a dict"):
        load_entry(tmp_path, "def make(): return x, y, site", split=split)


def test_the_groups_of_a_split_by_group_may_be_those_to_judge_by(tmp_path):
    dataset = load_entry(tmp_path, "def make(): return x, y, site", split={"by": "group"})
    assert dataset.groups is not None
    assert dataset.cut is not None
    assert dataset.cut.groups is not None
    assert dataset.groups.numbers.tolist() == dataset.cut.groups.tolist()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def make(): return x, y", r"groups 'site' needs the entry 'sites0:make' to return \(x, y, z\)"),
        ("def make(): return x, y, {'sites': site}", "has no 'site'; it has, nearest first: sites"),
        ("def make(): return x, y, site[:50]", "gave 50 groups or times for 60 examples of 'train'"),
        ("def make(): return x, y, x", r"values 'site' of the entry 'sites0:make' have shape \(60, 2\)"),
        (
            "import torch\ndef make():\n"
            "    data = torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(y))\n"
            "    loader = torch.utils.data.DataLoader(data, shuffle=True)\n    loader.site = site\n    return loader",
            "map-style torch Dataset with an attribute 'site'",
        ),
    ],
)
def test_groups_that_are_asked_for_and_not_told_are_an_error_that_says_how(tmp_path, source, message):
    with pytest.raises(AdvisorError, match=message):
        load_entry(tmp_path, source)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.asarray(["a", None, "b", None], dtype=object), "has no group for 2 of 4 examples"),
        (np.asarray([0.0, np.nan, 1.0, 1.0]), "has no group for 1 of 4 examples"),
        (np.zeros(50), r"puts all 50 examples into group '0.0'"),
        (np.arange(50), "makes 50 groups of 50 examples, too few in each"),
    ],
)
def test_groups_that_cannot_be_judged_are_refused(values, message):
    with pytest.raises(AdvisorError, match=message):
        make_groups("site", values, "the data")


def test_groups_that_a_split_lacks_or_hardly_has_are_noted_with_their_numbers():
    groups = Groups("site", np.repeat([0, 1, 2], [100, 30, 10]), ("a", "b", "c"))
    splits = {"train": np.arange(95), "validation": np.arange(95, 130), "test": np.r_[np.arange(60, 85), 130:140]}
    assert group_notes(groups, splits) == [
        "the train split holds no example of site 'b', 'c'",
        "the validation split holds no example of site 'c'",
        "the validation split holds under 20 examples of site 'a' (5): worst_group_accuracy is mostly chance there",
        "the test split holds no example of site 'b'",
        "the test split holds under 20 examples of site 'c' (10): worst_group_accuracy is mostly chance there",
    ]


def test_a_group_column_belongs_to_sources_that_have_columns():
    with pytest.raises(ValueError, match="groups belongs to entry or arrays or table or text or huggingface, not to"):
        DataSpec(builtin="digits", groups="site")


def make_spec(data, metric="worst_group_accuracy"):
    return Spec(data=data, model={"name": "mlp"}, arms={"wd": {"techniques": {"weight_decay": {}}}}, metric=metric)


def test_the_metric_over_groups_is_refused_with_what_to_write_where_the_data_name_none(tmp_path):
    (tmp_path / "t.csv").write_text(TABLE)
    plain = DataSpec(table="t.csv", target="y")
    named = DataSpec(table="t.csv", target="y", groups="site")
    facts = DataFacts.model_validate(inspect(plain, tmp_path, Design()))
    with pytest.raises(AdvisorError, match=r"the data name no groups; name the column with data\.groups"):
        check_fits(make_spec(plain), facts)
    check_fits(make_spec(named), facts)
    real = facts.model_copy(update={"kind": "real"})
    with pytest.raises(AdvisorError, match=r"'worst_group_accuracy' does not fit real targets; use one of rmse, mae"):
        check_fits(make_spec(named), real)
