"""When and why each arm ended, and what the blocks so far were good for, in the report's words."""

from advisor.experiments.evidence import ArmEvidence, Evidence
from advisor.experiments.sequential import Settled
from advisor.report import words

NAMED = 6  # arms in one line; the table has all
# Why arms end early, in the order in which the page says it.
REASONS: dict[Settled, str] = {
    "effect": "an effect is shown",
    "equivalent": "equivalent, the interval lies inside the minimum effect",
    "identical": "identical to the baseline, bit for bit",
    "futile": "given up, more blocks would hardly decide it",
    "not finite": "not finite, some runs diverged",
}
SHORT: dict[Settled, str] = {
    "effect": "effect", "equivalent": "equivalent", "identical": "identical", "futile": "given up",
    "not finite": "not finite",
}  # fmt: skip


def ended(arm: ArmEvidence, evidence: Evidence) -> str:
    """When and why, as short as a cell: "7 of 20, effect"."""
    results = evidence.results
    return f"{arm.comparison.n} of {results.horizon}, {why(arm, evidence)}"


def why(arm: ArmEvidence, evidence: Evidence) -> str:
    """Why it ended, in a word or two."""
    if arm.settled and evidence.spec.early:
        return SHORT[arm.settled]
    return "time ran out" if evidence.results.blocks < evidence.results.horizon else "last block"


def how_it_ended(evidence: Evidence) -> list[tuple[str, str]]:
    """(reason, the arms that ended for it with their blocks) for an experiment whose arms may end early."""
    results = evidence.results
    groups = []
    for reason, text in REASONS.items():
        arms = [arm for arm in results.arms if arm.settled == reason]
        if arms:
            groups.append((_capital(text), _named(arms, evidence)))
    going = [arm for arm in results.arms if not arm.settled]
    if going:
        cut = results.blocks < results.horizon
        text = "Not settled when the time ran out" if cut else "Not settled by the last block"
        groups.append((text, _named(going, evidence)))
    return groups


def _named(arms: list[ArmEvidence], evidence: Evidence) -> str:
    return f"{words.listed([_after(arm, evidence) for arm in arms], NAMED)}."


def _after(arm: ArmEvidence, evidence: Evidence) -> str:
    text = f"{arm.name} after {arm.comparison.n} of at most {evidence.results.horizon} blocks"
    if arm.verdict != "undecided":
        return text
    prospect = outlook(arm)
    return f"{text} ({prospect})" if prospect else text


def outlook(arm: ArmEvidence) -> str:
    """What an undecided arm's blocks were good for, and how many would decide."""
    said = []
    if arm.probability_better is not None:
        said.append(f"P(better in a new pair) {words.probability(arm.probability_better)}")
    if arm.power is not None:
        said.append(f"power so far {words.probability(arm.power)}, {needed(arm)} blocks needed for 80 %")
    return "; ".join(said)


def needed(arm: ArmEvidence) -> str:
    """About how many blocks would find the effect: "about 60", or "over 500"."""
    from advisor.experiments.power import MOST_BLOCKS

    if arm.power is None:
        return "not known"
    return f"about {arm.blocks_needed}" if arm.blocks_needed is not None else f"over {MOST_BLOCKS}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
