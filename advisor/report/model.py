"""What a report shows; `render` turns it into one HTML file."""

from advisor.contract import Contract
from advisor.curves import Curves
from advisor.diagnosis.model import Diagnosis
from advisor.experiments.evidence import Evidence
from advisor.recipe.model import Recipe


class Report(Contract):
    """A report's content. Parts that do not exist are None and are left out of the page."""

    title: str
    created: str  # ISO 8601, UTC
    curves: Curves | None = None
    diagnosis: Diagnosis | None = None
    recipe: Recipe | None = None
    evidence: Evidence | None = None
    reproduce: tuple[str, ...] = ()  # commands
