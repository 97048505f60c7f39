"""mixup: training on convex combinations of pairs of examples and their targets (Zhang et al. 2018).

Mixed are the inputs, or a hidden state at a place drawn for each step (manifold mixup, Verma et al. 2019), or the
embeddings of tokens (Guo et al. 2019).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from advisor.errors import AdvisorError
from advisor.techniques.core import Card, Effect, Run, TargetKind, Targets, Technique, register, strength
from advisor.techniques.core.blocks import require_block_outputs
from advisor.techniques.core.changes import uncompiled
from advisor.techniques.core.codes import join_codes, split_codes
from advisor.techniques.core.mixing import draw_lam as draw_lam
from advisor.techniques.core.mixing import draw_partners, host_draws, is_chosen, stacked_partners
from advisor.techniques.core.token_embeddings import TokenBatch, require_embeddings

if TYPE_CHECKING:
    import torch


def mix(
    inputs: torch.Tensor, targets: Targets, permutation: torch.Tensor, lam: float, category_columns: int = 0
) -> tuple[torch.Tensor, Targets]:
    """lam of each example and 1 - lam of its partner, inputs and targets alike.

    inputs: (N, ...) floats. permutation: (N,) indices of the partners. lam: in [0, 1]. The last `category_columns` of
    rows (N, F) are codes: they are the example's own where lam is 0.5 or more, else its partner's.
    """
    numbers, codes = split_codes(inputs, category_columns)
    if codes is not None and lam < 0.5:
        codes = codes[stacked_partners(permutation, len(codes) // len(permutation))]
    return join_codes(blend(numbers, permutation, lam), codes), targets.mixed(permutation, lam)


def blend(values: torch.Tensor, permutation: torch.Tensor, lam: float) -> torch.Tensor:
    """lam of each example and 1 - lam of its partner. values: (N, ...) floats, or a batch stacked several times."""
    partners = stacked_partners(permutation, len(values) // len(permutation))
    return lam * values + (1 - lam) * values[partners]


@dataclass
class _Mixing:
    """How this step's batch is mixed inside the model."""

    permutation: torch.Tensor
    lam: float
    place: int  # which of the hidden states
    batch: TokenBatch
    done: bool = False


@dataclass
class _Inside:
    """What is kept where the model mixes: its places, and what is to be done in this step."""

    places: int
    mixing: _Mixing | None = None


