"""Placeholders of commands: values become arguments as they are, and are quoted where a shell reads them."""

import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import AdvisorError
from advisor.experiments.placeholders import arguments, fill, names_in


def test_values_fill_words_and_are_never_parted() -> None:
    values = {"seed": "7", "script": "my train.py", "wd": "1e-4; rm -rf /"}
    filled = arguments("python {script} --seed={seed} --wd {wd} 'a b'", values, "arm 'x'")
    assert filled == ["python", "my train.py", "--seed=7", "--wd", "1e-4; rm -rf /", "a b"]


def test_doubled_braces_are_braces_and_shell_variables_stay() -> None:
    assert fill("{{x}} ${HOME} {seed}", {"seed": "1"}, "x") == "{x} ${HOME} 1"
    assert names_in("{a} {{b}} ${C}") == {"a"}


def test_a_quoted_operator_is_an_argument_like_any_other() -> None:
    assert arguments("python a.py --split '|' ';'", {}, "x")[3:] == ["|", ";"]
    assert arguments("sh -c 'python a.py > log; true;'", {}, "x")[2] == "python a.py > log; true;"


def test_an_unknown_placeholder_is_named_with_the_nearest() -> None:
    with pytest.raises(AdvisorError, match=r"arm 'x' uses \{sead\}.*nearest first: seed"):
        fill("{sead}", {"seed": "1", "run_dir": "r"}, "arm 'x'")


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_shell_script_sees_a_value_as_one_word_whatever_is_in_it(value: str) -> None:
    argv = arguments("bash -ec 'printf %s {value}' more {value}", {"value": value}, "x")
    assert shlex.split(argv[2]) == ["printf", "%s", value]
    assert argv[-1] == value


def test_a_shell_runs_it() -> None:
    argv = arguments("sh -c 'printf %s {value}'", {"value": "$(echo gone) 'a'"}, "x")
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout == "$(echo gone) 'a'"
