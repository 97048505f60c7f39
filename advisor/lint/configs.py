"""The two configuration forms that lint knows, and how their arms differ from the baseline."""

from dataclasses import dataclass
from typing import Any

from advisor.experiments.spec import Training
from advisor.lint.base import Config, KeyPath


@dataclass(frozen=True)
class Arm:
    """One set of techniques that would train together, and where it stands in the file."""

    name: str
    techniques: dict[str, Any]  # name -> parameters as written; all of them, the baseline's included
    added: tuple[str, ...]  # techniques that the baseline lacks or has with other parameters
    removed: tuple[str, ...]
    settings: tuple[str, ...]  # other keys that differ from the baseline
    place: KeyPath

    @property
    def changes(self) -> frozenset[str]:
        """Everything that differs from the baseline, by name."""
        return frozenset((*self.added, *self.removed, *self.settings))


def is_spec(value: dict[str, Any]) -> bool:
    """Whether this looks like an experiment: arms, or a baseline, beside data or a model."""
    return bool({"arms", "baseline"} & value.keys()) and not {"task", "steps"} <= value.keys()


def is_recipe(value: dict[str, Any]) -> bool:
    """Whether this looks like a recipe: a task and steps."""
    return {"task", "steps"} <= value.keys()


def arms_of(config: Config) -> list[Arm]:
    """Baseline and arms of a spec, or the steps of a recipe as one set. Malformed parts are left out."""
    if is_recipe(config.value):
        steps = [step for step in _list(config.value.get("steps")) if isinstance(step, dict)]
        techniques = {str(step.get("technique")): step.get("parameters", {}) for step in steps}
        techniques |= {str(k): v for k, v in _dict(_dict(config.value.get("task")).get("already_used")).items()}
        return [Arm("the recipe", techniques, tuple(techniques), (), (), ("steps",))]
    baseline = _dict(config.value.get("baseline"))
    base = {str(name): value for name, value in _dict(baseline.get("techniques")).items()}
    arms = [Arm("baseline", base, tuple(base), (), (), ("baseline",))]
    for name, overlay in _dict(config.value.get("arms")).items():
        arms.append(_arm(str(name), _dict(overlay), base, baseline))
    return arms


def _arm(name: str, overlay: dict[str, Any], base: dict[str, Any], baseline: dict[str, Any]) -> Arm:
    techniques = dict(base)
    added, removed = [], []
    for key, parameters in _dict(overlay.get("techniques")).items():
        technique = str(key)
        if parameters is None:
            if techniques.pop(technique, None) is not None:
                removed.append(technique)
        elif base.get(technique) != parameters:
            techniques[technique] = parameters
            added.append(technique)
    missing = object()
    settings = [
        key
        for key, value in overlay.items()
        if key != "techniques" and value != baseline.get(key, _default(key, missing))
    ]
    return Arm(name, techniques, tuple(added), tuple(removed), tuple(settings), ("arms", name))


def _default(key: str, missing: object) -> Any:
    field = Training.model_fields.get(key)
    return field.default if field is not None else missing


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []
