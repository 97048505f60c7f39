"""Metrics of predicted tokens, from sums that add up over batches: logits over a vocabulary are too large to keep."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.techniques.core.targets import IGNORED_TOKEN

if TYPE_CHECKING:
    import torch

# Logits brought to float64 at once: 64 MiB.
CHUNK_ENTRIES = 2**23


@dataclass(frozen=True)
class TokenSums:
    """What is known of some tokens: the sum of their negative log-likelihoods in nats, the right ones, their number."""

    nll: float = 0.0
    hits: float = 0.0
    tokens: int = 0

    def __add__(self, other: TokenSums) -> TokenSums:
        return TokenSums(self.nll + other.nll, self.hits + other.hits, self.tokens + other.tokens)


def token_sums(logits: torch.Tensor, ids: torch.Tensor) -> TokenSums:
    """The sums over the tokens that count. logits: (..., V); ids: (...) int64, where -100 is not counted.

    A logit that is not finite makes them NaN.
    """
    import torch
    from torch.nn import functional

    logits, ids = logits.detach().flatten(0, -2), ids.flatten()
    if not bool(logits.isfinite().all()):
        return TokenSums(math.nan, math.nan, int((ids != IGNORED_TOKEN).sum()))
    sums = TokenSums()
    rows = max(1, CHUNK_ENTRIES // logits.shape[1])
    for some, own in zip(torch.split(logits, rows), torch.split(ids, rows), strict=True):
        counted = own != IGNORED_TOKEN
        double, own = some[counted].double(), own[counted]
        nll = functional.cross_entropy(double, own, reduction="sum").item()
        sums += TokenSums(nll, (double.argmax(1) == own).double().sum().item(), len(own))
    return sums


def token_metrics(sums: TokenSums) -> dict[str, float]:
    """`accuracy` and `nll` per token, and `perplexity`, which is e to the nll; all NaN where no token counts."""
    import torch

    if sums.tokens == 0:
        return dict.fromkeys(("accuracy", "nll", "perplexity"), math.nan)
    nll = sums.nll / sums.tokens
    perplexity = torch.tensor(nll, dtype=torch.float64).exp().item()  # infinite where it is too large
    return {"accuracy": sums.hits / sums.tokens, "nll": nll, "perplexity": perplexity}
