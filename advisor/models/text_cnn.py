"""Convolutions over the tokens of a text, of several widths, each reduced to its largest answer (Kim 2014)."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from advisor.contract import Frozen
from advisor.models.task import ModelTask, NamedModel

if TYPE_CHECKING:
    import torch


class TextCnnArguments(Frozen):
    """Arguments of the model "text_cnn"."""

    embedding: int = Field(64, ge=1, le=4096, description="features of each token")
    width: int = Field(64, ge=1, le=4096, description="filters of each kernel size")
    kernels: tuple[int, ...] = Field((3, 4, 5), min_length=1, max_length=16, description="tokens that a filter sees")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of the features set to zero before the last layer")

    @field_validator("kernels")
    @classmethod
    def _sizes(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not all(1 <= size <= 64 for size in value):
            raise ValueError(f"kernel sizes lie in 1 to 64 but are {', '.join(map(str, value))}; change those outside")
        return value


def build_text_cnn(arguments: TextCnnArguments, task: ModelTask) -> torch.nn.Module:
    """The network for ids (N, T), giving (N, outputs); how much padding follows a text changes nothing.

    Raises:
        AdvisorError: the inputs are not ids.
    """
    _, vocabulary, padding = task.ids("text_cnn")
    return _text_cnn_class()(arguments, vocabulary, padding, task.outputs)


@functools.cache
def window_conv1d() -> type[torch.nn.Conv1d]:
    """A Conv1d, padded by its kernel less one, that multiplies windows of a sequence laid side by side.

    For the short sequences and few features of a text that is half again as fast on a processor as the general one:
    see docs/performance.md.
    """
    import torch
    from torch import nn
    from torch.nn import functional

    class WindowConv1d(nn.Conv1d):
        """As nn.Conv1d, (N, in, T) to (N, out, T + kernel - 1)."""

        def forward(self, input: torch.Tensor) -> torch.Tensor:
            if input.is_cuda:
                return super().forward(input)
            size, places = self.kernel_size[0], input.shape[2] + self.kernel_size[0] - 1
            padded = functional.pad(input.transpose(1, 2), (0, 0, size - 1, size - 1))
            windows = torch.cat([padded[:, start : start + places] for start in range(size)], 2)  # (N, T', kernel in)
            weight = self.weight.permute(0, 2, 1).reshape(self.out_channels, -1)
            return functional.linear(windows, weight, self.bias).transpose(1, 2)

    return WindowConv1d


@functools.cache
def _text_cnn_class() -> type[torch.nn.Module]:
    import torch
    from torch import nn

    class TextCnn(nn.Module):
        """Ids (N, T) to (N, outputs)."""

        def __init__(self, arguments: TextCnnArguments, vocabulary: int, padding: int | None, outputs: int) -> None:
            super().__init__()
            self.padding = padding
            self.embedding = nn.Embedding(vocabulary, arguments.embedding, padding_idx=padding)
            # Padded by a whole kernel less one, so that short texts and both ends are seen by every filter.
            self.kernels = arguments.kernels
            self.convolutions = nn.ModuleList(
                window_conv1d()(arguments.embedding, arguments.width, size, padding=size - 1) for size in self.kernels
            )
            self.dropout: nn.Module = nn.Dropout(arguments.dropout) if arguments.dropout > 0 else nn.Identity()
            self.head = nn.Linear(arguments.width * len(arguments.kernels), outputs)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            hidden = self.embedding(ids).transpose(1, 2)
            lengths = None if self.padding is None else (ids != self.padding).sum(1)
            features = []
            for size, convolution in zip(self.kernels, self.convolutions, strict=True):
                answers = convolution(hidden).relu()
                if lengths is not None:
                    places = torch.arange(answers.shape[2], device=ids.device)
                    seen = places < (lengths + size - 1).unsqueeze(1)
                    answers = answers * seen.unsqueeze(1).to(answers.dtype)
                features.append(answers.amax(2))
            answer: torch.Tensor = self.head(self.dropout(torch.cat(features, 1)))
            return answer

    return TextCnn


MODEL = NamedModel(
    name="text_cnn",
    title="convolutions over tokens, each reduced to its largest answer, for text",
    arguments=TextCnnArguments,
    build=build_text_cnn,
    reads=frozenset({"text", "tokens"}),
)
