"""The HTML page: complete, self-contained, escaped, and written whole or not at all."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from advisor.errors import AdvisorError
from advisor.report.html import render, values_by_block, write
from advisor.report.model import Report
from tests.report import examples


class Page(HTMLParser):
    """The tags, attributes and visible text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_answers_first_and_then_shows_each_part_in_order() -> None:
    text = Page(render(examples.usual_report())).text
    parts = ["What is wrong", "What helps", "What to do", "Diagnosis", "Findings", "Recipe", "Left out on purpose",
             "Measured effects", "The same in numbers", "Effect against training time", "What it cost",
             "What was not measured", "How to reproduce it"]  # fmt: skip
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_the_page_shows_the_numbers_of_its_report() -> None:
    report = examples.usual_report()
    assert report.diagnosis is not None
    assert report.recipe is not None
    assert report.evidence is not None
    text = Page(render(report)).text
    shown = [report.diagnosis.summary, report.evidence.spec.id, report.evidence.results.id, report.diagnosis.id,
             report.recipe.id, "9f2c1a7be0d34a55", "101, 102, 103", "3 min 12 s", "× 1.28", "torch 2.14.1",
             "standard deviation 0.7 points over 8 blocks",
             "37 runs were trained and 3 reused", "+0.2 to +1.4 points accuracy", "Zhang et al. 2018", "MIX-01",
             "regadvisor verify spec.yaml --json"]  # fmt: skip
    shown += [finding.explanation for finding in report.diagnosis.findings]
    shown += [finding.next_check for finding in report.diagnosis.findings]
    shown += [arm.sentence for arm in report.evidence.results.arms]
    assert [part for part in shown if " ".join(part.split()) not in text] == []


def test_only_uncalibrated_probabilities_are_called_not_calibrated() -> None:
    text = Page(render(examples.usual_report())).text
    assert "probability 97 % " in text
    assert "probability 35 % (not calibrated)" in text
    assert text.count("(not calibrated)") == 1


def test_the_page_needs_no_network_and_no_script() -> None:
    page = Page(render(examples.usual_report()))
    assert not {"script", "img", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    references = [value for name, value in page.attributes if name in {"href", "src", "srcset", "action"}]
    assert references
    assert all(value.startswith(("#", "data:,")) for value in references)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert any(value.startswith("default-src 'none'; style-src 'unsafe-inline'") for _, value in page.attributes)
    assert "url(http" not in render(examples.usual_report())
    assert "@import" not in render(examples.usual_report())


def test_ids_on_the_page_are_unique() -> None:
    ids = [value for name, value in Page(render(examples.usual_report())).attributes if name == "id"]
    assert len(ids) > 20
    assert len(ids) == len(set(ids))


def test_nothing_from_a_file_becomes_markup() -> None:
    html = render(examples.hostile_report())
    page = Page(html)
    assert "script" not in page.tags
    assert "\x00" not in html
    # The hostile text stands in each part of the page, as text.
    assert page.text.count('<script>alert("x")</script>') >= 15


@pytest.mark.parametrize("missing", ["curves", "diagnosis", "recipe", "evidence"])
def test_a_missing_part_is_left_out_cleanly(missing: str) -> None:
    page = Page(render(examples.usual_report().model_copy(update={missing: None})))
    assert "None" not in page.text.replace("None of these", "")
    heading = {"diagnosis": "Findings", "recipe": "Left out on purpose", "evidence": "Measured effects"}.get(missing)
    assert heading is None or heading not in page.text
    assert page.tags.count("svg") == {"curves": 2, "diagnosis": 2, "recipe": 3, "evidence": 1}[missing]


def test_a_recipe_without_evidence_says_that_nothing_was_measured_yet() -> None:
    text = Page(render(examples.usual_report().model_copy(update={"evidence": None}))).text
    assert "Start with early stopping" in text
    assert "Nothing was measured yet on this data" in text


def test_an_empty_report_is_still_a_page() -> None:
    page = Page(render(Report(title="Empty", created="2025-01-01T00:00:00Z")))
    assert "Empty" in page.text
    assert "svg" not in page.tags


def test_the_extreme_report_renders_and_stays_below_two_megabytes() -> None:
    html = render(examples.extreme_report())
    assert len(html) < 2_000_000
    assert "not measured" in Page(html).text


def test_the_same_report_gives_the_same_page() -> None:
    assert render(examples.usual_report()) == render(examples.usual_report())


def test_every_run_is_in_the_table_by_block() -> None:
    evidence = examples.usual_evidence()
    rows = values_by_block(evidence)
    assert [(block, seed) for block, seed, _ in rows] == [(block, 101 + block) for block in range(8)]
    first = {run.arm: run.test["accuracy"] for run in evidence.results.runs if run.block == 0}
    assert rows[0][2] == [first[name] for name in ("baseline", "mixup", "weight_decay", "dropout", "slower")]


def test_every_css_variable_that_is_used_is_defined() -> None:
    html = render(examples.usual_report())
    used = set(re.findall(r"var\(--([\w-]+)", html))
    assert used
    assert used <= set(re.findall(r"--([\w-]+):", html))


def test_write_replaces_a_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    target.write_text("old")
    assert write(examples.usual_report(), target) == target
    assert target.read_text(encoding="utf-8") == render(examples.usual_report())
    assert list(tmp_path.iterdir()) == [target]


def test_write_below_a_file_is_refused_with_the_path(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(AdvisorError, match=r"Cannot write .*taken/report\.html"):
        write(examples.usual_report(), tmp_path / "taken" / "report.html")


def test_a_full_disk_leaves_the_old_file_and_no_half_written_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "report.html"
    target.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("advisor.files.os.fsync", full)
    with pytest.raises(AdvisorError, match="No space left on device"):
        write(examples.usual_report(), target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
