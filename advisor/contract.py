"""The base of every model that crosses a boundary: frozen, strict, versioned, named by its content."""

import hashlib
import json
import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer


def spell_number(value: float) -> float | str:
    """A float for JSON, which has no NaN or infinity: those become "nan", "inf", "-inf"."""
    return value if math.isfinite(value) else str(float(value))


# A float whose non-finite values survive JSON; pydantic's float reads the three words back.
Number = Annotated[float, PlainSerializer(spell_number, when_used="json")]


class Frozen(BaseModel):
    """A part of a contract: immutable, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Contract(Frozen):
    """A whole contract: JSON with a `schema_version`, and an `id` that is a hash of the content."""

    schema_version: Literal[1] = 1

    @property
    def id(self) -> str:
        """16 hexadecimal digits that depend on the content alone."""
        return content_id(self.model_dump(mode="json"))


def content_id(value: Any) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a JSON value, keys sorted."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
