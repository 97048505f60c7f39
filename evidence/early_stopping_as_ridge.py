"""Early stopping and weight decay on linear models: gradient flow, its spectral filter, and ridge of strength 1 / t.

Least squares with the loss |y - X w|^2 / (2 n) from w = 0. The flow dw/dt = X'(y - X w) / n has the spectral filter
1 - exp(-t d) for each eigenvalue d of X'X / n; ridge with the penalty lambda |w|^2 / 2 has d / (d + lambda). Both are
compared at lambda = 1 / t (Yao et al. 2007; Ali, Kolter and Tibshirani 2019).

1. Random problems: 100 rows; 50 columns in even blocks, 150 in odd ones; eigenvalues of the population that fall as a
   power of 0 to 2, drawn for each block; weights drawn from a standard normal distribution; noise of variance 1. The
   flow is integrated by a Runge-Kutta solver that knows no eigenvalues, to five times between 0.1 / d and 10 / d of the
   largest d, and compared with the filter: largest difference of a weight over the largest weight.
2. The same problems: risk |w - w_true|^2, exact over the noise, of the flow over that of ridge with lambda = 1 / t at
   200 times from 0.001 / (largest d) to 1000 / (smallest d above 0): the largest ratio of a block, which Ali et al.
   prove to be below 1.69; and the ratio of the two lowest risks over all times.
3. Diabetes (scikit-learn, 442 rows, 10 columns with their squares and products: 65), 150 rows train, 100 validate, the
   others test; standardized on the training rows. The stopping time and the penalty are each chosen on validation out
   of 60: R^2 on test of gradient descent of constant step, stopped, less that of ridge.

Tolerance: judged by the whole 95 % interval. (1) agrees where the difference is below 1e-6; (2) agrees where the
largest ratio is below 1.69, and where the ratio of the lowest risks is between 0.9 and 1.1; (3) within 0.02 of 0.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from common import Claim, Options, main, paired, single
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import PolynomialFeatures

Array = NDArray[np.float64]
RULE = "early-stopping-is-a-spectral-filter"
SEEDS, ROWS = 20, 100
TIMES, CHOICES = 200, 60
TRAIN_ROWS, VALIDATION_ROWS = 150, 100
BOUND = 1.69


@dataclass(frozen=True)
class Problem:
    """Least squares with known truth. x: (n, p); y: (n,); truth: (p,); the noise of y has variance 1."""

    x: Array
    y: Array
    truth: Array

    @property
    def spectrum(self) -> tuple[Array, Array]:
        """Eigenvalues (p,) and eigenvectors (p, p) of X'X / n."""
        values, vectors = np.linalg.eigh(self.x.T @ self.x / len(self.x))
        return np.maximum(values, 0.0), vectors


def problem(seed: int) -> Problem:
    """A random problem."""
    random = np.random.default_rng(seed)
    columns = 150 if seed % 2 else 50
    scale = np.arange(1, columns + 1) ** (-random.uniform(0, 2) / 2)
    rotation = np.linalg.qr(random.standard_normal((columns, columns)))[0]
    x = random.standard_normal((ROWS, columns)) * scale @ rotation.T
    truth = random.standard_normal(columns)
    return Problem(x, x @ truth + random.standard_normal(ROWS), truth)


def shares_of_flow(d: Array, time: float) -> Array:
    """What the flow has fitted of each direction."""
    return -np.expm1(-time * d)


def shares_of_ridge(d: Array, time: float) -> Array:
    """What ridge of strength 1 / time fits of each direction."""
    return d / (d + 1 / time)


def flow_error(given: Problem) -> float:
    """Largest relative difference between the integrated flow and its spectral filter."""
    d, vectors = given.spectrum
    moment = given.x.T @ given.y / len(given.x)
    times = np.geomspace(0.1, 10, 5) / d.max()
    gram = given.x.T @ given.x / len(given.x)
    start = np.zeros(len(moment))
    found = solve_ivp(
        lambda _, w: moment - gram @ w, (0, times[-1]), start, "DOP853", t_eval=times, rtol=1e-11, atol=1e-13
    )
    worst = 0.0
    for time, w in zip(times, found.y.T, strict=True):
        # (1 - exp(-t d)) / d tends to t where d is 0; there the moment is 0 too.
        filtered = np.where(d > 0, shares_of_flow(d, time) / np.where(d > 0, d, 1.0), time)
        exact = vectors @ (filtered * (vectors.T @ moment))
        worst = max(worst, float(np.abs(w - exact).max() / np.abs(exact).max()))
    return worst


