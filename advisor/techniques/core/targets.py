"""What a batch should predict, in one form for each kind, so that mixing, smoothing and weighting compose."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from advisor.errors import AdvisorError

if TYPE_CHECKING:
    import torch

TargetKind = Literal["class", "multilabel", "real", "token"]
IGNORED_TOKEN = -100


@dataclass(frozen=True)
class Targets:
    """The targets of a batch.

    `class` and `multilabel`: `values` are (N, K) float probabilities. `real`: (N,) or (N, D) floats. `token`: (N, T)
    int64 ids, where -100 is not counted; dense targets over a vocabulary would be too large, so mixing keeps the
    partner's ids in `partner` with the share `lam` of the own ones, and smoothing is a number.
    """

    kind: TargetKind
    values: torch.Tensor
    partner: torch.Tensor | None = None
    lam: float | torch.Tensor = 1.0
    smoothing: float = 0.0

    @staticmethod
    def of_labels(labels: torch.Tensor, classes: int, dtype: torch.dtype | None = None) -> Targets:
        """Dense class targets from (N,) integer labels in [0, classes).

        Raises:
            AdvisorError: the labels are not (N,) integers.
        """
        import torch

        if labels.ndim != 1 or labels.is_floating_point():
            raise AdvisorError(
                f"Class labels must be (N,) integers but are {tuple(labels.shape)} {labels.dtype}; pass class indices, "
                "or a Targets object for soft, multi-label, real or token targets."
            )
        dense = torch.nn.functional.one_hot(labels.long(), classes)
        return Targets("class", dense.to(dtype or torch.get_default_dtype()))

    def __len__(self) -> int:
        return len(self.values)

    def with_values(self, values: torch.Tensor) -> Targets:
        """The same kind of targets with other values."""
        return replace(self, values=values)

    def mixed(self, permutation: torch.Tensor, lam: float | torch.Tensor) -> Targets:
        """`lam` of each target and the rest of its partner's. permutation: (N,); lam: a number, or (N,)."""
        if self.kind == "token":
            if self.partner is not None:
                raise AdvisorError("These token targets are mixed already; leave one of the mixing techniques out.")
            return replace(self, partner=self.values[permutation], lam=lam)
        share = lam if isinstance(lam, (int, float)) else lam.view(-1, *[1] * (self.values.ndim - 1))
        return self.with_values(share * self.values + (1 - share) * self.values[permutation])

    def smoothed(self, epsilon: float) -> Targets:
        """`epsilon` of the mass spread evenly over all classes; class and token targets only."""
        if self.kind == "token":
            return replace(self, smoothing=epsilon)
        return self.with_values(self.values * (1 - epsilon) + epsilon / self.values.shape[1])

    def repeated(self, copies: int) -> Targets:
        """The targets of a batch that is stacked `copies` times."""
        import torch

        def stack(tensor: torch.Tensor) -> torch.Tensor:
            return torch.cat([tensor] * copies)

        lam = stack(self.lam) if isinstance(self.lam, torch.Tensor) else self.lam
        partner = None if self.partner is None else stack(self.partner)
        return replace(self, values=stack(self.values), partner=partner, lam=lam)

    def split(self, size: int) -> list[Targets]:
        """Consecutive parts of at most `size` examples, of targets that are not mixed yet."""
        import torch

        return [self.with_values(values) for values in torch.split(self.values, size)]


def mean_loss(outputs: torch.Tensor, targets: Targets) -> torch.Tensor:
    """The mean loss of a batch: a scalar.

    `class`: cross-entropy of logits (N, K) against probabilities. `multilabel`: binary cross-entropy of logits (N, K).
    `real`: squared error. `token`: cross-entropy of logits (N, T, V) over the tokens that count.
    """
    from torch.nn import functional

    if targets.kind == "real":
        return functional.mse_loss(outputs.reshape(targets.values.shape), targets.values)
    if targets.kind == "multilabel":
        return functional.binary_cross_entropy_with_logits(outputs, targets.values)
    if targets.kind == "class":
        return functional.cross_entropy(outputs, targets.values)
    own = _token_loss(outputs, targets.values, targets)
    if targets.partner is None:
        return own.sum() / _counted(targets.values)
    lam = targets.lam if isinstance(targets.lam, (int, float)) else targets.lam.view(-1, 1)
    other = _token_loss(outputs, targets.partner, targets)
    return (lam * own).sum() / _counted(targets.values) + ((1 - lam) * other).sum() / _counted(targets.partner)


def _token_loss(outputs: torch.Tensor, ids: torch.Tensor, targets: Targets) -> torch.Tensor:
    """(N, T), zero where a token does not count."""
    from torch.nn import functional

    return functional.cross_entropy(
        outputs.flatten(0, 1), ids.flatten(), ignore_index=IGNORED_TOKEN, label_smoothing=targets.smoothing,
        reduction="none",
    ).view(ids.shape)  # fmt: skip


def _counted(ids: torch.Tensor) -> torch.Tensor:
    return (ids != IGNORED_TOKEN).sum().clamp(min=1)
