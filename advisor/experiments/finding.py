"""The answer of a kind of experiment; `advisor.experiments.findings` makes it from the runs."""

from advisor.contract import Frozen
from advisor.experiments.ablation import Ablation
from advisor.experiments.bias_variance import BiasVarianceCurve
from advisor.experiments.dose_response import DoseResponse
from advisor.experiments.double_descent import DoubleDescent
from advisor.experiments.factorial import Factorial
from advisor.experiments.learning_curves import LearningCurve, MoreData, Worth
from advisor.experiments.power import PowerCurve
from advisor.experiments.recipe_trial import RecipeTrial


class DataSizeFindings(Frozen):
    """What more data would bring, and what an arm is worth in data."""

    baseline: LearningCurve
    more: tuple[MoreData, ...]
    arm: LearningCurve | None
    worth: Worth | None


class Findings(Frozen):
    """The answer of a kind, in sentences and in one of the parts below; the others are None."""

    sentences: tuple[str, ...]
    ablation: Ablation | None = None
    factorial: Factorial | None = None
    dose_response: DoseResponse | None = None
    bias_variance: BiasVarianceCurve | None = None
    double_descent: DoubleDescent | None = None
    data_size: DataSizeFindings | None = None
    power: tuple[PowerCurve, ...] = ()
    recipe: RecipeTrial | None = None
