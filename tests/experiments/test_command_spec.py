"""The command form of a spec: what is refused, and what is said."""

from typing import Any

import pytest

from advisor.errors import AdvisorError
from advisor.experiments.command_spec import CommandSpec
from advisor.experiments.spec import parse_spec

GOOD: dict[str, Any] = {
    "command": "python {script} --seed {seed} --wd {wd} --out {run_dir}",
    "log": "{run_dir}/log.csv",
    "report": {"metric": "test_accuracy", "direction": "max"},
    "baseline": {"script": "train.py", "wd": 0},
    "arms": {"wd": {"wd": 0.05}, "new": {"script": "new.py"}},
}


def test_a_good_spec_reads_and_names_its_changes() -> None:
    spec = parse_spec(GOOD)
    assert isinstance(spec, CommandSpec)
    assert spec.needs_user_code
    assert spec.uses_seed
    assert spec.changes("wd") == ("wd 0 -> 0.05",)
    assert spec.timeout_seconds == spec.budget_seconds / 2, "two blocks must fit"
    assert parse_spec(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"command": "python train.py {seed"}, ["'script'", "used nowhere"]),
        ({"command": "python '{script}"}, ["No closing quotation"]),
        ({"command": " "}, ["command is empty"]),
        ({"command": "A=1 python {script} {wd}"}, ["'A=1'", "environment"]),
        ({"command": "cd src && python {script} {wd}"}, ["'&&'", "no shell is started", "sh -c '... {seed} ...'"]),
        ({"command": "python {script} {wd} > {run_dir}/log.csv"}, ["'>'", "no shell is started"]),
        ({"command": "python {script} {wd} {lr}"}, ["{lr}", "no value", "'baseline'"]),
        ({"baseline": {"script": "train.py"}}, ["{wd}", "no value"]),
        ({"arms": {"a": {"momentum": 0.9}}}, ["'momentum'", "used nowhere", "seed"]),
        ({"arms": {"a": {"wd": 0}}}, ["equals the baseline"]),
        ({"arms": {"a": {"seed": 3}}}, ["'seed'", "filled by us"]),
        ({"arms": {}}, ["arms is empty"]),
        ({"log": "logs/log.csv"}, ["must begin with {run_dir}"]),
        ({"log": None, "select": {"metric": "val_loss", "direction": "min"}}, ["give log"]),
        ({"report": {"metric": "a", "direction": "up"}}, ["report.direction", "'up'"]),
        ({"timeout": "soon"}, ["soon", "90s"]),
        ({"data": {"builtin": "wine"}}, ["unknown key 'data'"]),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(AdvisorError) as caught:
        parse_spec({**GOOD, **change})
    assert [word for word in words if word not in str(caught.value)] == [], str(caught.value)
