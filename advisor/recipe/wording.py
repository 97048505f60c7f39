"""What a recipe says beside its steps: warnings and the ablation plan."""

from collections.abc import Sequence

from advisor.recipe.blockers import INSTEAD
from advisor.recipe.case import Case
from advisor.recipe.model import Step
from advisor.recipe.withhold import unusual_settings

SHOWN_LINT_FINDINGS = 5


def warnings_for(case: Case, steps: Sequence[Step]) -> list[str]:
    """Everything to mind before or while following the recipe, the most urgent first."""
    warnings = []
    if case.diagnosis is None:
        warnings.append("No curves were seen: read them first, so that the steps answer a symptom and not a habit.")
    elif not case.judged:
        warnings.append("The curves could not be judged: treat the steps as defaults, and diagnose a longer log.")
    if case.diagnosis is not None:
        warnings += [INSTEAD[finding.kind] for finding in case.diagnosis.findings if finding.kind in INSTEAD]
    task = case.task
    if task.train_size is None:
        warnings.append("The number of training examples is unknown; strengths and order assume a middling data set.")
    if task.modality == "image" and task.flip_safe is None and any(s.technique == "basic_augmentation" for s in steps):
        warnings.append("Whether mirroring keeps the label was not said, so it is left out; set flip_safe if it does.")
    if any(step.technique in {"basic_augmentation", "mixup"} for step in steps):
        warnings.append("Augmentation and mixing pay off late: a short verification understates them.")
    if any(step.technique in {"dropout", "mixup", "label_smoothing"} for step in steps):
        warnings.append("Train loss with these steps is not comparable with validation loss; evaluate it in eval mode.")
    softened = {"mixup", "label_smoothing"} & ({step.technique for step in steps} | set(task.already_used))
    if len(softened) == 2:
        warnings.append("Mixup and label smoothing together can make the model under-confident: check ECE and NLL.")
    warnings += unusual_settings(case)
    warnings += [f"{f.path}:{f.line}: {f.message} ({f.rule_id})" for f in case.lint[:SHOWN_LINT_FINDINGS]]
    if len(case.lint) > SHOWN_LINT_FINDINGS:
        warnings.append(f"{len(case.lint) - SHOWN_LINT_FINDINGS} more lint findings are not listed here.")
    return list(dict.fromkeys(warnings))


def ablation_plan(steps: Sequence[Step], goal: str) -> tuple[str, ...]:
    """How to measure the steps: each alone, then what helped together, then what can go again."""
    if not steps:
        return ()
    names = [step.technique for step in steps]
    plan = [f"Fix before the first run: the metric ({goal}), the smallest change that matters, the number of blocks."]
    plan.append(f"Train the baseline and one arm for each step ({', '.join(names)}) on the same blocks.")
    if len(names) > 1:
        plan.append("Keep the steps whose paired interval excludes harm; put them together as one more arm.")
        plan.append("Take each kept step out of that arm once: what changes nothing when it leaves does not stay.")
    plan.append("Report on the test split, which nothing selected on, with intervals; undecided is an answer.")
    return tuple(plan)
