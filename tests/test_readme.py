"""The README says what is true: its commands run, print what it shows, and its files exist."""

import re

import yaml

from advisor.experiments.spec import parse_spec
from tests.readme import ROOT, examples, run

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_pinned_commands_print_what_the_readme_shows() -> None:
    pinned = examples(README)
    assert len(pinned) == 2
    for command, shown in pinned:
        assert run(command) == shown, command


def test_every_command_that_it_names_exists() -> None:
    named = set(re.findall(r"regadvisor ([a-z]+)(?: ([a-z]+))?", README))
    assert len(named) >= 7
    for command, sub in named:
        assert run(f"regadvisor {command} {sub if command in {'jobs', 'skill', 'techniques'} else ''} --help")


def test_its_spec_is_valid_and_its_links_lead_somewhere() -> None:
    spec = parse_spec(yaml.safe_load(re.search(r"```yaml\n(.*?)```", README, re.DOTALL)[1]))  # type: ignore[index]
    assert spec.arm_names == ("shift", "slower")
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(links) >= 5
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_it_names_all_tools_of_the_server() -> None:
    from advisor_mcp.advice import TOOLS as ADVICE
    from advisor_mcp.verification import TOOLS as VERIFICATION

    assert [tool.name for tool in (*ADVICE, *VERIFICATION) if f"`{tool.name}`" not in README] == []
