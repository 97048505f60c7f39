"""A run's answers on the test split, small enough to be kept beside its result.

Class answers are kept as log-probabilities, of at most so many test examples, in half precision: rounding them to
three digits moves a cross-entropy by less than 0.001.
"""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from advisor.contract import Frozen

if TYPE_CHECKING:
    import torch

KEPT_ANSWERS = 1000  # examples, the first of the test split


class Answers(Frozen):
    """Outputs (n, ...) and targets (n, ...) of the first test examples, packed."""

    outputs: str
    targets: str

    def unpack_outputs(self) -> NDArray[np.float64]:
        """(n, ...) log-probabilities of classes, or what the model gave."""
        return unpack(self.outputs)

    def unpack_targets(self) -> NDArray[np.float64]:
        """(n, ...) class ids, or what was wanted."""
        return unpack(self.targets)


def keep(outputs: torch.Tensor, targets: torch.Tensor, kind: str) -> Answers:
    """The answers of a run."""
    return Answers(outputs=pack(outputs[:KEPT_ANSWERS], kind), targets=pack(targets[:KEPT_ANSWERS], "targets"))


def pack(outputs: torch.Tensor, kind: str) -> str:
    """Outputs (n, ...) of a model as text; of classes their logarithms of probabilities."""
    values = outputs.detach().float()
    if kind == "class":
        values = values.log_softmax(-1).clamp(min=-60_000)
        array: NDArray[np.generic] = values.cpu().numpy().astype(np.float16)
    else:
        array = values.cpu().numpy().astype(np.float32)
    header = f"{array.dtype.name} {' '.join(map(str, array.shape))};".encode()
    return base64.b85encode(header + zlib.compress(array.tobytes(), 6)).decode()


def unpack(text: str) -> NDArray[np.float64]:
    """What `pack` was given, rounded."""
    header, data = base64.b85decode(text).split(b";", 1)
    dtype, *shape = header.decode().split()
    array = np.frombuffer(zlib.decompress(data), dtype=dtype).reshape([int(n) for n in shape])
    return array.astype(np.float64)
