"""What examples are to be predicted as: raw targets of any source turned into one form, with an error for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from advisor.data.facts import DataKind
from advisor.errors import AdvisorError

if TYPE_CHECKING:
    import torch

AnyArray = NDArray[Any]
# So many classes are never too many; beyond, there must be two examples for each.
FEW_CLASSES = 20
# Whole numbers with more different values than this are a quantity, unless the spec says otherwise.
MOST_WHOLE_CLASSES = 100
IGNORED_TOKEN = -100


@dataclass(frozen=True)
class EncodedTargets:
    """Targets as `Dataset` has them: (N,) int64 class indices with their labels, or (N, K) or (N,) float32."""

    kind: DataKind
    values: torch.Tensor
    labels: tuple[str, ...] = ()


def encode_targets(
    raw: AnyArray, what: str, task: Literal["class", "real"] | None = None, labels: tuple[str, ...] = ()
) -> EncodedTargets:
    """Strings, booleans and integers are classes, floats are real, (N, K) zeros and ones are labels; `task` overrules.

    raw: (N,) or (N, D). `labels` are the names of the classes 0, 1, ... or of the K labels, where the source has them.

    Raises:
        AdvisorError: values that are not finite, fewer than two classes, or too many for classes.
    """
    import torch

    if raw.ndim == 2 and raw.shape[1] == 1:
        raw = raw[:, 0]
    if task == "real" and raw.dtype.kind in "iub":
        raw = raw.astype(np.float64)
    if task == "class" and raw.dtype.kind == "f":
        raw = _whole(raw, what)
    if raw.dtype.kind == "f":
        _check_finite(raw, what)
        if (raw == raw[0]).all():
            raise AdvisorError(f"All targets of {what} are {raw[0].item()!r}; there is nothing to learn.")
        return EncodedTargets("real", torch.from_numpy(raw.astype(np.float32)))
    if raw.ndim == 2:
        return EncodedTargets("multilabel", torch.from_numpy(_marks(raw, what)), labels)
    present, indices = np.unique(raw, return_inverse=True)
    check_classes(present, len(raw), what)
    if labels and raw.dtype.kind in "iu" and int(present[0].item()) >= 0 and int(present[-1].item()) < len(labels):
        return EncodedTargets("class", torch.from_numpy(raw.astype(np.int64)), labels)
    names = tuple(str(label) for label in present)
    return EncodedTargets("class", torch.from_numpy(indices.reshape(-1).astype(np.int64)), names)


def is_marks(raw: AnyArray) -> bool:
    """Whether these are (N, K) zeros and ones, of both of which there are some."""
    return raw.ndim == 2 and raw.dtype.kind in "iub" and np.unique(raw).tolist() == [0, 1]


def is_tokens(raw: AnyArray, inputs: torch.Tensor) -> bool:
    """Whether each integer of the inputs (N, T) has one to be predicted."""
    same = raw.ndim == 2 and raw.shape == tuple(inputs.shape)
    return same and raw.dtype.kind in "iu" and not inputs.is_floating_point() and not is_marks(raw)


def token_targets(raw: AnyArray, inputs: torch.Tensor, what: str) -> tuple[torch.Tensor, int]:
    """The targets (N, T) as ids, and the size of the vocabulary, which is one more than the largest id of either.

    Raises:
        AdvisorError: a negative id, other than the target of a token that does not count.
    """
    import torch

    targets = torch.from_numpy(raw.astype(np.int64))
    if int(inputs.min()) < 0 or bool(((targets < 0) & (targets != IGNORED_TOKEN)).any()):
        raise AdvisorError(
            f"{what} holds negative token ids; use 0 and more, and {IGNORED_TOKEN} for targets not to count."
        )
    return targets, int(max(inputs.max(), targets.max())) + 1


def check_classes(labels: AnyArray, examples: int, what: str) -> None:
    """Refuse one class alone and more classes than there can be.

    Raises:
        AdvisorError: it is so.
    """
    if len(labels) < 2:
        raise AdvisorError(f"All targets of {what} are {labels[0].item()!r}; a model needs two classes to learn.")
    if len(labels) > max(FEW_CLASSES, examples // 2):
        kind = "string" if labels.dtype.kind == "U" else "integer"
        raise AdvisorError(
            f"There are {len(labels)} different {kind} targets for {examples} examples of {what}, too many for "
            "classes; give floats if the target is a quantity (task: real for a column), or another target."
        )


def _check_finite(raw: AnyArray, what: str) -> None:
    bad = ~np.isfinite(raw).reshape(len(raw), -1).all(1)
    if bad.any():
        rows = ", ".join(str(row) for row in np.flatnonzero(bad)[:5].tolist())
        raise AdvisorError(
            f"The targets of {what} are not all finite: {int(bad.sum())} of {len(raw)} are NaN or infinite, such as "
            f"those of examples {rows} (counted from 0); drop those examples."
        )


def _whole(raw: AnyArray, what: str) -> AnyArray:
    _check_finite(raw, what)
    whole = raw.astype(np.int64)
    if (whole != raw).any():
        value = raw[whole != raw][0].item()
        raise AdvisorError(f"The targets of {what} are to be classes but hold {value!r}; use task: real.")
    return whole


def _marks(raw: AnyArray, what: str) -> NDArray[np.float32]:
    if not is_marks(raw):
        raise AdvisorError(
            f"The targets of {what} have shape {raw.shape} but are not all 0 or 1; several labels for an example are "
            "written as 0 and 1, several quantities as floats."
        )
    marks = raw.astype(np.float32)
    constant = np.flatnonzero(marks.min(0) == marks.max(0)).tolist()
    if constant:
        raise AdvisorError(
            f"Labels {constant} of {what} (counted from 0) are the same for all {len(raw)} examples; leave them out."
        )
    return marks
