"""When and why each arm ended, and what the blocks so far were good for, in the report's words."""

from advisor.experiments.evidence import ArmEvidence, Evidence
from advisor.experiments.sequential import Settled
from advisor.report import words

NAMED = 6  # arms in one line; the table has all
# Why arms end early, in the order in which the page says it.
REASONS: dict[Settled, tuple[str, str]] = {
    "effect": ("Effect shown", "the interval left zero"),
    "equivalent": ("Equivalent", "the interval lies inside the minimum effect"),
    "identical": ("Identical", "every block ended like the baseline, bit for bit"),
    "futile": ("Given up", "more blocks would hardly decide it"),
    "not finite": ("Not finite", "some values were not numbers"),
}
SHORT: dict[Settled, str] = {
    "effect": "effect", "equivalent": "equivalent", "identical": "identical", "futile": "given up",
    "not finite": "not finite",
}  # fmt: skip


def ended(arm: ArmEvidence, evidence: Evidence) -> str:
    """When and why, as short as a cell: "7, effect"."""
    return f"{arm.comparison.n}, {why(arm, evidence)}"


def why(arm: ArmEvidence, evidence: Evidence) -> str:
    """Why it ended, in a word or two."""
    if arm.settled and evidence.spec.early:
        return SHORT[arm.settled]
    return "time ran out" if evidence.results.blocks < evidence.results.horizon else "last block"


def how_it_ended(evidence: Evidence) -> list[tuple[str, str]]:
    """(reason, the arms that ended for it and after how many blocks), where arms may end early."""
    results = evidence.results
    groups = []
    for reason, (title, meaning) in REASONS.items():
        arms = [arm for arm in results.arms if arm.settled == reason]
        if arms:
            groups.append((title, _named(arms, evidence, "settled", meaning)))
    going = [arm for arm in results.arms if not arm.settled]
    if going:
        cut = results.blocks < results.horizon
        meaning = "the time for more ran out" if cut else "the last block came before it was settled"
        groups.append(("Not settled", _named(going, evidence, "ended", meaning)))
    return groups


def _named(arms: list[ArmEvidence], evidence: Evidence, verb: str, meaning: str) -> str:
    said = []
    for place, arm in enumerate(arms):
        text = f"{arm.name} {f'{verb} ' * (place == 0)}after {arm.comparison.n}"
        text += f" of at most {evidence.results.horizon} blocks" * (place == 0)
        prospect = outlook(arm) if arm.verdict == "undecided" else ""
        said.append(f"{text} ({prospect})" if prospect else text)
    return f"{words.listed(said, NAMED)}: {meaning}."


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
