"""Input noise: training on inputs with a little Gaussian noise, which is Tikhonov regularization (Bishop 1995).

For token inputs uniform noise goes onto their embeddings instead (NEFTune, Jain et al. 2023).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from advisor.errors import AdvisorError
from advisor.techniques.core import Card, Run, TargetKind, Targets, Technique, register, strength
from advisor.techniques.core.changes import uncompiled
from advisor.techniques.core.codes import join_codes, split_codes
from advisor.techniques.core.token_embeddings import TokenBatch, require_embeddings

if TYPE_CHECKING:
    import torch


def add_noise(inputs: torch.Tensor, sigma: float | torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The inputs plus Gaussian noise of standard deviation sigma. inputs: any shape of floats; sigma broadcasts."""
    import torch

    noise = torch.randn(inputs.shape, generator=generator, device=inputs.device, dtype=inputs.dtype)
    return inputs + noise * sigma


def deviations(inputs: torch.Tensor) -> torch.Tensor:
    """The batch's standard deviation of each input, shaped to broadcast; zero in a batch of one.

    Of each channel for images (N, C, H, W), of each entry over the batch for all other inputs (N, ...).
    """
    axes = (0, 2, 3) if inputs.ndim == 4 else (0,)
    return inputs.std(axes, correction=0, keepdim=True)


def add_embedding_noise(embedded: torch.Tensor, alpha: float, generator: torch.Generator) -> torch.Tensor:
    """The embeddings plus uniform noise in [-1, 1] times alpha / sqrt(L * d). embedded: (N, L, d) or (N, d)."""
    import torch

    length, width = (embedded.shape[-2] if embedded.ndim > 2 else 1), embedded.shape[-1]
    noise = torch.rand(embedded.shape, generator=generator, device=embedded.device, dtype=embedded.dtype)
    return embedded + (noise * 2 - 1) * (alpha / math.sqrt(length * width))


@register
class InputNoise(Technique, frozen=True):
    """Add fresh noise to each batch: to real-valued inputs, or to the embeddings of tokens."""

    sigma: float = strength(
        0.1,
        "for where: input, the standard deviation of the noise, as a multiple of `unit`",
        ge=0,
        le=10,
        usual=(0.01, 0.3),
    )
    unit: Literal["deviation", "range"] = Field(
        "deviation",
        description=(
            "what sigma is a multiple of: each input's standard deviation in the batch (each channel's for images), or "
            "the width of the range of pixels"
        ),
    )
    where: Literal["input", "embedding"] = Field(
        "input", description="where the noise goes: onto real-valued inputs, or onto the embeddings of tokens"
    )
    alpha: float = strength(
        5.0,
        "for where: embedding, the noise is uniform with a half-width of alpha / sqrt(length * width of the embedding)",
        ge=0,
        le=100,
        usual=(5, 15),
    )

    name: ClassVar[str] = "input_noise"
    stackable: ClassVar[bool] = True
    null: ClassVar[dict[str, float] | None] = {"sigma": 0.0}
    card: ClassVar[Card] = Card(
        title="Input noise",
        mechanism=(
            "Asks for the same answer in a small neighbourhood of each example; for small noise and squared error that "
            "is a penalty of sigma squared on the squared gradient of the answer with respect to the input."
        ),
        when=(
            "Small tables and sequences of measurements, whose inputs are noisy anyway; also where the network should "
            "not be upset by sensor noise. On embeddings: instruction tuning of language models."
        ),
        avoid=(
            "Where fine differences carry the answer; on categories written as numbers, and on columns that are mostly "
            "zero. For images, label-preserving moves gain more."
        ),
        cost="One random number for each input; negligible.",
        step_cost=1.0,
        effect=None,  # reported gains depend on the noise that the data already has
        interactions=(
            "In a linear model it is weight decay exactly: do not tune both. Noise of the kind that robustness is "
            "measured with makes that measurement no longer out of distribution."
        ),
        source="Bishop 1995; Jain et al. 2023 (embeddings)",
    )

    def stacks(self) -> bool:
        """Where it stays outside the model."""
        return self.where == "input"

    def refuse(self, kind: TargetKind, input_shape: tuple[int, ...]) -> str | None:
        """Token ids have no neighbourhood."""
        if kind == "token" and self.where == "input":
            return f"{self.name} on inputs needs real values, not token ids; use where: embedding"
        return super().refuse(kind, input_shape)

    def model(self, run: Run, model: torch.nn.Module) -> torch.nn.Module:
        """Hook the embeddings where they get the noise.

        Raises:
            AdvisorError: there are none.
        """
        if self.where == "embedding":
            for table in require_embeddings(model, self.name):
                run.undo.append(table.register_forward_hook(uncompiled(self._disturb(run))).remove)
        return model

    def batch(self, run: Run, inputs: torch.Tensor, targets: Targets) -> tuple[torch.Tensor, Targets]:
        """Add noise to the inputs, but to no codes of categories, of which none is near another.

        inputs: (N, ...) floats, or token ids where embeddings get the noise.

        Raises:
            AdvisorError: the inputs are to get noise but are integers.
        """
        if self.where == "embedding":
            run.state[self.name] = TokenBatch(inputs.shape)
            return inputs, targets
        if not inputs.is_floating_point():
            raise AdvisorError(
                f"input_noise needs real-valued inputs but got {inputs.dtype}; use where='embedding' for token ids, or "
                "leave it out of this arm."
            )
        numbers, codes = split_codes(inputs, run.task.category_columns)
        if self.sigma == 0 or numbers.numel() == 0:
            return inputs, targets
        low, high = run.task.input_range
        unit = high - low if self.unit == "range" else deviations(numbers)
        return join_codes(add_noise(numbers, unit * self.sigma, run.generator(self.name)), codes), targets

    def loss(
        self, run: Run, inputs: torch.Tensor, targets: Targets, outputs: torch.Tensor, loss: torch.Tensor
    ) -> torch.Tensor:
        """Make sure that the embeddings got their noise.

        Raises:
            AdvisorError: none did.
        """
        batch: TokenBatch | None = run.state.get(self.name)
        if batch is not None:
            batch.require_seen(self.name)
        return loss

    def step_end(self, run: Run) -> None:
        """Passes after the step get no noise."""
        run.state.pop(self.name, None)

    def _disturb(self, run: Run) -> Callable[..., Any]:
        def disturb(table: torch.nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor | None:
            batch: TokenBatch | None = run.state.get(self.name)
            if batch is None or not run.model.training or not batch.is_read_by(inputs[0]):
                return None
            return add_embedding_noise(output, self.alpha, run.generator(self.name))

        return disturb
