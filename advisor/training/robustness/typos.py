"""Typing errors in texts of words or bytes. tokens: (N, T) int64 raw tokens, -1 after the end of a text.

A word that is misspelled is one that nobody knows; see `MISSPELLED`. Of bytes each counts as a character, so that
characters of several bytes may break.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.training.robustness.registry import corruption

if TYPE_CHECKING:
    import torch

END = -1
MISSPELLED = -2  # in place of a raw token, until the text is encoded
OF_CHARACTERS = (0.01, 0.02, 0.04, 0.07, 0.10)
OF_WORDS = (0.05, 0.10, 0.15, 0.22, 0.30)


@corruption("words", OF_WORDS, "share of words")
def misspelled_words(tokens: torch.Tensor, setting: float, generator: torch.Generator) -> torch.Tensor:
    """Words with a typing error, which makes them unknown."""
    return tokens.masked_fill(_hit(tokens, setting, generator), MISSPELLED)


@corruption("words", OF_WORDS, "share of words")
def dropped_words(tokens: torch.Tensor, setting: float, generator: torch.Generator) -> torch.Tensor:
    """Words that are left out."""
    return _dropped(tokens, setting, generator)


@corruption("words", OF_WORDS, "share of words that change places with the next")
def swapped_words(tokens: torch.Tensor, setting: float, generator: torch.Generator) -> torch.Tensor:
    """Neighbouring words in the wrong order."""
    return _swapped(tokens, setting, generator)


@corruption("bytes", OF_CHARACTERS, "share of characters")
def replaced_characters(tokens: torch.Tensor, setting: float, generator: torch.Generator) -> torch.Tensor:
    """Small letters in the place of characters."""
    import torch

    letters = torch.randint(ord("a"), ord("z") + 1, tokens.shape, generator=generator, device=tokens.device)
    return torch.where(_hit(tokens, setting, generator), letters, tokens)


@corruption("bytes", OF_CHARACTERS, "share of characters")
def dropped_characters(tokens: torch.Tensor, setting: float, generator: torch.Generator) -> torch.Tensor:
    """Characters that are left out."""
    return _dropped(tokens, setting, generator)


@corruption("bytes", OF_CHARACTERS, "share of characters that change places with the next")
def swapped_characters(tokens: torch.Tensor, setting: float, generator: torch.Generator) -> torch.Tensor:
    """Neighbouring characters in the wrong order."""
    return _swapped(tokens, setting, generator)


def _hit(tokens: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """(N, T) booleans: this share of the tokens that are there."""
    import torch

    drawn = torch.rand(tokens.shape, generator=generator, device=tokens.device, dtype=torch.float64)
    return (drawn < share) & (tokens != END)


def _dropped(tokens: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    left = tokens.masked_fill(_hit(tokens, share, generator), END)
    return left.gather(1, (left == END).byte().argsort(dim=1, stable=True))


def _swapped(tokens: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Only every other place may start a pair, from a first one drawn for each text, so that no pairs overlap."""
    import torch

    count, length = tokens.shape
    if length < 2:
        return tokens.clone()
    places = torch.arange(length, device=tokens.device)
    first = torch.randint(2, (count, 1), generator=generator, device=tokens.device)
    starts = _hit(tokens, min(1.0, 2 * share), generator)[:, :-1]
    starts &= (places[:-1] % 2 == first) & (tokens[:, 1:] != END)
    order = places.repeat(count, 1)
    order[:, :-1] += starts.long()
    order[:, 1:] -= starts.long()
    return tokens.gather(1, order)
