"""Learning-rate schedules, each a pure function of the step: what the learning rate is multiplied with.

Each starts at 1 at step 0 and ends near 0 at the last of its steps, `constant` excepted; warm-up comes before it.
"""

import math
from collections.abc import Callable

from advisor.experiments.spec import Training

# One cycle (Smith & Topin 2019): start and end as shares of its peak, and the share of the steps in which it rises.
ONE_CYCLE_START = 1 / 25
ONE_CYCLE_END = 1 / 25 / 1e4
ONE_CYCLE_RISE = 0.3


def warm_up(step: int, warmup_steps: int) -> float:
    """Linear from 1 / (warmup_steps + 1) at step 0 to 1 at step `warmup_steps`."""
    return (step + 1) / (warmup_steps + 1)


def constant(step: int, steps: int) -> float:
    """1 throughout."""
    return 1.0


def cosine(step: int, steps: int) -> float:
    """Half a cosine from 1 towards 0 (Loshchilov & Hutter 2017, without restarts)."""
    return 0.5 * (1.0 + math.cos(math.pi * step / steps))


def linear(step: int, steps: int) -> float:
    """A straight line from 1 towards 0."""
    return 1.0 - step / steps


def constant_with_decay(step: int, steps: int, decay_steps: int) -> float:
    """1, and over the last `decay_steps` a straight line towards 0 (warm-up, stable, decay: Hu et al. 2024)."""
    return min(1.0, (steps - step) / max(decay_steps, 1))


def one_cycle(step: int, steps: int, rise_steps: float) -> float:
    """Up to 1 at `rise_steps` and down until the last step, both along half a cosine; momentum stays as it is."""
    if step <= rise_steps and rise_steps > 0:
        return _between(ONE_CYCLE_START, 1.0, step / rise_steps)
    return _between(1.0, ONE_CYCLE_END, (step - rise_steps) / max(steps - 1 - rise_steps, 1))


def learning_rate_factor(
    schedule: str, step: int, steps: int, *, warmup_steps: int = 0, decay_fraction: float = 0.2
) -> float:
    """What the learning rate is multiplied with at `step` of `steps`, both counted from the start of warm-up.

    `warmup_steps` of linear warm-up come first; in "one_cycle" they are the length of its own rise, 30 % of the steps
    where 0. `decay_fraction` is the share of all steps in which "constant_with_decay" decays.
    """
    if schedule == "one_cycle":
        return one_cycle(step, steps, warmup_steps or ONE_CYCLE_RISE * steps - 1)
    if step < warmup_steps:
        return warm_up(step, warmup_steps)
    if schedule == "constant_with_decay":
        return constant_with_decay(step, steps, round(decay_fraction * steps))
    plain: dict[str, Callable[[int, int], float]] = {"constant": constant, "cosine": cosine, "linear": linear}
    return plain[schedule](step - warmup_steps, steps - warmup_steps)


def factor_at(training: Training, step: int, steps_per_epoch: int) -> float | None:
    """The factor at this step of a training, or None where the learning rate never changes."""
    warmup_steps = round(training.warmup_epochs * steps_per_epoch)
    if training.schedule == "constant" and warmup_steps == 0:
        return None
    return learning_rate_factor(
        training.schedule,
        step,
        training.epochs * steps_per_epoch,
        warmup_steps=warmup_steps,
        decay_fraction=training.decay_fraction,
    )


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))
