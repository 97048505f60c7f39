"""Which curves agree with the points, and what they say elsewhere: a mixture of Gaussians on log(value + offset).

Around its shape a curve wanders: a Gaussian process in the log of the size, so that near points tell more about what
comes next than far ones. For a given shape and a given amount of wandering everything is linear; the rest is a sum
over a grid, weighted by prior and likelihood. No search, no random numbers.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.experiments.learning_curves import prior
from advisor.experiments.learning_curves.points import Floats, Points, pooled
from advisor.experiments.learning_curves.shapes import LEAST_SHAPE, shapes

NEGLIGIBLE = 1e-5  # weight of a component, relative to the largest, below which it is left out
LEAST_VARIANCE = 1e-12


@dataclass(frozen=True)
class Mixture:
    """Gaussians with weights on the scale of log(value + offset): `weight`, `mean`, `sd` are (components,)."""

    weight: Floats
    mean: Floats
    sd: Floats

    def below(self, value: float) -> float:
        """The probability of at most `value`."""
        from scipy.special import ndtr

        return float(self.weight @ ndtr((value - self.mean) / self.sd))

    def quantile(self, probability: float) -> float:
        """The value that is not exceeded with this probability."""
        low, high = float((self.mean - 9 * self.sd).min()), float((self.mean + 9 * self.sd).max())
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if self.below(middle) < probability else (low, middle)
        return (low + high) / 2


@dataclass(frozen=True)
class Candidates:
    """Every state (wandering and nugget) times every shape; the prior is not in yet.

    `likelihood`, `level`: (states, shapes), the latter the log of the curve at the last size; `solved`: (states, m,
    shapes) points minus curve times the inverse covariance; `ones`: (states, m) the same for a constant.
    """

    points: Points
    times: Floats
    wanderings: Floats
    nuggets: Floats
    inverse: Floats
    ones: Floats
    precision: Floats
    level: Floats
    solved: Floats
    likelihood: Floats


@dataclass(frozen=True)
class Posterior:
    """The candidates that agree with the points, (components,) each; `solved` is (components, m)."""

    candidates: Candidates
    weight: Floats
    state: NDArray[np.intp]
    shape: NDArray[np.intp]
    level: Floats
    solved: Floats

    @property
    def last(self) -> float:
        """The largest size that was measured."""
        return float(self.candidates.points.sizes[-1])


def kernel(a: Floats, b: Floats) -> Floats:
    """The covariance of wandering with unit size at the times a and b, (len(a), len(b)); Matern, smoothness 3/2."""
    distance = np.sqrt(3) * np.abs(a[:, None] - b) / prior.LENGTH
    amplitude = np.exp(-prior.DECAY * np.minimum(a, 0))[:, None] * np.exp(-prior.DECAY * np.minimum(b, 0))
    return np.asarray(amplitude * (1 + distance) * np.exp(-distance))


def candidates(points: Points) -> Candidates:
    """How well each shape and state explains the points."""
    few = pooled(points)
    times = np.log(few.sizes / points.sizes[-1])
    table = shapes(times)
    possible = (table > LEAST_SHAPE).all(axis=0)
    residuals = few.logs[:, None] - np.log(np.maximum(table, LEAST_SHAPE))
    nuggets = prior.NUGGETS if points.noise_known else prior.BLIND_NUGGETS
    covariance, constant = kernel(times, times), np.ones(len(times))
    rows: list[tuple[Any, ...]] = []
    for wandering in prior.WANDERINGS:
        for nugget in nuggets:
            noise = np.diag(few.variances + nugget**2 + LEAST_VARIANCE)
            total = wandering**2 * covariance + noise
            inverse = np.linalg.inv(total)
            ones = inverse @ constant
            precision = ones.sum()
            level = ones @ residuals / precision
            left = residuals - level
            solved = inverse @ left
            determinant = np.linalg.slogdet(total)[1]
            likelihood = -0.5 * ((left * solved).sum(axis=0) + determinant + np.log(precision))
            likelihood = np.where(possible, likelihood, -np.inf)
            rows.append((wandering, nugget, inverse, ones, precision, level, solved, likelihood))
    return Candidates(points, times, *(np.array(column) for column in zip(*rows, strict=True)))


def posterior(points: Points) -> Posterior:
    """The candidates weighted by prior and likelihood, without those that do not count."""
    every = candidates(points)
    states = prior.state_prior(prior.PARAMETERS, points.noise_known)
    return keep(every, every.likelihood + prior.log_prior() + states[:, None], NEGLIGIBLE)


def keep(every: Candidates, logs: Floats, negligible: float) -> Posterior:
    """The candidates whose weight exp(logs), (states, shapes), is not negligible beside the largest."""
    weight = np.exp(logs - logs.max())
    state, shape = np.nonzero(weight > negligible)
    kept = weight[state, shape]
    return Posterior(every, kept / kept.sum(), state, shape, every.level[state, shape], every.solved[state, :, shape])


def at(fitted: Posterior, size: float) -> Mixture:
    """What would be measured at `size`, as the mean of as many runs as there were at the last size."""
    every = fitted.candidates
    time, extra = np.array([np.log(size / fitted.last)]), every.nuggets**2
    across = kernel(every.times, time)[:, 0]
    mean = fitted.level + _log_shape(fitted, time)[0] + every.wanderings[fitted.state] ** 2 * (fitted.solved @ across)
    variance = _variance(every, across, float(kernel(time, time)[0, 0]), 1.0) + extra + every.points.variances[-1]
    return Mixture(fitted.weight, mean, np.sqrt(np.maximum(variance, LEAST_VARIANCE))[fitted.state])


def between(fitted: Posterior, size: float, reference: float) -> Mixture:
    """The curve itself, without noise of measurement: log of its value at `size` over that at `reference`."""
    every = fitted.candidates
    times = np.log(np.array([size, reference]) / fitted.last)
    pair, own = kernel(every.times, times), kernel(times, times)
    across = pair[:, 0] - pair[:, 1]
    shape = _log_shape(fitted, times)
    mean = shape[0] - shape[1] + every.wanderings[fitted.state] ** 2 * (fitted.solved @ across)
    variance = _variance(every, across, float(own[0, 0] + own[1, 1] - 2 * own[0, 1]), 0.0)
    return Mixture(fitted.weight, mean, np.sqrt(np.maximum(variance, LEAST_VARIANCE))[fitted.state])


def _log_shape(fitted: Posterior, times: Floats) -> Floats:
    # A rising curve that fits may still be below zero before its first point.
    return np.asarray(np.log(np.maximum(shapes(times, fitted.shape), LEAST_SHAPE)))


def _variance(every: Candidates, across: Floats, own: float, constant: float) -> Floats:
    """Of the wandering and the level, given the points, by state, (states,)."""
    scaled = every.wanderings[:, None] ** 2 * across
    explained = np.einsum("sm,smk,sk->s", scaled, every.inverse, scaled)
    leftover = constant - (every.ones * scaled).sum(axis=1)
    return np.asarray(every.wanderings**2 * own - explained + leftover**2 / every.precision)
