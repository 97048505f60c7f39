"""The exhibits of an experiment, by what it was asked."""

from typing import Literal, overload

from advisor.errors import AdvisorError
from advisor.experiments.evidence import Evidence
from advisor.report.ablation_plot import ablation_exhibit, factorial_exhibit
from advisor.report.bias_plot import bias_exhibit
from advisor.report.descent_plot import descent_exhibit
from advisor.report.dose_plot import dose_exhibit
from advisor.report.exhibit import Exhibit
from advisor.report.path_plot import path_exhibit
from advisor.report.picture import Format
from advisor.report.power_plot import power_exhibit
from advisor.report.recipe_plot import recipe_exhibit
from advisor.report.size_plot import size_exhibit


def exhibit_of(evidence: Evidence) -> Exhibit | None:
    """What the findings show, or of `verify` the way to its verdicts; None where there is nothing to draw."""
    found = evidence.results.findings
    if found is None:
        return path_exhibit(evidence)
    if found.ablation is not None:
        return ablation_exhibit(evidence, found.ablation)
    if found.factorial is not None:
        return factorial_exhibit(evidence, found.factorial)
    if found.dose_response is not None:
        return dose_exhibit(evidence, found.dose_response)
    if found.bias_variance is not None:
        return bias_exhibit(evidence, found.bias_variance)
    if found.double_descent is not None:
        return descent_exhibit(evidence, found.double_descent)
    if found.data_size is not None:
        return size_exhibit(evidence, found.data_size)
    if found.recipe is not None:
        return recipe_exhibit(evidence, found.recipe)
    return power_exhibit(evidence, found.power) if found.power else None


@overload
def findings_picture(evidence: Evidence, *, format: Literal["png"]) -> bytes: ...
@overload
def findings_picture(evidence: Evidence, *, format: Literal["svg"]) -> str: ...
def findings_picture(evidence: Evidence, *, format: Format) -> bytes | str:
    """The picture of what the experiment was asked.

    Raises:
        AdvisorError: there is none; a forest plot of the arms may still be drawn.
    """
    found = exhibit_of(evidence)
    if found is None:
        raise AdvisorError(
            f"This experiment of kind {evidence.kind} has no findings to draw; draw its arms' effects instead."
        )
    return found.picture(format)
