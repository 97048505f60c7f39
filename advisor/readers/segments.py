"""Resumed runs: which points a run logged a second time, and where it was taken up again."""

import numpy as np

from advisor.curves import FloatArray, Segment, Series


def cut_segments(series: list[Series]) -> tuple[list[Series], tuple[Segment, ...]]:
    """Series with increasing x, and the segments between resumptions; none where the run was never resumed.

    Where a series goes back to an earlier x, the earlier points from there on are replaced by the later ones: the
    default view shows what the run that went on really did. Replaced points stay in the segment they ended.
    """
    kept: list[Series] = []
    replaced: dict[float, list[Series]] = {}
    for item in series:
        current = _part(item, np.argsort(item.x, kind="stable")) if _is_interleaved(item.x) else item
        back = np.flatnonzero(np.diff(current.x) < 0)
        while len(back):
            cut = int(back[0]) + 1
            resumed_at = float(current.x[cut])
            old = current.x[:cut] >= resumed_at
            replaced.setdefault(resumed_at, []).append(_part(current, np.flatnonzero(old)))
            current = _part(current, np.concatenate([np.flatnonzero(~old), np.arange(cut, len(current))]))
            back = np.flatnonzero(np.diff(current.x) < 0)
        kept.append(current)
    if not replaced:
        return kept, ()
    first = min(float(item.x[0]) for item in kept)
    last = max(float(item.x[-1]) for item in kept)
    borders = sorted(replaced)
    starts, ends = [first, *borders], [*borders, last]
    return kept, tuple(
        Segment(start=start, end=end, kind="restart" if index == 0 else "resume", replaced=tuple(replaced.get(end, ())))
        for index, (start, end) in enumerate(zip(starts, ends, strict=True))
    )


def _is_interleaved(x: FloatArray) -> bool:
    """Whether several writers share the log: x goes back often, or never by more than two of its usual strides."""
    strides = np.diff(x)
    back = -strides[strides < 0]
    forward = strides[strides > 0]
    if len(back) < 5:
        return False
    return len(back) > 0.05 * len(x) or (len(forward) > 0 and bool(back.max() <= 2 * np.median(forward)))


def _part(series: Series, index: "np.ndarray[tuple[int, ...], np.dtype[np.intp]]") -> Series:
    x: FloatArray = series.x[index]
    return series.model_copy(update={"x": _frozen(x), "y": _frozen(series.y[index])})


def _frozen(array: FloatArray) -> FloatArray:
    array.flags.writeable = False
    return array
