"""What a logged value says as a number: spellings of NaN and infinity, durations, and text that is no number."""

import math
import re
from typing import Any

_NOT_A_NUMBER = frozenset({"nan", "-nan", "+nan", "nan(ind)", "-nan(ind)", "1.#qnan", "none", "null"})
_INFINITE = {
    **dict.fromkeys(("inf", "+inf", "infinity", "+infinity", "1.#inf", "∞"), math.inf),
    **dict.fromkeys(("-inf", "-infinity", "-1.#inf", "-∞"), -math.inf),
}
# Keras' CSVLogger writes NA for a metric that an epoch did not log.
_ABSENT = frozenset({"", "na", "n/a", "<na>", "-", "--"})
_DURATION = re.compile(r"(?:(\d+) days?, )?(?:(\d+):)?(\d{1,3}):(\d{2}(?:\.\d+)?)")
_WRAPPED = re.compile(r"tensor\(\s*([^,()]+?)\s*(?:,[^()]*)?\)")


def is_absent(text: str) -> bool:
    """Whether a table's cell says that nothing was logged there."""
    return text.strip().lower() in _ABSENT


def to_number(value: Any) -> float | None:
    """The number that a logged value means, or None where it is text, a list or an object.

    NaN and infinity in any usual spelling are numbers; JSON's null is a value that could not be written: NaN.
    True and False are 1 and 0. A percent sign and a unit-free `tensor(...)` around a number are dropped. A duration
    such as `4:39` or `1:02:03` becomes seconds.
    """
    if value is None:
        return math.nan
    if isinstance(value, (bool, int, float)):
        try:
            return float(value)
        except OverflowError:  # an integer beyond the range of a float
            return math.inf if value > 0 else -math.inf
    return _text_to_number(value.strip()) if isinstance(value, str) else None


def _text_to_number(text: str) -> float | None:
    lowered = text.lower()
    if lowered in _NOT_A_NUMBER:
        return math.nan
    if lowered in _INFINITE:
        return _INFINITE[lowered]
    try:
        # float() also takes 1_000, which no logger writes but identifiers look like.
        return float(text) if "_" not in text else None
    except ValueError:
        bare = text.removesuffix("%").strip()
    wrapped = _WRAPPED.fullmatch(bare)
    if wrapped:
        return _text_to_number(wrapped.group(1))
    duration = _DURATION.fullmatch(text)
    if duration:
        days, hours, minutes, seconds = (float(part or 0) for part in duration.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    return _text_to_number(bare) if bare != text else None
