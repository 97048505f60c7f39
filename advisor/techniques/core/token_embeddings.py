"""The embeddings of a batch's own tokens, apart from those of positions and other tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.errors import AdvisorError
from advisor.techniques.core.places import embeddings

if TYPE_CHECKING:
    import torch


def require_embeddings(model: torch.nn.Module, technique: str) -> list[torch.nn.Embedding]:
    """The nn.Embedding modules, in the order of registration.

    Raises:
        AdvisorError: there is none.
    """
    from torch import nn

    found = [module for module in embeddings(model) if isinstance(module, nn.Embedding)]
    if not found:
        raise AdvisorError(
            f"{technique} with where='embedding' needs a table of embeddings: looked for nn.Embedding modules in "
            f"{type(model).__name__} and found none. Use where='input' for real-valued inputs, or leave "
            f"{technique} out."
        )
    return found


@dataclass
class TokenBatch:
    """The shape of a batch of tokens, and whether an embedding looked it up in this step."""

    shape: torch.Size
    seen: bool = False

    def is_read_by(self, ids: torch.Tensor) -> bool:
        """Whether these are the batch's own tokens, and not positions; the batch may be stacked several times over."""
        own = ids.ndim > 0 and ids.shape[1:] == self.shape[1:] and len(ids) % self.shape[0] == 0
        self.seen = self.seen or own
        return own

    def require_seen(self, technique: str) -> None:
        """Refuse a step in which no embedding looked the batch up.

        Raises:
            AdvisorError: none did.
        """
        if not self.seen:
            raise AdvisorError(
                f"{technique} with where='embedding' saw no nn.Embedding look up the batch's inputs "
                f"{tuple(self.shape)} as they are, with the model in training mode; use another `where`."
            )
