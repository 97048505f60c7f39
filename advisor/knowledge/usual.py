"""The usual range of a parameter, read from the field that declares it."""

from pydantic.fields import FieldInfo


def usual_range(field: FieldInfo) -> tuple[float, float] | None:
    """The usual range that a field declares, or None."""
    extra = field.json_schema_extra
    usual = extra.get("usual") if isinstance(extra, dict) else None
    if not isinstance(usual, (list, tuple)) or len(usual) != 2:
        return None
    low, high = usual
    return (float(low), float(high)) if isinstance(low, (int, float)) and isinstance(high, (int, float)) else None
