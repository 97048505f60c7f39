"""What a model is built for: the form of one example, and how many numbers it must give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.contract import Frozen
from advisor.errors import AdvisorError
from advisor.techniques.core.targets import TargetKind

if TYPE_CHECKING:
    import torch

    from advisor.data.facts import InputFacts

INPUT_KINDS = frozenset({"image", "table", "text", "tokens", "other"})
PER_EXAMPLE: frozenset[TargetKind] = frozenset({"class", "multilabel", "real"})


@dataclass(frozen=True)
class ModelTask:
    """`input_shape`: one example's, without the batch. `outputs`: numbers for one example, or for one token.

    `facts`: what is known of the inputs, None where only their shape is.
    """

    input_shape: tuple[int, ...]
    outputs: int
    kind: TargetKind = "class"
    facts: InputFacts | None = None

    @property
    def inputs(self) -> str:
        """What the inputs are: image, table, text, tokens or other."""
        return self.facts.kind if self.facts is not None else "other"

    def image(self, model: str) -> tuple[int, int, int]:
        """Channels, height and width of one example.

        Raises:
            AdvisorError: the inputs are no images.
        """
        if len(self.input_shape) != 3:
            raise AdvisorError(
                f"Model {model!r} needs images of shape (channels, height, width) but one example has shape "
                f"{self.input_shape}; use 'mlp', or a model entry of your own."
            )
        channels, height, width = self.input_shape
        return channels, height, width

    def ids(self, model: str) -> tuple[int, int, int | None]:
        """The length of one example, the size of the vocabulary, and the id that fills up short examples.

        Raises:
            AdvisorError: the inputs are no ids, or nothing says how many different ones there are.
        """
        vocabulary = self.facts.vocabulary if self.facts is not None else None
        if self.kind == "token" and vocabulary is None:
            vocabulary = self.outputs
        if len(self.input_shape) != 1 or vocabulary is None:
            raise AdvisorError(
                f"Model {model!r} reads the ids of a text, (examples, tokens), but one example has shape "
                f"{self.input_shape} and a vocabulary of {vocabulary or 'unknown'} size; use data.text or data.corpus, "
                "or a model that reads numbers, such as 'mlp'."
            )
        return self.input_shape[0], vocabulary, self.facts.padding if self.facts is not None else None


@dataclass(frozen=True)
class NamedModel:
    """A model that a spec can name. `title` says what it is in a line.

    `build(arguments, task)` initialises it from torch's global random state alone; a library's also gets the whole
    name. `reads`: the kinds of inputs that it understands, "other" where only their shape is known. `kinds`: those of
    targets.
    """

    name: str
    title: str
    arguments: type[Frozen]
    build: Callable[..., torch.nn.Module]
    reads: frozenset[str] = INPUT_KINDS
    kinds: frozenset[TargetKind] = PER_EXAMPLE
