"""docs/experiments.md says what is true: its specs run as they stand and answer as it shows, apart from numbers.

`<!-- start -->` stands before the lines that every spec begins with, `<!-- example -->` before those that one adds, and
`<!-- answer -->` before what `regadvisor verify` prints for it. The examples share a home, as on the page.
"""

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from advisor.experiments.kinds import MOST_BLOCKS, Kind
from advisor.experiments.spec import Spec, parse_spec
from advisor.summary import describe_evidence
from tests.jobs.inline import InlineExecutor, campaign

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "experiments.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(
    r"<!-- example -->\n```yaml\n(?P<spec>.*?)```\n\n<!-- answer -->\n```console\n(?P<answer>.*?)```\n", re.DOTALL
)


def _specs() -> list[tuple[Spec, list[str]]]:
    """Each example with the lines that the page shows, without the command."""
    start = re.search(r"<!-- start -->\n```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert start is not None
    found = []
    for example in EXAMPLE.finditer(PAGE):
        spec = parse_spec({**yaml.safe_load(start[1]), **yaml.safe_load(example["spec"])})
        assert isinstance(spec, Spec)
        command, *lines = example["answer"].splitlines()
        assert command == "$ regadvisor verify spec.yaml"
        found.append((spec, lines))
    return found


def _without_numbers(line: str) -> str:
    """Numbers and lists of them as "#", so that another machine's rounding changes nothing."""
    masked = re.sub(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?", "#", line)
    return re.sub(r"#(, #)+", "#", re.sub(r"in #[^;]*;", "in #;", masked))


@pytest.mark.usefixtures("home")
def test_every_example_answers_as_the_page_shows() -> None:
    specs = _specs()
    assert [spec.kind for spec, _ in specs] == [
        "ablate", "sweep", "bias_variance", "double_descent", "data_size", "power",
    ]  # fmt: skip
    for spec, shown in specs:
        job = campaign(spec, InlineExecutor())
        said = describe_evidence(job.run())
        assert [_without_numbers(line) for line in said] == [_without_numbers(line) for line in shown[:-1]], spec.kind
        assert re.fullmatch(r"Report: regadvisor report [0-9a-f]{12}", shown[-1])


def test_the_table_names_every_kind_with_its_blocks() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", PAGE, re.MULTILINE))
    assert set(rows) == set(get_args(Kind)) == set(MOST_BLOCKS)
    for kind, runs in rows.items():
        assert re.search(rf"\b{MOST_BLOCKS[kind]}\b", runs), kind


def test_what_the_page_tells_to_write_can_be_read() -> None:
    for text in re.findall(r"`((?:ablate|bias_variance|double_descent|data_size): \{[^`]*\})`", PAGE):
        part = yaml.safe_load(text.replace("[...]", "[20, 40]"))
        (kind,) = part
        arms = {"arms": {"a": {"lr": 0.1}, "b": {"epochs": 3}}} if kind == "ablate" else {}
        data = {"data": {"builtin": "digits", "train_size": 160}, "model": {"name": "mlp"}}
        assert parse_spec({**data, **arms, "kind": kind, **part}).kind == kind
