"""Monte Carlo dropout: averaged predictions of passes with dropout left on (Gal & Ghahramani 2016)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from advisor.errors import AdvisorError
from advisor.techniques.core import Card, Run, Technique, register, strength
from advisor.techniques.core.averaging import average_predictions
from advisor.techniques.core.modes import keeping_modes, own_randomness
from advisor.techniques.core.norms import tracking_norms

if TYPE_CHECKING:
    import torch


def dropout_passes(
    model: torch.nn.Module, forward: Callable[[torch.Tensor], torch.Tensor], inputs: torch.Tensor, passes: int
) -> list[torch.Tensor]:
    """The answers of `passes` calls of `forward` with the model's dropout on; every module's mode comes back.

    All modules are in training mode, for dropout hides as a module, in a hook or in a call inside another module;
    only normalization that keeps running values computes as in evaluation.

    Raises:
        AdvisorError: in training mode the model gives no tensor.
    """
    import torch

    with keeping_modes(model), torch.no_grad(), contextlib.ExitStack() as norms:
        for module in model.modules():
            module.training = True
        for norm in tracking_norms(model):
            norms.enter_context(_in_evaluation(norm))
        answers = [forward(inputs) for _ in range(passes)]
    for answer in answers:
        if not isinstance(answer, torch.Tensor):
            raise AdvisorError(
                f"mc_dropout needs a model that answers with a tensor in training mode too, but {type(model).__name__} "
                f"gives a {type(answer).__name__} there; turn its auxiliary outputs off."
            )
    return answers


@contextlib.contextmanager
def _in_evaluation(module: torch.nn.Module) -> Iterator[None]:
    """The module computes as in evaluation; hooks on it see training mode, so that a branch is dropped after it."""
    if not (module._forward_hooks or module._forward_pre_hooks):
        module.training = False
        yield
        return
    own = module.forward

    def forward(*inputs: Any, **settings: Any) -> Any:
        module.training = False
        try:
            return own(*inputs, **settings)
        finally:
            module.training = True

    module.__dict__["forward"] = forward
    try:
        yield
    finally:
        del module.__dict__["forward"]


def has_dropout(model: torch.nn.Module) -> bool:
    """Whether a module drops by its kind and rate, or carries hooks, through which techniques drop."""
    from torch import nn
    from torch.nn.modules.dropout import _DropoutNd

    def drops(module: nn.Module) -> bool:
        if isinstance(module, _DropoutNd):
            return module.p > 0
        if isinstance(module, (nn.MultiheadAttention, nn.RNNBase)):
            return module.dropout > 0
        return bool(module._forward_hooks or module._forward_pre_hooks)

    return any(drops(module) for module in model.modules())


@register
class McDropout(Technique, frozen=True):
    """Average the predictions of several passes with dropout on; 0 passes predict as without it."""

    passes: int = strength(20, "passes of which predictions are averaged", ge=0, le=1000, usual=(10, 50))

    name: ClassVar[str] = "mc_dropout"
    null: ClassVar[dict[str, int] | None] = {"passes": 0}
    card: ClassVar[Card] = Card(
        title="Monte Carlo dropout",
        mechanism=(
            "Each pass is another thinned network; where they disagree the average is less certain, which approximates "
            "the uncertainty about the weights."
        ),
        when=(
            "A network trained with dropout whose probabilities matter: likelihood and calibration improve, and the "
            "spread of the passes tells uncertain inputs apart."
        ),
        avoid=(
            "For accuracy, which seldom gains: an ensemble gains more for the same number of passes. Where prediction "
            "must be cheap, and where the network had no dropout in training."
        ),
        cost="Nothing in training; prediction as many times over as there are passes.",
        step_cost=1.0,
        effect=None,
        interactions=(
            "Needs dropout in the model or a technique that brings it. Batch normalization keeps its running values. "
            "With temperature scaling the temperature is fitted to the averaged predictions."
        ),
        source="Gal & Ghahramani 2016",
    )

    def model(self, run: Run, model: torch.nn.Module) -> torch.nn.Module:
        """Look for dropout: this hook runs after those of all techniques that bring it.

        Raises:
            AdvisorError: there is none, so that each pass would give the same answer.
        """
        if self.passes == 0 or has_dropout(model) or self._answers_vary(run, model):
            return model
        raise AdvisorError(
            f"mc_dropout finds no dropout in {type(model).__name__}: looked for nn.Dropout modules, attention and "
            "recurrent layers with a rate above 0, for hooks, and for passes in training mode that differ. Add the "
            "technique dropout (dropout: {probability: 0.3}), or leave mc_dropout out."
        )

    def _answers_vary(self, run: Run, model: torch.nn.Module, tries: int = 8) -> bool:
        """Whether dropout acts wherever else it may be, such as in a call inside the model's own code."""
        import torch

        with own_randomness(run, self.name):
            first, *others = dropout_passes(model, model, run.require_example(self.name), tries)
        return any(not torch.equal(other, first) for other in others)

    def predict(self, run: Run, inputs: torch.Tensor, forward: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """The average of the passes; asked again it is the same."""
        if self.passes == 0:
            return forward(inputs)
        with own_randomness(run, self.name):
            return average_predictions(dropout_passes(run.model, forward, inputs, self.passes), run.task.kind)
