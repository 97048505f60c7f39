"""Reading a spec from a YAML or JSON file."""

from pathlib import Path
from typing import Any

from advisor.errors import AdvisorError
from advisor.experiments.spec import AnySpec, parse_spec

MAX_BYTES = 1 << 20


def read_spec(path: Path) -> AnySpec:
    """The spec in this file.

    Raises:
        AdvisorError: it is missing, too large, not YAML or JSON, or not a valid spec.
    """
    return parse_spec(read_mapping(path), where=str(path))


def read_mapping(path: Path) -> Any:
    """The plain data of a YAML or JSON file; JSON is read as the YAML that it is.

    Raises:
        AdvisorError: it is missing, too large, or neither.
    """
    import yaml

    try:
        if path.stat().st_size > MAX_BYTES:
            raise AdvisorError(f"{str(path)!r} has {path.stat().st_size} bytes, more than {MAX_BYTES}: not a spec.")
        text = path.read_text(encoding="utf-8")
        if "&" in text and any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
            raise AdvisorError(f"{str(path)!r} uses YAML aliases (*name), which are not accepted; write values out.")
        return yaml.safe_load(text)
    except OSError as error:
        raise AdvisorError(f"Cannot read {str(path)!r}: {error.strerror}; check the path.") from None
    except UnicodeDecodeError:
        raise AdvisorError(f"{str(path)!r} is not text in UTF-8; a spec is a YAML or JSON file.") from None
    except (yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise AdvisorError(f"{str(path)!r} is neither YAML nor JSON: {reason}") from None
