"""A run's answers on the test split, small enough to be kept beside its result.

Of at most so many test examples, evenly spread, as splits that are given may be sorted by class. Answers about classes
are kept as log-probabilities in half precision: rounding them to three digits moves a cross-entropy by less than 0.001.
Several labels, and tokens in a row, are many answers about classes.
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

KEPT_ANSWERS = 1000  # examples; of tokens and labels, answers
KEPT_LOSSES = 2000  # examples
IGNORED = -100  # the id of a token that is not counted


class Answers(Frozen):
    """Outputs (n, ...) and targets (n, ...) of test examples, packed."""

    outputs: str
    targets: str

    def unpack_outputs(self) -> NDArray[np.float64]:
        """(n, ...) log-probabilities of classes, or what the model gave."""
        return unpack(self.outputs)

    def unpack_targets(self) -> NDArray[np.float64]:
        """(n, ...) class ids, or what was wanted."""
        return unpack(self.targets)


def keep(outputs: torch.Tensor, targets: torch.Tensor, kind: str) -> Answers:
    """The answers of a run. Outputs (N, C), of multilabel (N, L), of tokens (N, T, V); targets as the data has them."""
    import torch

    if kind == "token":
        counted = targets != IGNORED
        outputs, targets, kind = outputs[counted], targets[counted], "class"
    elif kind == "multilabel":
        outputs, targets, kind = torch.stack([0 * outputs, outputs], -1).flatten(0, 1), targets.flatten(), "class"
    kept = min(len(outputs), KEPT_ANSWERS)
    chosen = torch.arange(kept, device=outputs.device) * len(outputs) // max(kept, 1)
    return Answers(outputs=pack(outputs[chosen], kind), targets=pack(targets[chosen], "targets"))


def keep_losses(outputs: torch.Tensor, targets: torch.Tensor) -> str:
    """The cross-entropy of each of at most so many test examples. outputs (N, C), targets (N,)."""
    import torch
    from torch.nn import functional

    kept = min(len(outputs), KEPT_LOSSES)
    chosen = torch.arange(kept, device=outputs.device) * len(outputs) // max(kept, 1)
    losses = functional.cross_entropy(outputs[chosen].float(), targets[chosen], reduction="none")
    return pack(losses.clamp(max=60_000.0), "loss")


def pack(outputs: torch.Tensor, kind: str) -> str:
    """Outputs (n, ...) of a model as text; of classes their logarithms of probabilities."""
    values = outputs.detach().float()
    array: NDArray[np.generic]
    if kind in ("class", "loss"):
        values = values.log_softmax(-1).clamp(min=-60_000) if kind == "class" else values
        array = values.cpu().numpy().astype(np.float16)
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
