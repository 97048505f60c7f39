"""A rule: one claim of the expert, where it holds, who found it, and how we check it."""

from typing import Literal

from advisor.contract import Frozen

Strength = Literal["strong", "moderate", "weak", "contested"]
Modality = Literal["image", "table", "text", "sequence"]


class Rule(Frozen):
    """One claim with its scope, source and check.

    `check` names what would notice if the claim were dropped or broken: "test:path::name", "technique:NAME" (its
    executable form with its contract and reference test), "lint:RULE-ID", "recipe:NAME" (the condition that applies
    it), or "evidence:NAME" (a measurement, evidence/NAME.py).
    """

    id: str
    topic: str
    claim: str
    scope: str
    source: str
    strength: Strength
    check: str
    subjects: tuple[str, ...] = ()  # the techniques it speaks about, executable or not
    modalities: tuple[Modality, ...] = ()  # empty: any
    regime: Literal["any", "scratch", "fine_tuning"] = "any"
    size: Literal["any", "small", "large"] = "any"  # of the training set
    findings: tuple[str, ...] = ()  # kinds of a diagnosis that it answers

    def concerns(self, modality: str) -> bool:
        """Whether it may hold for this kind of data."""
        return not self.modalities or modality in self.modalities
