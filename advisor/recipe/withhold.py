"""Why a technique stays out of a recipe whatever its candidate says: data, targets, what is in use, conflicts."""

from advisor.errors import AdvisorError
from advisor.knowledge import rules_about
from advisor.knowledge.usual import usual_range
from advisor.recipe.case import Case
from advisor.recipe.model import Withheld
from advisor.techniques import TECHNIQUES
from advisor.techniques.core import Technique, check_conflicts


def unfit(case: Case, technique: type[Technique]) -> Withheld | None:
    """Left out because the data, the targets or the techniques in use do not allow it."""
    task, name = case.task, technique.name
    if name in task.already_used:
        settings = ", ".join(f"{key} = {value}" for key, value in task.already_used[name].items())
        return Withheld(technique=name, why=f"already in use{f' ({settings})' if settings else ''}; kept as it is")
    if task.modality not in technique.card.modalities:
        kinds = ", ".join(technique.card.modalities)
        return Withheld(technique=name, why=f"made for {kinds} data, and this task is on {task.modality} data")
    kind = task.target_kind
    if kind is not None and kind not in technique.kinds:
        return Withheld(
            technique=name,
            why=f"needs {' or '.join(sorted(technique.kinds))} targets, and this task has {kind} targets",
            rule_ids=tuple(rule.id for rule in rules_about(name) if rule.check == "recipe:fits-the-targets"),
        )
    if kind is None and "real" not in technique.kinds:
        return Withheld(
            technique=name,
            why="the number of classes is unknown and the goal does not tell; it works for classification only",
        )
    return None


def conflicting(case: Case, name: str, chosen: list[str]) -> Withheld | None:
    """Left out because something better for this case, or something in use, conflicts with it."""
    used = [other for other in case.task.already_used if other in TECHNIQUES]
    for other in [*used, *chosen]:
        found = check_conflicts([other, name])
        if found:
            return Withheld(
                technique=name,
                why=f"conflicts with {other}: {found[0][2]}",
                rule_ids=("conflicting-techniques",),
            )
    return None


def unusual_settings(case: Case) -> list[str]:
    """A warning for each technique in use that is unknown, out of bounds or outside its usual range."""
    warnings = []
    for name, parameters in case.task.already_used.items():
        if name not in TECHNIQUES:
            warnings.append(f"{name!r} is in use but unknown here, so no rule was checked against it.")
            continue
        for key, value in parameters.items():
            field = TECHNIQUES[name].model_fields.get(key)
            if field is None:
                raise AdvisorError(
                    f"already_used names {key!r} for {name}, which has no such parameter; it has "
                    f"{', '.join(TECHNIQUES[name].parameter_fields())}."
                )
            limits = usual_range(field)
            if limits and isinstance(value, (int, float)) and not limits[0] <= value <= limits[1] and value != 0:
                warnings.append(
                    f"{name} is in use with {key} = {value:g}, outside the usual {limits[0]:g} to {limits[1]:g}."
                )
    return warnings
