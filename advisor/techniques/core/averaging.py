"""The average of several networks' predictions, in the form in which one network gives its own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from advisor.techniques.core.targets import TargetKind

if TYPE_CHECKING:
    import torch


def average_predictions(outputs: list[torch.Tensor], kind: TargetKind) -> torch.Tensor:
    """What stands for the mean of the predicted probabilities, or of real values; NaN where any output is.

    outputs: at least one, of one shape. `class` and `token`, logits (..., K): the logarithm of the mean probabilities.
    `multilabel`: the logit of each label's mean probability. `real`: the mean.
    """
    import torch
    from torch.nn import functional

    stacked = torch.stack(outputs)
    if kind == "real":
        return stacked.mean(0)
    if kind == "multilabel":
        return functional.logsigmoid(stacked).logsumexp(0) - functional.logsigmoid(-stacked).logsumexp(0)
    return stacked.log_softmax(-1).logsumexp(0) - math.log(len(outputs))
