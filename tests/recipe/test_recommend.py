"""The recipe answers the case: what leads, what stays out, and what is said instead."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.diagnosis.model import Diagnosis, Finding, Kind
from advisor.experiments.spec import Training, overlay
from advisor.knowledge import RULES
from advisor.knowledge.usual import usual_range
from advisor.lint import LintFinding, lint_config
from advisor.recipe import CONDITION_NAMES, arms, recommend
from advisor.recipe.candidates import CANDIDATES
from advisor.recipe.model import Recipe, Task
from advisor.techniques import TECHNIQUES, build_techniques

KINDS: tuple[Kind, ...] = Kind.__args__  # type: ignore[attr-defined]
IMAGES: dict[str, Any] = {"modality": "image", "train_size": 20_000, "classes": 10, "flip_safe": True, "model": "cnn"}


def diagnosis(*kinds: Kind, probability: float = 0.9, abstained: bool = False) -> Diagnosis:
    findings = tuple(
        Finding(kind=kind, severity="warning", probability=probability, onset=12.0, evidence={"rise": 0.3125},
                explanation="", next_check="")
        for kind in kinds
    )  # fmt: skip
    return Diagnosis(
        source="s", unit="epoch", train_series="t", validation_series="v", findings=findings, probabilities={},
        calibrated={}, summary="", abstained=abstained,
    )  # fmt: skip


def names(recipe: Recipe) -> list[str]:
    return [step.technique for step in recipe.steps]


def why_not(recipe: Recipe, technique: str) -> str:
    return next(item.why for item in recipe.withheld if item.technique == technique)


def test_overfitting_images_get_the_basics_first_and_the_checkpoint_last() -> None:
    recipe = recommend(Task(**IMAGES), diagnosis("overfitting"))
    assert names(recipe)[:2] == ["basic_augmentation", "weight_decay"]
    assert names(recipe)[-1] == "early_stopping"
    assert recipe.steps[0].parameters["flip"] is True


def test_the_recipe_carries_the_numbers_of_the_diagnosis() -> None:
    given_diagnosis = diagnosis("overfitting")
    recipe = recommend(Task(**IMAGES), given_diagnosis)
    assert recipe.diagnosis_id == given_diagnosis.id
    assert recipe.because == "overfitting (probability 0.90, from epoch 12, rise 0.312)"


def test_nothing_is_mirrored_that_is_not_known_to_be_safe() -> None:
    for flip_safe in (None, False):
        recipe = recommend(Task(**{**IMAGES, "flip_safe": flip_safe}), diagnosis("overfitting"))
        assert recipe.steps[0].parameters["flip"] is False
    assert any("flip_safe" in warning for warning in recommend(Task(**{**IMAGES, "flip_safe": None})).warnings)


def test_tiny_image_data_gets_the_basics_and_no_strong_policy() -> None:
    recipe = recommend(Task(**{**IMAGES, "train_size": 400}), diagnosis("overfitting"))
    assert names(recipe)[0] == "basic_augmentation"
    assert "tiny data" in why_not(recipe, "mixup")
    assert "tiny data" in why_not(recipe, "randaugment")


def test_over_confidence_is_met_with_softer_targets_and_not_by_stopping_on_loss() -> None:
    recipe = recommend(Task(**IMAGES), diagnosis("overconfidence"))
    assert set(names(recipe)[:2]) == {"label_smoothing", "mixup"}
    stop = next(step for step in recipe.steps if step.technique == "early_stopping")
    assert stop.parameters["monitor"] == "metric"
    by_likelihood = recommend(Task(**{**IMAGES, "goal": "nll"}), diagnosis("overconfidence"))
    assert next(s for s in by_likelihood.steps if s.technique == "early_stopping").parameters["monitor"] == "loss"


@pytest.mark.parametrize(
    "kind",
    ["underfitting", "divergence", "still_improving", "bad_learning_rate", "non_finite", "precision_overflow",
     "good_fit", "plateau", "generalization_gap_from_start", "validation_below_train", "incomparable_losses"],
)  # fmt: skip
def test_what_regularization_does_not_treat_gets_no_steps_but_a_warning(kind: Kind) -> None:
    recipe = recommend(Task(**IMAGES), diagnosis(kind))
    assert recipe.steps == ()
    assert recipe.code == ""
    assert {item.technique for item in recipe.withheld} >= set(TECHNIQUES)
    assert all(item.why for item in recipe.withheld)
    assert len(recipe.warnings) >= 1


def test_the_more_probable_finding_decides_between_fit_and_overfit() -> None:
    strong = diagnosis("overfitting").findings
    weak = diagnosis("still_improving", probability=0.3).findings
    both = diagnosis().model_copy(update={"findings": (*strong, *weak)})
    assert names(recommend(Task(**IMAGES), both))
    swapped = diagnosis().model_copy(
        update={
            "findings": (*diagnosis("still_improving").findings, *diagnosis("overfitting", probability=0.3).findings)
        }
    )
    assert names(recommend(Task(**IMAGES), swapped)) == []


def test_a_broken_run_is_never_regularized_however_much_it_overfits() -> None:
    assert recommend(Task(**IMAGES), diagnosis("overfitting", "non_finite", probability=0.5)).steps == ()


def test_memorized_noise_puts_early_stopping_first_and_mixes_strongly() -> None:
    recipe = recommend(Task(**IMAGES), diagnosis("label_noise"))
    assert names(recipe)[0] == "early_stopping"
    alpha = TECHNIQUES["mixup"].model_fields["alpha"]
    mixed = next(step for step in recipe.steps if step.technique == "mixup")
    limits = usual_range(alpha)
    assert limits is not None
    assert mixed.parameters["alpha"] == limits[1]


def test_possible_double_descent_withholds_early_stopping() -> None:
    recipe = recommend(Task(**IMAGES), diagnosis("overfitting", "double_descent"))
    assert "second descent" in why_not(recipe, "early_stopping")


def test_fine_tuning_is_gentler_and_shorter() -> None:
    scratch = {s.technique: s.parameters for s in recommend(Task(**IMAGES), diagnosis("overfitting")).steps}
    tuned_recipe = recommend(Task(**IMAGES, regime="fine_tuning"), diagnosis("overfitting"))
    tuned = {s.technique: s.parameters for s in tuned_recipe.steps}
    assert tuned["weight_decay"]["strength"] < scratch["weight_decay"]["strength"]
    assert tuned["dropout"]["probability"] < scratch["dropout"]["probability"]
    assert tuned["early_stopping"]["patience_epochs"] < scratch["early_stopping"]["patience_epochs"]
    assert "fine-tuning" in why_not(tuned_recipe, "mixup")


def test_tables_text_and_regression_get_only_what_works_on_them() -> None:
    table = recommend(Task(modality="table", train_size=400, classes=3), diagnosis("overfitting"))
    assert "image data" in why_not(table, "basic_augmentation")
    assert names(table)[0] == "weight_decay"
    assert "token ids" in why_not(recommend(Task(modality="text", train_size=9000, classes=2)), "mixup")
    regression = recommend(Task(modality="table", train_size=9000, goal="rmse"), diagnosis("overfitting"))
    assert "class or token targets" in why_not(regression, "label_smoothing")
    unsure = recommend(Task(modality="table", goal="pinball"), diagnosis("overfitting"))
    assert "unknown" in why_not(unsure, "label_smoothing")


def test_what_is_in_use_is_kept_and_not_repeated() -> None:
    task = Task(**IMAGES, already_used={"dropout": {"probability": 0.9}, "shake_shake": {}})
    recipe = recommend(task, diagnosis("overfitting"))
    assert "dropout" not in names(recipe)
    assert "already in use" in why_not(recipe, "dropout")
    assert any("dropout" in warning and "outside the usual" in warning for warning in recipe.warnings)
    assert any("'shake_shake'" in warning for warning in recipe.warnings)


def test_a_technique_that_conflicts_with_a_better_one_is_withheld(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TECHNIQUES["dropout"], "conflicts", {"weight_decay": "for this test"})
    recipe = recommend(Task(**IMAGES), diagnosis("overfitting"))
    assert "weight_decay" in names(recipe)
    assert "conflicts with weight_decay: for this test" in why_not(recipe, "dropout")


def test_without_curves_or_with_curves_that_cannot_be_judged_it_says_so() -> None:
    assert any("No curves" in warning for warning in recommend(Task(**IMAGES)).warnings)
    unjudged = recommend(Task(**IMAGES), diagnosis("too_few_points", abstained=True))
    assert any("could not be judged" in warning for warning in unjudged.warnings)


def test_lint_findings_are_passed_on() -> None:
    finding = LintFinding(
        rule_id="r", severity="error", path="a.py", line=3, end_line=3, message="m", why="", source=""
    )
    assert any("a.py:3: m (r)" in warning for warning in recommend(Task(**IMAGES), lint=[finding] * 7).warnings)


def test_arms_lay_the_first_steps_on_a_baseline_one_by_one() -> None:
    recipe = recommend(Task(**IMAGES), diagnosis("overfitting"))
    overlays = arms(recipe, 3)
    assert list(overlays) == names(recipe)[:3]
    for name, change in overlays.items():
        assert list(overlay(Training(), change, name).techniques) == [name]
    assert arms(recipe, 0) == {}


def test_there_is_one_candidate_for_each_technique_and_rules_exist() -> None:
    assert [candidate.technique for candidate in CANDIDATES] == list(TECHNIQUES)
    assert [candidate.technique for candidate in CANDIDATES if not candidate.rules] == []
    for candidate in CANDIDATES:
        for rule in (*candidate.rules, *(rule for condition in candidate.conditions for rule in condition.rules)):
            assert rule in RULES
    assert "fit-before-regularizing" in CONDITION_NAMES


tasks = st.builds(
    Task,
    modality=st.sampled_from(["image", "table", "text", "sequence"]),
    train_size=st.none() | st.integers(1, 10**7),
    classes=st.none() | st.integers(2, 1000),
    goal=st.sampled_from(["accuracy", "nll", "rmse", "something"]),
    regime=st.sampled_from(["scratch", "fine_tuning"]),
    model=st.sampled_from([None, "mlp", "resnet18", "vit", "?"]),
    normalization=st.none() | st.booleans(),
    flip_safe=st.none() | st.booleans(),
    already_used=st.sampled_from([{}, {"mixup": {"alpha": 0.2}}, {"dropout": {}, "weight_decay": {}}]),
)


@settings(max_examples=150, deadline=None)
@given(tasks, st.none() | st.lists(st.sampled_from(KINDS), max_size=4, unique=True))
def test_any_recipe_is_valid_complete_and_round_trips(task: Task, kinds: list[Kind] | None) -> None:
    recipe = recommend(task, None if kinds is None else diagnosis(*kinds))
    build_techniques({step.technique: step.parameters for step in recipe.steps})
    considered = [*names(recipe), *(item.technique for item in recipe.withheld)]
    assert len(considered) == len(set(considered))
    assert set(considered) >= set(TECHNIQUES)
    for step in recipe.steps:
        assert step.reason.endswith((".", ")."))
        assert set(step.rule_ids) <= set(RULES)
        for field, value in step.parameters.items():
            limits = usual_range(TECHNIQUES[step.technique].model_fields[field])
            assert limits is None or limits[0] <= value <= limits[1]
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    assert bool(recipe.code) == bool(recipe.steps) == bool(recipe.ablation_plan)
    assert [f for f in lint_config(recipe.model_dump(mode="json")) if f.severity == "error"] == []