@register
class Mixup(Technique, frozen=True):
    """Mix each batch with a shuffled copy of itself, with one lam for the batch."""

    alpha: float = strength(
        0.2,
        "both parameters of the Beta distribution of lam; 0.2 to 0.4 on ImageNet, 1 on CIFAR, more against label noise",
        ge=0,
        le=32,
        usual=(0.1, 1.0),
    )
    probability: float = strength(1.0, "share of the batches that are mixed", ge=0, le=1, usual=(0.5, 1.0))
    where: Literal["input", "hidden", "embedding"] = Field(
        "input",
        description=(
            "what is mixed: the inputs; the hidden state after a layer or block drawn for each step (manifold mixup, "
            "where alpha of 2 is usual); or the embeddings of tokens"
        ),
    )

    name: ClassVar[str] = "mixup"
    stackable: ClassVar[bool] = True
    conflicts: ClassVar[dict[str, str]] = {
        "cutmix": "both mix each batch, and a batch is mixed once; compare them as two arms"
    }
    null: ClassVar[dict[str, float] | None] = {"alpha": 0.0}
    card: ClassVar[Card] = Card(
        title="mixup",
        mechanism=(
            "Asks the network to answer in between where its input lies in between two examples, which makes it more "
            "linear between classes and keeps it from certainty."
        ),
        when=(
            "Classification with a network that fits its training data with ease; where predictions are too confident; "
            "and, with alpha of 8 or more, where some labels are wrong."
        ),
        avoid=(
            "Where the network underfits, lower alpha or leave it out. Token ids have no in-between: mix their "
            "embeddings. For regression plain mixing of all pairs can hurt (Yao et al. 2022): measure it."
        ),
        cost="One weighted sum of the batch or of a hidden state; a longer training is needed for the full effect.",
        step_cost=1.0,
        effect=Effect(
            metric="accuracy",
            low=0.002,
            high=0.015,
            scope="ImageNet-2012 with ResNets, 90 to 200 epochs, and CIFAR-10 with 200 epochs; less in short trainings",
            source="Zhang et al. 2018",
        ),
        interactions=(
            "Train loss and accuracy are of mixed examples and say little beside validation's. With label smoothing or "
            "ensembles the network can become under-confident (Wen et al. 2021): do not stack them for calibration."
        ),
        source="Zhang et al. 2018; Verma et al. 2019 (hidden states)",
    )

    def stacks(self) -> bool:
        """Where it stays outside the model."""
        return self.where == "input"

    def refuse(self, kind: TargetKind, input_shape: tuple[int, ...]) -> str | None:
        """Token ids have no in-between."""
        if kind == "token" and self.where == "input":
            return f"{self.name} of inputs needs real values, not token ids; use where: embedding or where: hidden"
        return super().refuse(kind, input_shape)

    def model(self, run: Run, model: torch.nn.Module) -> torch.nn.Module:
        """Hook the places inside the model at which it may mix.

        Raises:
            AdvisorError: there is none.
        """
        if self.where == "input":
            return model
        places: Sequence[torch.nn.Module]
        if self.where == "hidden":
            places = require_block_outputs(model, run.require_example(self.name), self.name)
        else:
            places = require_embeddings(model, self.name)
        run.state[self.name] = _Inside(len(places))
        for number, place in enumerate(places):
            hook = self._mix_hidden(run, number) if self.where == "hidden" else self._mix_embedding(run)
            run.undo.append(place.register_forward_hook(uncompiled(hook)).remove)
        return model

    def batch(self, run: Run, inputs: torch.Tensor, targets: Targets) -> tuple[torch.Tensor, Targets]:
        """Mix the batch with a shuffled copy of itself, or lay down how the model will do it.

        Raises:
            AdvisorError: the inputs are to be mixed but are integers, of which there is no in-between.
        """
        if self.where == "input" and not inputs.is_floating_point():
            raise AdvisorError(
                f"mixup needs real-valued inputs but got {inputs.dtype}; use where='embedding', or leave it out of "
                "this arm."
            )
        inside: _Inside | None = run.state.get(self.name)
        if inside is not None:
            inside.mixing = None
        generator = run.generator(self.name)
        if not is_chosen(generator, self.probability):
            return inputs, targets
        permutation = draw_partners(run, generator, len(inputs))
        lam = draw_lam(generator, self.alpha)
        if inside is None:
            return mix(inputs, targets, permutation, lam, run.task.category_columns)
        place = int(host_draws(generator, 2).integers(inside.places))
        inside.mixing = _Mixing(permutation, lam, place, TokenBatch(inputs.shape))
        run.mixed_inside = permutation, lam
        return inputs, targets.mixed(permutation, lam)

    def loss(
        self, run: Run, inputs: torch.Tensor, targets: Targets, outputs: torch.Tensor, loss: torch.Tensor
    ) -> torch.Tensor:
        """Make sure that what the targets say has happened.

        Raises:
            AdvisorError: the model did not pass the place at which it was to mix.
        """
        inside: _Inside | None = run.state.get(self.name)
        if inside is None or inside.mixing is None:
            return loss
        if self.where == "embedding":
            inside.mixing.batch.require_seen(self.name)
        elif not inside.mixing.done:
            raise AdvisorError(
                "mixup with where='hidden' mixed the targets, but the forward pass went by the place to mix: the model "
                "must be in training mode and take the same way as for the example. Use another `where`."
            )
        return loss

    def step_end(self, run: Run) -> None:
        """Passes after the step, such as those for batch-norm statistics, are not mixed."""
        if self.name in run.state:
            run.state[self.name].mixing = None

    def _mix_hidden(self, run: Run, number: int) -> Callable[..., Any]:
        inside: _Inside = run.state[self.name]

        def mix_hidden(module: torch.nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor | None:
            mixing = inside.mixing
            if mixing is None or mixing.place != number or not run.model.training:
                return None
            mixing.done = True
            return blend(output, mixing.permutation, mixing.lam)

        return mix_hidden

    def _mix_embedding(self, run: Run) -> Callable[..., Any]:
        inside: _Inside = run.state[self.name]

        def mix_embedding(module: torch.nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor | None:
            mixing = inside.mixing
            if mixing is None or not run.model.training or not mixing.batch.is_read_by(inputs[0]):
                return None
            return blend(output, mixing.permutation, mixing.lam)

        return mix_embedding
