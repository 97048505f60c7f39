"""The page of an experiment: the answer of its kind first, then the picture, then what it rests on."""

import math
from functools import cache

import pytest

from advisor.contract import Contract
from advisor.experiments.ablation import Ablation
from advisor.experiments.evidence import Evidence
from advisor.report.answer import answer
from advisor.report.endings import how_it_ended, needed, outlook
from advisor.report.html import render
from advisor.report.model import Report
from advisor.report.question import QUESTIONS, further, lead, title_of
from advisor.summary import what_to_do
from tests.report import examples, experiments
from tests.report.test_report_page import Page

EVERY = experiments.of_every_kind()
EXTREMES = experiments.extremes()
ASKED = [name for name in EVERY if name != "verify"]


def _report(evidence: Evidence, *, title: str = "An experiment") -> Report:
    return Report(title=title, created="2025-01-01T10:03:13Z", evidence=evidence)


@cache
def _html(name: str) -> str:
    return render(_report({**EVERY, **EXTREMES}[name]))


def _text(evidence: Evidence) -> str:
    return Page(render(_report(evidence))).text


def _plain(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", ASKED)
def test_the_answer_of_a_kind_comes_first_and_the_arms_are_details(name: str) -> None:
    evidence = EVERY[name]
    html = _html(name)
    text = Page(html).text
    assert answer(_report(evidence)) == [(QUESTIONS[evidence.kind], " ".join(lead(evidence)))]
    parts = [QUESTIONS[evidence.kind], _plain(lead(evidence)[0]), "The answer in detail", "The same in numbers:",
             "How it was measured"]  # fmt: skip
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    if evidence.results.arms:
        details = html.index("<summary>Each arm against the baseline</summary>")
        assert html.index("Effect of each arm on test") > details
    assert "What to do" not in text


@pytest.mark.parametrize("name", [*ASKED, *EXTREMES])
def test_every_sentence_of_the_findings_is_on_the_page(name: str) -> None:
    evidence = {**EVERY, **EXTREMES}[name]
    found = evidence.results.findings
    text = Page(_html(name)).text
    said = found.sentences if found is not None else [arm.sentence for arm in evidence.results.arms]
    if found is not None and found.data_size is not None:
        # The sentence of the whole curve says twice what those of more data say.
        said = (found.data_size.baseline.behaviour.sentence, *said[1:])
    assert said
    assert [sentence for sentence in said if _plain(sentence) not in text] == []


@pytest.mark.parametrize("name", [*EVERY, *EXTREMES])
def test_ids_are_unique_nothing_is_missing_and_there_is_no_script(name: str) -> None:
    html = _html(name)
    page = Page(html)
    ids = [value for attribute, value in page.attributes if attribute == "id"]
    assert len(ids) == len(set(ids))
    # Values that settings have themselves.
    assert "None" not in page.text.replace("keep_product_with_lr None", "").replace("clip_norm None", "")
    assert " nan " not in page.text.replace("block 0 is nan", "")  # said by the finding that was not judged
    assert not {"script", "img", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    assert page.tags.count("svg") == html.count('role="img"')
    regions = [value for attribute, value in page.attributes if attribute == "aria-label"]
    assert len(regions) == len(set(regions))
    assert len(html) < 400_000


def test_the_same_experiment_gives_the_same_page() -> None:
    assert render(_report(EVERY["verify"])) == render(_report(EVERY["verify"]))


def test_the_text_above_the_forest_plot_says_when_and_why_arms_ended() -> None:
    evidence = EVERY["verify"]
    ended = dict(how_it_ended(evidence))
    assert {"Effect shown", "Equivalent", "Identical", "Not finite"} <= ended.keys()
    by_name = {arm.name: arm for arm in evidence.results.arms}
    for name, title in (("twin", "Identical"), ("weight_decay", "Equivalent"), ("broken", "Not finite")):
        assert f"{name} settled after {by_name[name].comparison.n} of at most 20 blocks" in ended[title]
    text = _text(evidence)
    above = text[: text.index("Each dot is one block")]
    assert all(_plain(said) in above for said in ended.values())


def test_an_undecided_arm_is_named_with_its_prospects() -> None:
    evidence = EXTREMES["sixteen_arms"]
    arm = next(arm for arm in evidence.results.arms if arm.verdict == "undecided")
    assert arm.power is not None
    assert outlook(arm).startswith("P(better in a new pair) ")
    assert f"about {arm.blocks_needed} blocks needed for 80 %" in outlook(arm)
    assert outlook(arm) in " ".join(said for _, said in how_it_ended(evidence))
    assert needed(arm.model_copy(update={"blocks_needed": None})) == "over 500"
    assert outlook(arm.model_copy(update={"power": None, "probability_better": None})) == ""


def test_arms_that_were_not_settled_are_said_to_have_reached_the_last_block_or_the_end_of_the_time() -> None:
    evidence = EXTREMES["one_look"]
    assert "the last block came before it was settled" in dict(how_it_ended(evidence))["Not settled"]
    cut = evidence.model_copy(update={"results": evidence.results.model_copy(update={"horizon": 20})})
    assert "the time for more ran out" in dict(how_it_ended(cut))["Not settled"]


def test_an_experiment_with_one_look_says_nothing_of_early_ends() -> None:
    text = _text(examples.usual_evidence())
    assert "was looked at after every block" not in text
    assert "adjusted for 4 arms" in text


def test_the_answer_says_how_many_blocks_the_arms_had() -> None:
    counts = [arm.comparison.n for arm in EVERY["verify"].results.arms]
    parts = dict(answer(_report(EVERY["verify"])))
    assert f"over {min(counts)} to {max(counts)} of at most 20 paired blocks" in parts["What helps"]
    assert "over 8 paired blocks" in dict(answer(_report(examples.usual_evidence())))["What helps"]


def test_provenance_shows_blocks_settled_arms_precision_and_stacked_arms() -> None:
    evidence = EVERY["verify"]
    text = _text(evidence)
    twin = evidence.arm("twin")
    for part in (f"Blocks {evidence.results.blocks} of at most 20", f"twin after {twin.comparison.n} (identical)",
                 "Precision float32", "Stacked arms baseline, mixup"):  # fmt: skip
        assert part in text
    assert "Stacked arms" not in _text(examples.usual_evidence())


def test_corruptions_have_a_table_only_where_they_were_measured() -> None:
    assert "Under corruptions" in _text(EVERY["verify"])
    assert "gaussian noise" in _text(EVERY["verify"])
    assert "Under corruptions" not in _text(EVERY["sweep"])


def test_titles_say_what_was_asked_and_name_few_arms() -> None:
    titles = {name: title_of(evidence) for name, evidence in EVERY.items()}
    assert titles["ablate"] == "Ablation of label_smoothing, mixup, weight_decay and dropout: mlp on digits"
    assert titles["sweep"] == "Sweep of mixup alpha: mlp on digits"
    assert titles["far_sweep"] == "Sweep of lr: mlp on digits"
    assert titles["descent_epochs"] == "Double descent over epochs: mlp on digits"
    assert titles["bias_variance"] == "Bias and variance by width: mlp on digits"
    assert titles["data_size"] == "Learning curve with and without mixup: mlp on digits"
    assert titles["verify"] == "mixup, slower, weight_decay and 4 more against the baseline: mlp on digits"
    assert title_of(examples.usual_evidence()) is None


def test_the_sentence_about_the_users_own_size_leads() -> None:
    said = lead(EVERY["bias_variance"])
    assert said[0].startswith("width 64: ")
    assert said[1].startswith("Variance is largest at")
    assert all(not text.startswith("width 64: ") for text in further(EVERY["bias_variance"]))


def test_what_could_not_be_judged_is_said_and_the_arms_are_still_shown() -> None:
    evidence = EXTREMES["diverged"]
    page = Page(render(_report(evidence)))
    assert dict(answer(_report(evidence)))["Which value to use"].startswith("Not judged: ")
    assert "Each arm against the baseline" in page.text
    assert page.tags.count("svg") == 1


def test_nothing_from_the_findings_becomes_markup() -> None:
    hostile = examples.HOSTILE
    for name in ASKED:
        evidence = EVERY[name]
        found = evidence.results.findings
        assert found is not None
        changed = found.model_copy(update={"sentences": (hostile,) * len(found.sentences), **_hostile(found)})
        results = evidence.results.model_copy(update={"findings": changed})
        page = Page(render(_report(evidence.model_copy(update={"results": results}), title=hostile)))
        assert "script" not in page.tags
        assert "<script>alert" in page.text


def _hostile(found: Contract | object) -> dict[str, object]:
    """The parts of findings with names and sentences that try to be markup."""
    hostile = examples.HOSTILE
    changed: dict[str, object] = {}
    ablation: Ablation | None = getattr(found, "ablation", None)
    if ablation is not None:
        steps = tuple(step.model_copy(update={"step": hostile, "sentence": hostile}) for step in ablation.steps)
        changed["ablation"] = ablation.model_copy(update={"steps": steps, "notes": (hostile,)})
    factorial = getattr(found, "factorial", None)
    if factorial is not None:
        main = tuple(
            effect.model_copy(update={"term": effect.term.model_copy(update={"name": hostile, "steps": (hostile,)})})
            for effect in factorial.main
        )
        changed["factorial"] = factorial.model_copy(update={"main": main})
    power = getattr(found, "power", ())
    if power:
        changed["power"] = tuple(curve.model_copy(update={"arm": hostile}) for curve in power)
    curve = getattr(found, "bias_variance", None)
    if curve is not None:
        changed["bias_variance"] = curve.model_copy(update={"unit": hostile})
    recipe = getattr(found, "recipe", None)
    if recipe is not None:
        decisions = tuple(decided.model_copy(update={"step": hostile}) for decided in recipe.decisions)
        changed["recipe"] = recipe.model_copy(update={"decisions": decisions})
    return changed


def test_what_to_do_names_few_arms_and_asks_why_some_diverged() -> None:
    assert "find out why broken diverged" in what_to_do(EVERY["verify"])
    many = [examples.arm_evidence(f"arm{index}", [0.01, math.nan], "undecided") for index in range(6)]
    assert what_to_do(examples.evidence_of(many, blocks=2)).endswith(
        "run more blocks for arm0, arm1, arm2, arm3 and 2 more."
    )
