"""Whether a metric can be measured on some data, asked before any time is spent on it. Imports nothing heavy."""

from advisor.errors import AdvisorError
from advisor.training.metrics.catalogue import NEED_CORRUPTIONS, NEED_GROUPS, metric_names


def check_metric(metric: str, kind: str, *, grouped: bool) -> None:
    """Refuse a metric that does not fit targets of this kind, that no validation data have, or that lacks its groups.

    Raises:
        AdvisorError: it is so.
    """
    if metric in NEED_CORRUPTIONS:
        raise AdvisorError(
            f"Metric {metric!r} is measured on test examples alone, so that nothing can select by it; use "
            f"{metric.removeprefix('corrupted_')!r} with corruptions: true, which compares {metric!r} beside it."
        )
    if metric not in metric_names(kind, grouped=True):
        fitting = ", ".join(metric_names(kind, grouped=grouped)) or "none yet"
        raise AdvisorError(f"Metric {metric!r} does not fit {kind} targets; use one of {fitting}.")
    if metric in NEED_GROUPS and not grouped:
        raise AdvisorError(
            f"Metric {metric!r} needs the group of each example, but the data name no groups; name the column with "
            "data.groups."
        )
