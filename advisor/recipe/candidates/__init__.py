"""One candidate for each technique: when it leads, when it stays out, and with which settings."""

from advisor.recipe.candidates.basics import BASICS
from advisor.recipe.candidates.images import IMAGES
from advisor.recipe.candidates.layers import LAYERS
from advisor.recipe.candidates.networks import NETWORKS
from advisor.recipe.candidates.targets import TARGETS
from advisor.recipe.candidates.training import TRAINING
from advisor.recipe.condition import Candidate
from advisor.techniques import TECHNIQUES

_KNOWN = {c.technique: c for c in (*BASICS, *IMAGES, *LAYERS, *TARGETS, *TRAINING, *NETWORKS)}


def _unknown(technique: str) -> Candidate:
    """A technique that nothing is known about but its card: it can be measured, and is not recommended."""
    return Candidate(
        technique=technique,
        value=0.0,
        reason="It is new here",
        rules=(),
        parameters={},
        otherwise="no rule says yet when it leads; measure it as an arm of its own",
    )


CANDIDATES: tuple[Candidate, ...] = tuple(_KNOWN.get(name) or _unknown(name) for name in TECHNIQUES)