def risks(given: Problem) -> tuple[Array, Array]:
    """Expected squared distance to the true weights along the flow and along ridge, at the same (TIMES,) times."""
    d, vectors = given.spectrum
    d = np.where(d > 1e-10 * d.max(), d, 0.0)
    truth = vectors.T @ given.truth
    times = np.geomspace(1e-3 / d.max(), 1e3 / d[d > 0].min(), TIMES)

    def risk(share: Array) -> float:
        noise = np.where(d > 0, share**2 / np.where(d > 0, d, 1.0), 0.0) / len(given.x)
        return float((((1 - share) * truth) ** 2).sum() + noise.sum())

    return (
        np.array([risk(shares_of_flow(d, time)) for time in times]),
        np.array([risk(shares_of_ridge(d, time)) for time in times]),
    )


def diabetes(seed: int) -> dict[str, float]:
    """R^2 on test of gradient descent that was stopped by validation, and of ridge whose penalty was."""
    numbers, target = load_diabetes(return_X_y=True, scaled=False)
    rows = np.random.default_rng(seed).permutation(len(target))
    train, validation = rows[:TRAIN_ROWS], rows[TRAIN_ROWS : TRAIN_ROWS + VALIDATION_ROWS]
    test = rows[TRAIN_ROWS + VALIDATION_ROWS :]
    base = (numbers - numbers[train].mean(0)) / numbers[train].std(0)
    x = PolynomialFeatures(2, include_bias=False).fit_transform(base)
    spread = x[train].std(0)
    x = (x - x[train].mean(0)) / np.where(spread > 0, spread, 1.0)
    y = target - target[train].mean()
    gram, moment = x[train].T @ x[train] / len(train), x[train].T @ y[train] / len(train)
    d, vectors = np.linalg.eigh(gram)
    step = 1 / d.max()
    steps = np.unique(np.geomspace(1, 100_000, CHOICES).round())
    along = vectors.T @ moment

    def best(weights: list[Array]) -> float:
        errors = [float(((y[validation] - x[validation] @ w) ** 2).mean()) for w in weights]
        chosen = weights[int(np.argmin(errors))]
        return 1 - float(((y[test] - x[test] @ chosen) ** 2).mean() / y[test].var())

    # Descent in closed form: w after k steps of this size, (1 - (1 - step d)^k) / d along each eigenvector.
    kept = np.where(d > 1e-12, d, 1.0)
    stopped = [vectors @ (np.where(d > 1e-12, (1 - (1 - step * d) ** k) / kept, step * k) * along) for k in steps]
    shrunk = [vectors @ (along / (d + 1 / (step * k))) for k in steps]
    return {"stopped descent": best(stopped), "ridge": best(shrunk)}


def measure(options: Options) -> list[Claim]:
    """All claims of this script."""
    seeds = options.seeds(SEEDS)
    problems = [problem(seed) for seed in seeds]
    paths = [risks(given) for given in problems]
    scores: dict[str, list[float]] = defaultdict(list)
    for seed in seeds:
        for name, value in diabetes(seed).items():
            scores[name].append(value)
    about = {"subjects": ["early_stopping", "weight_decay"], "rule_ids": [RULE], "seeds": seeds}
    return [
        Claim(
            "Gradient flow on random least squares, integrated, against its spectral filter 1 - exp(-t d)",
            metric="largest relative difference",
            below=1e-6,
            **about,
            **single("flow against filter", [flow_error(given) for given in problems]),
        ),
        Claim(
            "Risk of gradient flow at time t over that of ridge of strength 1 / t, the largest over all t, which Ali "
            f"et al. (2019) prove to be below {BOUND}",
            metric="ratio of risks",
            below=BOUND,
            **about,
            **single("flow / ridge, largest", [float((flow / ridge).max()) for flow, ridge in paths]),
        ),
        Claim(
            "Lowest risk along gradient flow over the lowest along ridge",
            metric="ratio of risks",
            above=0.9,
            below=1.1,
            **about,
            **single("flow / ridge, lowest", [float(flow.min() / ridge.min()) for flow, ridge in paths]),
        ),
        Claim(
            "Gradient descent stopped by validation against ridge chosen by validation, on diabetes with products of "
            "its columns",
            metric="difference of test R^2",
            above=-0.02,
            below=0.02,
            **about,
            **paired(scores, "stopped descent", "ridge"),
        ),
    ]


if __name__ == "__main__":
    main(__file__, __doc__, measure)
