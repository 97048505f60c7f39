"""Cuts by group, by time, at random and as given."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.data import Cut, Dataset, inspect, load, split
from advisor.errors import AdvisorError
from advisor.experiments.spec import DataSpec, Design


def make_dataset(size: int, cut: Cut) -> Dataset:
    return Dataset(torch.arange(size).float()[:, None], torch.arange(size) % 2, "class", ("a", "b"), cut=cut)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=80, max_size=200), st.integers(0, 100))
def test_no_group_is_in_two_splits_and_none_is_lost(groups, seed):
    numbers = np.asarray(groups)
    if len(np.unique(numbers)) < 12:
        return
    dataset = make_dataset(len(numbers), Cut("group", groups=numbers))
    splits = split(dataset, Design(), seed, None)
    parts = [set(numbers[index].tolist()) for index in splits.named().values()]
    assert sum(len(part) for part in parts) == len(set.union(*parts))
    assert sorted(np.concatenate(list(splits.named().values()))) == list(range(len(numbers)))
    largest = np.bincount(numbers).max()
    assert splits.sizes["test"] <= round(len(numbers) * 0.25) + largest
    assert splits.sizes["validation"] <= round(len(numbers) * 0.2) + largest


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 80), min_size=60, max_size=200), st.integers(0, 100))
def test_training_is_older_than_validation_and_that_older_than_test(times, seed):
    moments = np.asarray(times, dtype=np.float64)
    dataset = make_dataset(len(moments), Cut("time", "when", times=moments))
    if len(np.unique(moments)) < 10 or np.bincount(times).max() > 6:
        return  # no place to cut, which is refused
    splits = split(dataset, Design(), seed, None)
    assert moments[splits.train].max() < moments[splits.validation].min()
    assert moments[splits.validation].max() < moments[splits.test].min()
    assert sum(splits.sizes.values()) == len(moments)


def test_another_seed_gives_other_groups_but_the_same_times():
    numbers = np.repeat(np.arange(20), 5)
    for by, same in (("group", False), ("time", True)):
        cut = Cut("group", groups=numbers) if by == "group" else Cut("time", times=numbers.astype(float))
        first, second = (split(make_dataset(100, cut), Design(), seed, None) for seed in (0, 1))
        assert (set(first.test) == set(second.test)) is same


@pytest.mark.parametrize(
    ("by", "values"),
    [
        ("group", [f"patient{n // 5}" for n in range(60)]),
        ("time", [f"2024-{1 + n // 6:02d}-{1 + n % 6:02d}" for n in range(60)]),
    ],
)
def test_a_tables_column_says_how_to_cut_and_is_no_feature(tmp_path, by, values):
    text = "a,who,y\n" + "".join(f"{n * 0.3},{value},{n % 2}\n" for n, value in enumerate(values))
    (tmp_path / "t.csv").write_text(text)
    dataset = load(DataSpec(table="t.csv", target="y", split={"by": by, "column": "who"}), tmp_path)
    splits = split(dataset, Design(), 0, 8)
    assert dataset.prepared(splits.train).facts.columns == ("a",)
    parts = [[values[n] for n in index] for index in splits.named().values()]
    assert not set(parts[0]) & set(parts[1]) | set(parts[1]) & set(parts[2]) | set(parts[0]) & set(parts[2])
    if by == "time":
        assert max(parts[0]) < min(parts[1]) <= max(parts[1]) < min(parts[2])


def test_a_column_of_the_words_train_and_test_gives_the_splits(tmp_path):
    words = ["train", "train", "train", "val", "Test"] * 10
    (tmp_path / "t.csv").write_text("a,part,y\n" + "".join(f"{n},{w},{n % 2}\n" for n, w in enumerate(words)))
    spec = DataSpec(table="t.csv", target="y", split={"by": "given", "column": "part"})
    assert inspect(spec, tmp_path, Design())["sizes"] == {"train": 30, "validation": 10, "test": 10}
    (tmp_path / "t.csv").write_text("a,part,y\n" + "".join(f"{n},{w}x,{n % 2}\n" for n, w in enumerate(words)))
    load(DataSpec(builtin="wine"), None)
    with pytest.raises(AdvisorError, match=r"column 'part' .* holds 'trainx', which names no split"):
        load(spec, tmp_path)


def test_an_array_and_the_users_function_may_give_groups(tmp_path):
    groups = np.repeat(np.arange(10), 4)
    np.savez(tmp_path / "d.npz", x=np.random.rand(40, 2), y=np.arange(40) % 2, who=groups)
    (tmp_path / "grouped.py").write_text(
        "import numpy as np\ndef make(): return np.random.rand(40, 2), np.arange(40) % 2, np.repeat(np.arange(10), 4)"
    )
    for spec in (
        DataSpec(arrays="d.npz", split={"by": "group", "column": "who"}),
        DataSpec(entry="grouped:make", split={"by": "group"}),
    ):
        splits = split(load(spec, tmp_path), Design(), 0, None)
        assert not set(groups[splits.train]) & set(groups[splits.test])


def test_given_splits_that_share_a_group_are_refused():
    groups = np.repeat(np.arange(20), 5)
    parts = {"train": np.arange(78), "test": np.arange(78, 100)}
    whole = make_dataset(100, Cut("group", "patient", groups=groups))
    dataset = Dataset(whole.inputs, whole.targets, "class", whole.labels, parts, cut=whole.cut)
    with pytest.raises(AdvisorError, match="A group of 'patient' is in both train and test"):
        split(dataset, Design(), 0, None)


def test_at_random_the_classes_may_differ_between_splits():
    cut = Cut("random")
    sizes = [
        np.bincount(np.arange(100)[split(make_dataset(100, cut), Design(), s, None).test] % 2)[0] for s in range(20)
    ]
    assert len(set(sizes)) > 1


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        (Cut("given"), "split by given needs splits of the source's own"),
        (Cut("group", groups=np.repeat([0, 1], 50)), "2 groups for 3 splits"),
        (Cut("time", "day", times=np.zeros(100)), "times in 'day' leave no place to cut off test: 100 of 100"),
        (Cut("time", "day", times=np.repeat([0.0, 1.0], 50)), "leave no place to cut off validation"),
    ],
)
def test_a_cut_that_cannot_be_made_is_refused(cut, message):
    with pytest.raises(AdvisorError, match=message):
        split(make_dataset(100, cut), Design(), 0, None)


@pytest.mark.parametrize(("value", "message"), [("", "has no time for 1 of 20"), ("soon", "holds 'soon' .* no time")])
def test_times_that_are_none_are_named(tmp_path, value, message):
    lines = [f"{n},2024-01-{n + 1:02d},{n % 2}" for n in range(19)] + [f"19,{value},1"]
    (tmp_path / "t.csv").write_text("a,day,y\n" + "\n".join(lines))
    with pytest.raises(AdvisorError, match=message):
        load(DataSpec(table="t.csv", target="y", split={"by": "time", "column": "day"}), tmp_path)
