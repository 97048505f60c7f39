"""Hugging Face `trainer_state.json`: the log of a Trainer, as its checkpoints keep it."""

import json
import re
from typing import Any

from advisor.curves import Curves
from advisor.errors import AdvisorError
from advisor.readers.base import READABLE, LogFile, register
from advisor.readers.json_lines import flatten
from advisor.readers.table import Table
from advisor.readers.values import to_number

# The entry that a Trainer appends when it ends: totals of the run, no point of a curve.
_SUMMARY_KEYS = frozenset({"train_runtime", "total_flos", "train_samples_per_second"})


class TrainerState:
    """Training entries hold `loss`, evaluation entries `eval_*`; both count optimizer steps."""

    name = "Hugging Face trainer_state.json"

    def sniff(self, file: LogFile) -> float:
        """0.95 where the key `log_history` stands in the first 64 KiB, less for the file's name alone."""
        if file.head.lstrip().startswith("{") and re.search(r'"log_history"\s*:', file.head):
            return 0.95
        return 0.85 if file.path.name.endswith("trainer_state.json") else 0.0

    def read(self, file: LogFile) -> list[Curves]:
        """One run. The closing summary entry is left out and noted."""
        source = str(file.path)
        state = self._parse(file)
        history = state.get("log_history")
        entries = [entry for entry in history if isinstance(entry, dict)] if isinstance(history, list) else []
        if not entries:
            raise AdvisorError(f"Cannot read {source!r}: its log_history has no entries; {READABLE}.")
        points = [entry for entry in entries if not _SUMMARY_KEYS & entry.keys()]
        notes = [f"{len(entries) - len(points)} summary entries were left out"] if len(points) < len(entries) else []
        planned = to_number(state["max_steps"]) if state.get("max_steps") is not None else None
        rows = [flatten(entry) for entry in points]
        return Table(source, file.path.stem, rows, notes, planned=planned).curves()

    def _parse(self, file: LogFile) -> dict[str, Any]:
        try:
            state = json.loads(file.text())
        except (ValueError, RecursionError) as error:
            raise AdvisorError(
                f"Cannot read {str(file.path)!r}: it is no complete JSON ({error}); was it cut off? {READABLE}."
            ) from error
        if not isinstance(state, dict):
            raise AdvisorError(f"Cannot read {str(file.path)!r}: it holds no JSON object; {READABLE}.")
        return state


register(TrainerState())
