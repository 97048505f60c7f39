"""Settings that cannot be, strengths outside their usual range, and techniques that conflict."""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from advisor.errors import AdvisorError, invalid, unknown
from advisor.knowledge.usual import usual_range
from advisor.lint.base import Config, config_check, finding
from advisor.lint.configs import Arm, arms_of
from advisor.lint.model import LintFinding
from advisor.techniques import TECHNIQUES
from advisor.techniques.core import check_conflicts

IMPOSSIBLE = "impossible-setting"
UNUSUAL = "strength-outside-usual-range"
CONFLICT = "conflicting-techniques"


@config_check(IMPOSSIBLE)
def impossible(config: Config) -> Iterator[LintFinding]:
    """Unknown techniques, unknown parameters, values out of bounds."""
    for arm, name, parameters in _own_settings(config):
        if name not in TECHNIQUES:
            error: AdvisorError | None = unknown("technique", name, TECHNIQUES)
        else:
            error = _refused(name, parameters)
        if error is not None:
            line = config.line((*arm.place, "techniques", name))
            yield finding(IMPOSSIBLE, "error", config.path, f"{arm.name}: {error}", line=line)


@config_check(UNUSUAL)
def unusual(config: Config) -> Iterator[LintFinding]:
    """Values inside the bounds and outside the usual range that the field declares."""
    for arm, name, parameters in _own_settings(config):
        if name not in TECHNIQUES or _refused(name, parameters) is not None:
            continue
        null = TECHNIQUES[name].null or {}
        for key, value in parameters.items():
            limits = usual_range(TECHNIQUES[name].model_fields[key])
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            # The null strength is a deliberate control, not a slip.
            if limits and number and value != null.get(key) and not limits[0] <= value <= limits[1]:
                yield finding(
                    UNUSUAL,
                    "warning",
                    config.path,
                    f"{arm.name}: {name} has {key} = {value:g}, outside the usual {limits[0]:g} to {limits[1]:g}; say "
                    "why in the spec, or move it inside.",
                    line=config.line((*arm.place, "techniques", name)),
                )


@config_check(CONFLICT)
def conflicts(config: Config) -> Iterator[LintFinding]:
    """Two techniques that train together and should not."""
    for arm in arms_of(config):
        for first, second, why in check_conflicts([name for name in arm.techniques if name in TECHNIQUES]):
            if arm.name == "baseline" or {first, second} & set(arm.added):
                yield finding(
                    CONFLICT,
                    "error",
                    config.path,
                    f"{arm.name}: {first} and {second} conflict: {why}. Compare them in two arms.",
                    line=config.line((*arm.place, "techniques", second)),
                )


def _own_settings(config: Config) -> Iterator[tuple[Arm, str, Any]]:
    """Every technique where it is set, once: what an arm inherits is the baseline's matter."""
    for arm in arms_of(config):
        for name in arm.added:
            yield arm, name, arm.techniques[name]


def _refused(name: str, parameters: Any) -> AdvisorError | None:
    if not isinstance(parameters, dict):
        return AdvisorError(f"technique {name!r} takes a mapping of parameters but got {parameters!r}.")
    try:
        TECHNIQUES[name].model_validate(parameters)
    except ValidationError as error:
        return invalid(f"technique {name!r}", error, TECHNIQUES[name])
    return None
