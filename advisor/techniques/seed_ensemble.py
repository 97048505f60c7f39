"""Seed ensemble: averaged predictions of networks that differ by their seed alone (Lakshminarayanan et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from advisor.techniques.core import Card, Run, TargetKind, Technique, Trained, TrainOnce, register, strength
from advisor.techniques.core.averaging import average_predictions

if TYPE_CHECKING:
    import torch


def predict_together(
    inputs: torch.Tensor, networks: list[Callable[[torch.Tensor], torch.Tensor]], kind: TargetKind
) -> torch.Tensor:
    """The averaged predictions of all networks for inputs (N, ...); of one network its own answer, unchanged."""
    answers = [network(inputs) for network in networks]
    return answers[0] if len(answers) == 1 else average_predictions(answers, kind)


@register
class SeedEnsemble(Technique, frozen=True):
    """Train further networks from other seeds and average all predictions; the kept weights are the first one's."""

    members: int = strength(
        3, "networks in all, the first included; most of the gain comes with 3 to 5", ge=1, le=50, usual=(3, 10)
    )

    name: ClassVar[str] = "seed_ensemble"
    null: ClassVar[dict[str, int] | None] = {"members": 1}
    card: ClassVar[Card] = Card(
        title="Ensemble of seeds",
        mechanism=(
            "Networks from different initialisations end in different solutions and err on different examples; "
            "averaged probabilities cancel what is one network's own, and are less certain where they disagree."
        ),
        when=(
            "Where the cost of training and of prediction can be multiplied: the surest gain in accuracy, likelihood "
            "and calibration together, also under shifted data."
        ),
        avoid=(
            "Where prediction must be cheap: distil the ensemble into one network. It does not cure a fault that all "
            "members share, such as a wrong split or too small a network."
        ),
        cost="Training and prediction as many times over as there are members.",
        step_cost=1.0,
        effect=None,
        interactions=(
            "Members that are already under-confident from mixup or label smoothing become more so when averaged (Wen "
            "et al. 2021): fit a temperature to the average, not to the members (Rahaman & Thiery 2021). Compare with "
            "one network of the same total cost."
        ),
        source="Lakshminarayanan et al. 2017",
    )

    def plan(self, run: Run, train_once: TrainOnce) -> None:
        """Train the other members."""
        run.state[self.name] = [train_once(self.name, member=member) for member in range(1, self.members)]

    def predict(self, run: Run, inputs: torch.Tensor, forward: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """The average over all members, each with what it does at prediction itself."""
        others: list[Trained] = run.state.get(self.name, [])
        return predict_together(inputs, [forward, *(member.predict for member in others)], run.task.kind)
