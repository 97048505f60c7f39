"""Arms that cannot tell what helped: everything at once, and several changes together."""

import math
from collections.abc import Iterator
from typing import Any

from advisor.experiments.spec import Training
from advisor.lint.base import Config, config_check, finding
from advisor.lint.configs import Arm, arms_of, is_recipe
from advisor.lint.model import LintFinding
from advisor.techniques import TECHNIQUES

TOGETHER = "everything-at-once"
CONFOUNDED = "arm-differs-in-several-things"
MANY = 4


@config_check(TOGETHER)
def everything_at_once(config: Config) -> Iterator[LintFinding]:
    """Four or more techniques switched on together, with no arms that take them apart."""
    arms = arms_of(config)
    for arm in arms:
        if len(arm.added) < MANY or _taken_apart(arm, arms):
            continue
        if is_recipe(config.value) and config.value.get("ablation_plan"):
            continue
        yield finding(
            TOGETHER,
            "info" if arm.name == "baseline" else "warning",
            config.path,
            f"{arm.name} switches on {len(arm.added)} techniques at once ({', '.join(arm.added)}) and nothing tells "
            "them apart; add one arm for each, or one arm without each.",
            line=config.line(arm.place),
        )


@config_check(CONFOUNDED)
def confounded(config: Config) -> Iterator[LintFinding]:
    """An arm with several changes of which not each has an arm of its own."""
    arms = arms_of(config)
    for arm in arms[1:]:
        alone = {change for other in arms[1:] if len(other.changes) == 1 for change in other.changes}
        reported = len(arm.added) >= MANY  # everything_at_once speaks about it
        if len(arm.changes) < 2 or arm.changes <= alone or reported or _keeps_the_product(config, arm, arms[0]):
            continue
        if _taken_apart(arm, arms):
            continue
        yield finding(
            CONFOUNDED,
            "warning",
            config.path,
            f"{arm.name} differs from the baseline in {len(arm.changes)} things ({', '.join(sorted(arm.changes))}); "
            "its effect belongs to none of them. Give each an arm of its own.",
            line=config.line(arm.place),
        )


def _taken_apart(arm: Arm, arms: list[Arm]) -> bool:
    """Whether other arms have each change alone, or this set without each one."""
    others = [other for other in arms[1:] if other is not arm]
    if arm.name == "baseline":
        return all(any(other.changes == {change} for other in others) for change in arm.changes)
    return all(any(other.changes in ({change}, arm.changes - {change}) for other in others) for change in arm.changes)


def _keeps_the_product(config: Config, arm: Arm, baseline: Arm) -> bool:
    """Learning rate and weight decay changed together so that their product, which counts, stays within 10 %."""
    if arm.changes != {"lr", "weight_decay"} or "weight_decay" not in baseline.techniques:
        return False
    before = (config.value.get("baseline") or {}).get("lr", Training.model_fields["lr"].default)
    after = config.value["arms"][arm.name]["lr"]
    old, new = (_strength(side.techniques["weight_decay"]) for side in (baseline, arm))
    numbers = (before, after, old, new)
    if not all(isinstance(value, (int, float)) and value > 0 for value in numbers):
        return False
    return math.isclose(before * old, after * new, rel_tol=0.1)


def _strength(parameters: Any) -> Any:
    if not isinstance(parameters, dict):
        return None
    return parameters.get("strength", TECHNIQUES["weight_decay"].model_fields["strength"].default)
