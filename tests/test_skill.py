"""The skill covers its field, is current, fits its limits, and goes into and out of a CLAUDE.md without a trace."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from advisor.cli import app
from advisor.errors import AdvisorError
from advisor.knowledge import RULES
from advisor.knowledge import skill as skill_module
from advisor.knowledge.advice import ADVICE
from advisor.knowledge.lookalikes import LOOK_ALIKES
from advisor.knowledge.skill import (
    BACKUP_SUFFIX,
    BEGIN,
    END,
    condensed,
    install,
    main,
    render,
    skill_root,
    skill_text,
    stale,
    uninstall,
)
from advisor.techniques import TECHNIQUES

TOOLS = (
    "diagnose_curves",
    "recommend_recipe",
    "lint_recipe",
    "start_verification",
    "get_job",
    "wait_for_job",
    "cancel_job",
    "list_jobs",
    "explain_technique",
)


def test_the_written_skill_is_current() -> None:
    assert stale() == []


def test_a_stale_skill_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "advisor"
    (tmp_path / "skill").mkdir()
    (tmp_path / "skill" / "templates").symlink_to(skill_root().parent / "templates")
    monkeypatch.setattr(skill_module, "_PACKAGE", package)
    assert "SKILL.md" in stale()
    assert main(["--check"]) == 1
    assert main([]) == 0
    assert main(["--check"]) == 0
    (tmp_path / "skill" / "regularization-expert" / "references" / "forgotten.md").write_text("old")
    assert stale() == ["references/forgotten.md"]


def test_without_templates_rendering_says_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skill_module, "_PACKAGE", tmp_path / "advisor")
    with pytest.raises(AdvisorError, match="only in a checkout"):
        render()
    assert main(["--check"]) == 2
    with pytest.raises(AdvisorError, match="not installed"):
        skill_root()


def test_the_skill_passes_the_format_s_own_validator() -> None:
    validator = Path(sys.executable).with_name("agentskills")
    if not validator.exists():
        pytest.skip("skills-ref is not installed")
    done = subprocess.run([validator, "validate", skill_root()], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_skill_keeps_to_its_limits() -> None:
    text = skill_text()
    assert len(text.splitlines()) < 300
    assert len(condensed().splitlines()) < 200
    front = text.split("---\n")[1]
    assert {line.partition(":")[0] for line in front.splitlines() if line and line[0] != " "} == {
        "name", "description", "license", "metadata",
    }  # fmt: skip
    description = front.split("description: >-\n")[1].split("license:")[0]
    assert len(" ".join(description.split())) <= 1024


def test_the_skill_names_every_tool_every_reference_and_only_known_rules() -> None:
    text = skill_text()
    assert [tool for tool in TOOLS if f"`{tool}`" not in text] == []
    references = {path.name for path in (skill_root() / "references").glob("*.md")}
    assert set(re.findall(r"`references/([\w-]+\.md)`", text)) == references
    assert set(re.findall(r" \[([a-z0-9-]+)\]", text)) <= set(RULES)
    for technique in TECHNIQUES:
        assert f"`{technique}`" in text
    for advice in ADVICE.values():
        assert advice.title in text


def test_every_reference_cites_only_known_rules() -> None:
    for path in (skill_root() / "references").glob("*.md"):
        cited = re.findall(r"\[([a-z0-9, -]+)\]", path.read_text(encoding="utf-8").replace("\n", " "))
        ids = {name for group in cited for name in group.split(", ") if "-" in name}
        assert ids <= set(RULES), path.name


def test_every_topic_stands_in_one_reference_beside_the_list_of_rules() -> None:
    references = [path for path in (skill_root() / "references").glob("*.md") if path.name != "rules.md"]
    texts = {path.name: path.read_text(encoding="utf-8") for path in references}
    for rule in RULES.values():
        assert len([name for name, text in texts.items() if f"*{rule.scope};" in text and rule.claim in text]) == 1


def test_the_worked_cases_are_several_and_each_gives_reasons_steps_and_rules() -> None:
    text = (skill_root() / "references" / "worked-cases.md").read_text(encoding="utf-8")
    cases = text.split("\n## ")[1:]
    assert len(cases) >= 5
    for case in cases:
        assert "Reasoning." in case or "Imbalance." in case
        assert "Steps" in case or "So:" in case
        assert len(re.findall(r"\[[a-z0-9-]+", case)) >= 3


def test_the_condensed_skill_keeps_procedure_look_alikes_choices_and_the_way_without_a_server() -> None:
    text = condensed()
    for heading in ("## The procedure", "## Look-alikes", "## What to try first", "## Combining", "## Mistakes",
                    "## Is the difference real?", "## Without the server"):  # fmt: skip
        assert heading in text
    assert "references/" not in text
    for row in LOOK_ALIKES:
        assert f"| {row.shows} | {row.may_be} | {row.do} |" in text


def test_the_rules_are_listed_on_the_command_line() -> None:
    run = CliRunner().invoke
    everything = run(app, ["skill", "rules"])
    assert everything.exit_code == 0
    for rule in RULES.values():
        assert f"{rule.id} ({rule.strength}; {rule.check})\n  {rule.claim} [{rule.source}]" in everything.output
    some = json.loads(run(app, ["skill", "rules", "--topic", "double descent", "--json"]).output)
    assert {rule["id"] for rule in some} == {rule.id for rule in RULES.values() if rule.topic == "double descent"}
    wrong = run(app, ["skill", "rules", "--topic", "ensemble"])
    assert isinstance(wrong.exception, AdvisorError)
    assert "nearest first: ensembles" in str(wrong.exception)


def test_every_rule_stands_in_the_skill() -> None:
    rules = (skill_root() / "references" / "rules.md").read_text(encoding="utf-8")
    for rule in RULES.values():
        assert rule.claim in rules
        assert rule.source in rules


@pytest.mark.parametrize(
    "topic",
    ["inverted dropout", "Spatial dropout", "DropPath", "decoupled", "AdamW", "CutMix", "MixUp", "RandAugment",
     "AugMax", "AutoAugment", "Cutout", "colour jitter", "Label smoothing", "patience", "checkpoint",
     "Feature distillation",
     "born-again", "temperature", "Snapshot ensembles", "MC-dropout", "Bias", "Variance", "Double descent",
     "label noise", "interpolation threshold", "benign overfitting", "SWA", "SAM", "LoRA", "leakage",
     "Adversarial machine learning",
     "Graph neural networks", "Generative models", "Multi-modal", "Architecture search", "Convolutional architectures"],
)  # fmt: skip
def test_every_topic_of_the_field_is_in_the_skill(topic: str) -> None:
    files = [skill_root() / "SKILL.md", *(skill_root() / "references").glob("*.md")]
    assert any(topic.lower() in path.read_text(encoding="utf-8").lower() for path in files)


@pytest.mark.parametrize("before", ["# Mine\n\nKeep this.\n", "no newline at the end", "é\r\nwindows\r\n", "\n\n"])
def test_install_and_uninstall_leave_the_file_as_it_was(before: str, tmp_path: Path) -> None:
    target = tmp_path / "CLAUDE.md"
    target.write_bytes(before.encode())
    install(target)
    installed = target.read_bytes().decode()
    assert installed.startswith(before)
    assert condensed() in installed
    assert target.with_name(target.name + BACKUP_SUFFIX).read_bytes().decode() == before
    install(target)
    assert target.read_bytes().decode() == installed
    uninstall(target)
    assert target.read_bytes().decode() == before


def test_an_old_copy_is_updated_in_place_and_what_follows_it_stays(tmp_path: Path) -> None:
    target = tmp_path / "CLAUDE.md"
    target.write_text(f"above\n\n{BEGIN}\nold text\n{END}\nbelow\n")
    install(target)
    text = target.read_text()
    assert text.startswith(f"above\n\n{BEGIN}\n")
    assert text.endswith(f"{END}\nbelow\n")
    assert "old text" not in text
    uninstall(target)
    assert target.read_text() == "above\nbelow\n"


def test_a_file_that_held_nothing_else_is_made_and_removed(tmp_path: Path) -> None:
    target = tmp_path / "new" / "CLAUDE.md"
    install(target)
    assert target.read_text().startswith(BEGIN)
    uninstall(target)
    assert not target.exists()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.md").write_text("mine\n")
    link = tmp_path / "CLAUDE.md"
    link.symlink_to(tmp_path / "real.md")
    install(link)
    assert link.is_symlink()
    assert BEGIN in (tmp_path / "real.md").read_text()


@pytest.mark.parametrize("text", [f"{BEGIN}\nno end\n", f"{END}\n{BEGIN}\n", f"{BEGIN}{END}{BEGIN}{END}"])
def test_broken_markers_are_left_for_a_person_to_mend(text: str, tmp_path: Path) -> None:
    target = tmp_path / "CLAUDE.md"
    target.write_text(text)
    for change in (install, uninstall):
        with pytest.raises(AdvisorError, match="mend them by hand"):
            change(target)
    assert target.read_text() == text


def test_what_cannot_be_read_or_was_not_installed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdvisorError, match="does not hold the skill"):
        uninstall(tmp_path / "CLAUDE.md")
    (tmp_path / "binary.md").write_bytes(b"\xff\xfe")
    with pytest.raises(AdvisorError, match="Cannot read"):
        install(tmp_path / "binary.md")
    with pytest.raises(AdvisorError, match="Cannot read"):
        install(tmp_path)
