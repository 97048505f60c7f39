"""A rule: one claim of the expert, where it holds, who found it, and how we check it."""

from typing import Literal

from advisor.contract import Frozen

Strength = Literal["strong", "moderate", "weak", "contested"]


class Rule(Frozen):
    """One claim with its scope, source and check.

    `check` names what would notice if the claim were dropped or broken: "lint:RULE-ID", "test:path::name",
    "technique:NAME" (its executable form), "recipe:NAME" (the condition that applies it), or "review: ..." with the
    measurement that would check it, where nothing executable does yet. `subjects` are the techniques it speaks about,
    executable or not.
    """

    id: str
    topic: str
    claim: str
    scope: str
    source: str
    strength: Strength
    check: str
    subjects: tuple[str, ...] = ()
