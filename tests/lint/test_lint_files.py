"""What lint does with files and folders that are odd, and with configs."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import AdvisorError
from advisor.knowledge import RULES
from advisor.lint import lint, lint_config
from advisor.lint.base import CONFIG_CHECKS, SCRIPT_CHECKS
from advisor.lint.patches import apply_patch, unified
from advisor.lint.scan import MAX_BYTES
from advisor.techniques import TECHNIQUES


def spec(**arms: Any) -> dict[str, Any]:
    return {"data": {"builtin": "digits"}, "model": {"name": "mlp"}, "baseline": {}, "arms": arms}


def rules_of(value: dict[str, Any]) -> list[str]:
    return sorted(finding.rule_id for finding in lint_config(value))


def test_every_check_enforces_a_rule_that_names_it() -> None:
    for rule_id in [*SCRIPT_CHECKS, *CONFIG_CHECKS, "unreadable-file"]:
        assert RULES[rule_id].check == f"lint:{rule_id}"


def test_a_syntax_error_is_a_finding_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("a = 1\nb = (\n", encoding="utf-8")
    (finding,) = lint(path)
    assert finding.rule_id == "unreadable-file"
    assert finding.severity == "error"
    assert finding.line == 2
    assert "does not parse" in finding.message


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.py", b"", "it is empty"),
        ("binary.py", b"\x89PNG\0\0", "it is binary"),
        ("latin.py", "x = 'é'".encode("latin-1"), "not UTF-8"),
        ("huge.py", b"#" * (MAX_BYTES + 1), "more than"),
        ("notes.txt", b"hello", "lint knows"),
        ("other.yaml", b"a: 1", "neither a spec"),
        ("list.json", b"[1]", "neither a spec"),
    ],
)
def test_a_file_that_cannot_be_linted_is_refused_with_its_name(
    name: str, content: bytes, says: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AdvisorError, match=says) as caught:
        lint(tmp_path / name)
    assert name in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdvisorError, match="No such file"):
        lint(tmp_path / "nothing.py")


def test_a_folder_without_anything_to_lint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdvisorError, match="Nothing to lint"):
        lint(tmp_path)


def test_a_folder_is_linted_whole_and_one_bad_file_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "keras_run.py").write_text("from keras.callbacks import EarlyStopping\nEarlyStopping()\n")
    (tmp_path / "a_binary.py").write_bytes(b"\0")
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "unrelated.yaml").write_text("a: 1")
    (tmp_path / "spec.yaml").write_text(
        "baseline: {}\narms:\n  strong:\n    techniques:\n      dropout: {probability: 0.9}\n"
    )
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "x.py").write_text("(")
    found = [(finding.path, finding.rule_id, finding.line) for finding in lint(tmp_path)]
    assert found == [
        ("a_binary.py", "unreadable-file", 1),
        ("spec.yaml", "strength-outside-usual-range", 5),
        ("sub/keras_run.py", "early-stopping-best-checkpoint", 2),
    ]


def test_broken_yaml_and_json_name_their_line(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("arms:\n  a: [1\n")
    (tmp_path / "a.json").write_text('{"arms":\n {"a" 1}}')
    assert lint(tmp_path / "a.yaml")[0].line == 3
    assert lint(tmp_path / "a.json")[0].line == 2


def test_a_sound_spec_has_no_findings() -> None:
    assert rules_of(spec(dropout={"techniques": {"dropout": {}}}, slower={"lr": 1e-4})) == []


@pytest.mark.parametrize("name", list(TECHNIQUES))
def test_every_default_lies_in_its_usual_range(name: str) -> None:
    assert rules_of(spec(arm={"techniques": {name: {}}})) == []
    assert rules_of(spec(arm={"techniques": {name: TECHNIQUES[name]().model_dump()}})) == []


def test_strengths_outside_the_usual_range_are_named_and_null_strength_is_not() -> None:
    (finding,) = lint_config(spec(arm={"techniques": {"dropout": {"probability": 0.9}}}))
    assert finding.rule_id == "strength-outside-usual-range"
    low, high = TECHNIQUES["dropout"].model_fields["probability"].json_schema_extra["usual"]  # type: ignore[index, misc]
    assert f"usual {low:g} to {high:g}" in finding.message
    assert rules_of(spec(arm={"techniques": {"dropout": {"probability": 0}}})) == []


@pytest.mark.parametrize(
    "techniques",
    [{"dropuot": {}}, {"dropout": {"probability": 1.5}}, {"dropout": {"rate": 0.5}}, {"dropout": 0.5}, {"mixup": [1]}],
)
def test_a_setting_that_cannot_be_is_an_error(techniques: dict[str, Any]) -> None:
    (finding,) = lint_config(spec(arm={"techniques": techniques}))
    assert (finding.rule_id, finding.severity) == ("impossible-setting", "error")


def test_conflicting_techniques_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TECHNIQUES["mixup"], "conflicts", {"dropout": "for this test"})
    alone = {name: {"techniques": {name: {}}} for name in ("mixup", "dropout")}
    (finding,) = lint_config(spec(both={"techniques": {"mixup": {}, "dropout": {}}}, **alone))
    assert (finding.rule_id, finding.severity) == ("conflicting-techniques", "error")
    assert "for this test" in finding.message


def test_everything_at_once_is_fine_only_with_arms_that_take_it_apart() -> None:
    four: dict[str, Any] = {"dropout": {}, "mixup": {}, "label_smoothing": {}, "weight_decay": {}}
    alone = {name: {"techniques": {name: {}}} for name in four}
    without = {f"no_{name}": {"techniques": {o: {} for o in four if o != name}} for name in four}
    assert rules_of(spec(all={"techniques": four})) == ["everything-at-once"]
    assert rules_of(spec(all={"techniques": four}, **alone)) == []
    assert "everything-at-once" not in rules_of(spec(all={"techniques": four}, **without))


def test_an_arm_that_differs_in_several_things_is_named() -> None:
    assert rules_of(spec(arm={"lr": 0.1, "epochs": 3})) == ["arm-differs-in-several-things"]
    assert rules_of(spec(arm={"lr": 0.1, "techniques": {"dropout": {}}})) == ["arm-differs-in-several-things"]
    assert rules_of(spec(both={"lr": 0.1, "epochs": 3}, a={"lr": 0.1}, b={"epochs": 3})) == []


def test_learning_rate_and_decay_may_change_together_if_their_product_stays() -> None:
    value = spec(arm={"lr": 0.01, "techniques": {"weight_decay": {"strength": 0.01}}})
    value["baseline"] = {"lr": 0.001, "techniques": {"weight_decay": {"strength": 0.1}}}
    assert rules_of(value) == []
    value["arms"]["arm"]["lr"] = 0.02
    assert rules_of(value) == ["arm-differs-in-several-things"]


def test_a_config_of_another_form_is_refused() -> None:
    with pytest.raises(AdvisorError, match="neither a spec"):
        lint_config({"a": 1})


nested = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(nested, nested, nested)
def test_no_malformed_config_breaks_lint(arms: Any, baseline: Any, techniques: Any) -> None:
    for value in (
        {"arms": arms, "baseline": baseline},
        {"arms": {"a": {"techniques": techniques}, "b": baseline}, "baseline": {"techniques": arms}},
        {"task": arms, "steps": baseline},
        {"task": {"already_used": techniques}, "steps": [techniques, {"technique": "dropout", "parameters": arms}]},
    ):
        assert isinstance(lint_config(value), list)


@given(
    st.lists(st.sampled_from(["a = 1", "b = 2", "", "# é", "c = '''x'''"]), max_size=8),
    st.integers(0, 7),
    st.booleans(),
)
def test_a_diff_applied_gives_the_new_text(lines: list[str], place: int, final_newline: bool) -> None:
    before = "\n".join(lines) + ("\n" if final_newline else "")
    after = "\n".join([*lines[:place], "new = 3", *lines[place + 1 :]])
    patch = unified("x.py", before, after)
    assert (patch is None) == (before == after)
    if patch is not None:
        assert apply_patch(before, patch) == after
