"""Temperature scaling: logits divided by one number that is fitted on validation data (Guo et al. 2017)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from advisor.errors import AdvisorError
from advisor.techniques.core import Card, Effect, Run, TargetKind, Targets, Technique, register, strength
from advisor.techniques.core.targets import IGNORED_TOKEN

if TYPE_CHECKING:
    import torch

Answers = Sequence[tuple["torch.Tensor", Targets]]
MOST_STEPS = 100


def fit_temperature(answers: Answers, max_temperature: float) -> float:
    """The T in [1 / max_temperature, max_temperature] by which divided logits have the least negative log-likelihood.

    answers: batches of logits, (N, K) or (N, T, V), and their targets; computed in float64. The likelihood is convex
    in the scale 1 / T, so its slope has one zero: Newton's steps find it, inside bounds that close in on it. 1 where
    a logit is not finite, and where all are equal.
    """
    low, high, scale = 1 / max_temperature, max_temperature, 1.0
    slope, curvature = _slopes(answers, scale)
    if max_temperature == 1 or slope == 0 or not math.isfinite(slope):
        return 1.0
    end = low if slope > 0 else high
    if _slopes(answers, end)[0] * slope > 0:
        return 1 / end
    for _ in range(MOST_STEPS):
        low, high = (low, scale) if slope > 0 else (scale, high)
        step = scale - slope / curvature if curvature > 0 else low
        if not low < step < high:
            step = math.sqrt(low * high)
        moved = abs(step - scale)
        scale = step
        if moved <= 1e-12 * scale:
            break
        slope, curvature = _slopes(answers, scale)
    return 1 / scale


def _slopes(answers: Answers, scale: float) -> tuple[float, float]:
    """`_slope` over all batches."""
    batches = [_slope(*batch, scale) for batch in answers]
    return sum(first for first, _ in batches), sum(second for _, second in batches)


def _slope(logits: torch.Tensor, targets: Targets, scale: float) -> tuple[float, float]:
    """First and second derivative of the summed negative log-likelihood of `scale * logits` by the scale."""
    logits = logits.double()
    if targets.kind == "multilabel":
        share = (scale * logits).sigmoid()
        first = (share - targets.values) * logits
        second = share * (1 - share) * logits.square()
        return first.sum().item(), second.sum().item()
    shares = (scale * logits).softmax(-1)
    mean = (shares * logits).sum(-1)
    variance = (shares * (logits - mean.unsqueeze(-1)).square()).sum(-1)
    if targets.kind == "class":
        first = mean - (targets.values * logits).sum(-1)
        return first.sum().item(), variance.sum().item()
    counts = (targets.values != IGNORED_TOKEN).to(logits.dtype)
    own = logits.gather(-1, targets.values.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    return ((mean - own) * counts).sum().item(), (variance * counts).sum().item()


@register
class TemperatureScaling(Technique, frozen=True):
    """Divide the logits by a temperature that is fitted on validation data after the training."""

    max_temperature: float = strength(
        10.0,
        "the temperature lies between 1 / this and this: where validation is all right, the best would be 0",
        ge=1,
        le=1000,
        usual=(5.0, 100.0),
    )

    name: ClassVar[str] = "temperature_scaling"
    stackable: ClassVar[bool] = True
    kinds: ClassVar[frozenset[TargetKind]] = frozenset({"class", "multilabel", "token"})
    null: ClassVar[dict[str, float] | None] = {"max_temperature": 1.0}
    after_training: ClassVar[str] = "validation data, to fit the temperature"
    card: ClassVar[Card] = Card(
        title="Temperature scaling",
        mechanism=(
            "One number makes all predictions less certain, or more, until they fit held-out data; the order of the "
            "classes stays, so accuracy does, too."
        ),
        when=(
            "Whenever probabilities are used and there is validation data: it takes a second and repairs most of the "
            "over-confidence of a network that was trained for accuracy."
        ),
        avoid=(
            "As a cure for wrong answers, which it leaves as they are. A temperature fitted on few examples is noisy, "
            "and one fitted on other data than is predicted does not hold under shift (Ovadia et al. 2019). Never fit "
            "it on training or test data."
        ),
        cost="One pass over the validation data after training.",
        step_cost=1.0,
        effect=Effect(
            metric="ece",
            low=-0.153,
            high=-0.038,
            scope="ResNet-110: CIFAR-100 (16.5 to 1.3 %) and CIFAR-10 (4.6 to 0.8 %)",
            source="Guo et al. 2017, table 1",
        ),
        interactions=(
            "Comes last: averages of weights or predictions first, then the temperature. After mixup, label smoothing "
            "or an ensemble it is often below 1, against under-confidence. Validation likelihood and calibration are "
            "too good once it has been fitted there: judge by a test split."
        ),
        source="Guo et al. 2017",
    )

    def fit_after(self, run: Run) -> None:
        """Fit the temperature to the predictions as they come out of everything before it.

        Raises:
            AdvisorError: there is no validation data.
        """
        batches = run.require_batches(self.name, "validation")
        answers = [(run.predict_before(self.name, inputs), targets) for inputs, targets in batches()]
        if not answers:
            raise AdvisorError(
                f"{self.name} got no validation batch; pass `validation_batches` that can be gone through more than "
                "once, such as a DataLoader or a list, not a generator."
            )
        run.state[self.name] = fit_temperature(answers, self.max_temperature)

    def predict(self, run: Run, inputs: torch.Tensor, forward: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """The logits divided by the temperature; as they are where it is 1 or not fitted yet."""
        temperature: float = run.state.get(self.name, 1.0)
        return forward(inputs) if temperature == 1 else forward(inputs) / temperature
