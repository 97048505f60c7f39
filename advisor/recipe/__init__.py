"""From task, diagnosis and lint to a recipe: ordered steps that can each be measured alone."""

from collections.abc import Sequence
from typing import Any

from advisor.codegen import pytorch
from advisor.diagnosis.model import Diagnosis
from advisor.lint.model import LintFinding
from advisor.recipe.blockers import BLOCKERS
from advisor.recipe.candidates import CANDIDATES
from advisor.recipe.case import Case
from advisor.recipe.condition import Candidate, Condition
from advisor.recipe.model import Recipe, Step, Task, Withheld
from advisor.recipe.parameters import resolve
from advisor.recipe.withhold import conflicting, unfit
from advisor.recipe.wording import ablation_plan, warnings_for
from advisor.techniques import TECHNIQUES

MAX_STEPS = 7  # more than that nobody measures one by one
LAST = 100.0  # what nothing calls for is listed after all else
# Every condition by name: rules point at these as their check. `fits-the-targets` is `withhold.unfit`.
CONDITIONS: dict[str, tuple[Condition, ...]] = {}
for _condition in (*BLOCKERS, *(condition for candidate in CANDIDATES for condition in candidate.conditions)):
    CONDITIONS[_condition.name] = (*CONDITIONS.get(_condition.name, ()), _condition)
CONDITION_NAMES = frozenset(CONDITIONS) | {"fits-the-targets"}


def recommend(task: Task, diagnosis: Diagnosis | None = None, lint: Sequence[LintFinding] = ()) -> Recipe:
    """The recipe for this case, best expected step first, with all that was left out and why.

    Raises:
        AdvisorError: `task.already_used` names a parameter that its technique does not have.
    """
    case = Case(task, diagnosis, tuple(lint))
    blocker = next((condition for condition in BLOCKERS if condition.holds(case)), None)
    steps: list[Step] = []
    withheld: list[Withheld] = []
    for candidate in sorted(CANDIDATES, key=lambda candidate: -_value(case, candidate)):
        chosen = _consider(case, candidate, blocker, [step.technique for step in steps])
        if isinstance(chosen, Step):
            steps.append(chosen)
        else:
            withheld.append(chosen)
    recipe = Recipe(
        task=task,
        diagnosis_id=diagnosis.id if diagnosis else None,
        because=case.numbers(),
        steps=tuple(steps),
        withheld=tuple(withheld),
        warnings=tuple(warnings_for(case, steps)),
        ablation_plan=ablation_plan(steps, task.goal),
    )
    return recipe.model_copy(update={"code": pytorch(recipe)}) if steps else recipe


def arms(recipe: Recipe, limit: int) -> dict[str, dict[str, Any]]:
    """Arms of a spec for the first `limit` steps, each measured alone; the arm is named for its technique."""
    return {step.technique: {"techniques": {step.technique: dict(step.parameters)}} for step in recipe.steps[:limit]}


def _active(case: Case, candidate: Candidate) -> list[Condition]:
    return [condition for condition in candidate.conditions if condition.holds(case)]


def _value(case: Case, candidate: Candidate) -> float:
    called = not candidate.otherwise or _called_for(_active(case, candidate))
    return candidate.value + sum(condition.value for condition in _active(case, candidate)) - (0 if called else LAST)


def _called_for(active: list[Condition]) -> bool:
    return any(condition.value > 0 for condition in active)


def _consider(case: Case, candidate: Candidate, blocker: Condition | None, chosen: list[str]) -> Step | Withheld:
    name = candidate.technique
    refused = unfit(case, TECHNIQUES[name])
    if refused is not None:
        return refused
    active = _active(case, candidate)
    stop = blocker or next((condition for condition in active if condition.withhold), None)
    if stop is not None:
        return Withheld(technique=name, why=stop.note, rule_ids=stop.rules)
    if candidate.otherwise and not _called_for(active):
        return Withheld(technique=name, why=candidate.otherwise, rule_ids=candidate.rules)
    conflict = conflicting(case, name, chosen)
    if conflict is not None:
        return conflict
    if len(chosen) >= MAX_STEPS:
        why = f"{MAX_STEPS} steps stand above it here; measure those first"
        return Withheld(technique=name, why=why, rule_ids=("everything-at-once",))
    return _step(case, candidate, active)


def _step(case: Case, candidate: Candidate, active: list[Condition]) -> Step:
    parameters = dict(candidate.parameters)
    for condition in active:
        parameters |= condition.parameters
    technique = TECHNIQUES[candidate.technique]
    reason = "; ".join([candidate.reason, *(condition.note for condition in active)]) + "."
    rules = (*candidate.rules, *(rule for condition in active for rule in condition.rules))
    return Step(
        technique=candidate.technique,
        parameters=resolve(technique, parameters),
        reason=reason,
        rule_ids=tuple(dict.fromkeys(rules)),
        expected_effect=technique.card.effect,
    )
