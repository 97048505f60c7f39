"""Our own runs as curves and as a log, so that diagnosis works on them as on anybody's."""

import csv
import io
from collections.abc import Sequence

from advisor.experiments.evidence import EpochRow


def epoch_log(rows: Sequence[EpochRow], metric: str, column: str | None = None) -> str:
    """A run's rows as CSV in the form of common training loggers: epoch, train_loss, val_loss, val_METRIC.

    `column` names the last one otherwise.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["epoch", "train_loss", "val_loss", column or f"val_{metric}"])
    for row in rows:
        # What was not logged is an empty cell.
        writer.writerow([row.epoch, row.train_eval_loss, row.validation_loss, row.validation_metric])
    return text.getvalue()
