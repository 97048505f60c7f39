"""Error predicted at four times the largest size seen: LCDB 1.1 (Yan, Mohr & Viering 2025), beside a plain law.

    python benchmarks/learning_curves.py FOLDER [--files judge|fit|all]      the table
    python benchmarks/learning_curves.py FOLDER --fit                        the constants of the prior, printed

FOLDER holds the `*.json.gz` files, one a data set, and `anchor_list_denser.csv`. Each curve is the mean test error over
25 splits. Fitted are all anchors up to a quarter of the largest; predicted is the error at the largest. The data sets
are ordered by number: the 1st, 3rd, ... choose method and constants ("fit"), the 2nd, 4th, ... judge ("judge"). The
plain law is a * n ** -b + c by least squares, with none of the three below zero. The second table thins the same curves
to 5 to 12 sizes from 30 to 3000 examples, with the noise of 3 to 5 runs.
"""

import argparse
import csv
import gzip
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from advisor.experiments.learning_curves import fit_curve, prior
from advisor.experiments.learning_curves.points import read_points
from advisor.experiments.learning_curves.posterior import at, candidates, keep

# Positions on the first axis; the last four learners are CatBoost, TabNet, RealMLP and TabPFN.
JUDGED = {"MLP": 11, "RealMLP": 26, "CatBoost": 24, "TabPFN": 27}
OTHERS = {
    "SVM linear": 0, "SVM RBF": 2, "Decision tree": 4, "Logistic": 6, "Ridge": 9, "SGD": 10, "LDA": 12, "KNN": 18,
    "Extra trees": 20, "Random forest": 21, "Gradient boosting": 22, "TabNet": 25,
}  # fmt: skip
FITTED_BESIDES = ("SVM linear", "SVM RBF", "Logistic", "SGD", "LDA", "KNN", "Random forest", "Gradient boosting")
START = {
    "exponent_mean": -0.5, "exponent_log_sd": -0.9, "floor_low": -0.2, "floor_high": -0.4, "flat": -1.7,
    "rising": -5.0, "no_bend": 0.6, "bend_slope": -0.1, "bend_curvature": -1.8, "wandering_slope": 0.5,
    "wandering_curvature": -2.2, "nugget": -0.9,
}  # fmt: skip
MEAN, STANDARD_ERROR, TEST = 0, 1, 2
SHARE = 4  # the largest anchor over the largest that is fitted
LEAST_ANCHORS = 3


@dataclass(frozen=True)
class Case:
    """One curve: what is fitted, and what is to be predicted."""

    dataset: str
    learner: str
    sizes: np.ndarray
    values: np.ndarray
    standard_errors: np.ndarray
    target_size: float
    target: float


def datasets(folder: Path, files: str) -> list[tuple[str, np.ndarray]]:
    """Number and (learner, statistic, anchor, part) of every data set of the half, ordered by number."""
    paths = sorted(folder.glob("*.json.gz"), key=lambda path: (len(path.name), path.name))
    if not paths:
        raise SystemExit(f"{folder} holds no *.json.gz; give the folder of LCDB 1.1.")
    chosen = {"all": slice(None), "fit": slice(0, None, 2), "judge": slice(1, None, 2)}[files]
    return [
        (path.name.removesuffix(".json.gz"), np.array(json.loads(gzip.decompress(path.read_bytes())), dtype=float))
        for path in paths[chosen]
    ]


def anchors(folder: Path) -> np.ndarray:
    """The number of training examples at every position of the third axis."""
    with (folder / "anchor_list_denser.csv").open(encoding="utf-8-sig", newline="") as file:
        return np.array([float(row["anchor_list_denser"]) for row in csv.DictReader(file)])


def cases(tables: list[tuple[str, np.ndarray]], sizes: np.ndarray, learners: dict[str, int]) -> list[Case]:
    """Every curve that has three anchors up to a quarter of its largest."""
    found = []
    for name, table in tables:
        for learner, position in learners.items():
            values, errors = table[position, MEAN, :, TEST], table[position, STANDARD_ERROR, :, TEST]
            known = np.flatnonzero(np.isfinite(values))
            if len(known) == 0:
                continue
            last = known[-1]
            early = known[sizes[known] <= sizes[last] / SHARE]
            if len(early) >= LEAST_ANCHORS:
                noise = np.nan_to_num(errors[early])
                found.append(
                    Case(name, learner, sizes[early], values[early], noise, float(sizes[last]), float(values[last]))
                )
    return found


def plain_law(sizes: np.ndarray, values: np.ndarray, size: float) -> float:
    """a * n ** -b + c by least squares, none below zero: a search over b, the rest is linear."""
    from scipy.optimize import minimize_scalar, nnls

    def solve(log_exponent: float) -> tuple[float, float]:
        exponent = float(np.exp(log_exponent))
        columns = np.stack([(sizes / sizes[0]) ** -exponent, np.ones(len(sizes))], axis=1)
        (scale, floor), misfit = nnls(columns, values)
        return float(misfit), float(scale * (size / sizes[0]) ** -exponent + floor)

    trials = np.linspace(np.log(0.01), np.log(8), 60)
    best = int(np.argmin([solve(trial)[0] for trial in trials]))
    around = (float(trials[max(0, best - 1)]), float(trials[min(len(trials) - 1, best + 1)]))
    return solve(float(minimize_scalar(lambda trial: solve(trial)[0], bounds=around, method="bounded").x))[1]


def thinned(every: list[Case], seed: int) -> list[Case]:
    """The curves as an experiment would see them: 5 to 12 sizes from 30 to 3000 examples, 3 to 5 runs."""
    random, found = np.random.default_rng(seed), []
    for case in every:
        inside = np.flatnonzero((case.sizes >= 30) & (case.sizes <= 3000))
        if len(inside) < 5:
            continue
        wanted, runs = int(random.integers(5, min(12, len(inside)) + 1)), int(random.integers(3, 6))
        chosen = inside[np.unique(np.linspace(0, len(inside) - 1, wanted).round().astype(int))]
        spread = case.standard_errors[chosen] * 5  # of one run: the mean was over 25
        table = case.values[chosen, None] + spread[:, None] * random.normal(size=(len(chosen), runs))
        table = np.clip(table, 0, None)
        found.append(Case(case.dataset, case.learner, case.sizes[chosen], table, spread, case.target_size, case.target))
    return found


def report(title: str, every: list[Case], learners: Sequence[str]) -> None:
    """Print mean absolute errors and coverage, by learner."""
    heads = ("ours", "plain", "last", "ratio", "covered", "width")
    print(f"\n{title}\n{'learner':18} {'n':>4} " + " ".join(f"{head:>7}" for head in heads))
    for learner in learners:
        rows = []
        for case in (case for case in every if case.learner == learner):
            means = case.values if case.values.ndim == 1 else case.values.mean(axis=1)
            errors = case.standard_errors if case.values.ndim == 1 else None
            curve = fit_curve(case.sizes, case.values, standard_errors=errors, predict_at=[case.target_size])
            (low, high), ours = curve.predictions[0].interval, curve.predictions[0].value
            plain = plain_law(case.sizes, means, case.target_size)
            covered = low <= case.target <= high
            rows.append([*(abs(guess - case.target) for guess in (ours, plain, means[-1])), covered, high - low])
        if rows:
            ours, plain, last, covered, width = np.array(rows, dtype=float).mean(axis=0)
            shown = f"{ours:7.4f} {plain:7.4f} {last:7.4f} {ours / plain:7.2f} {covered:7.1%} {width:7.4f}"
            print(f"{learner:18} {len(rows):4} {shown}", flush=True)


QUANTILES = np.array([0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95])
GRID = np.linspace(-3.5, 1.5, 251)  # of log(value / last value)
SPREADS = np.geomspace(0.004, 3.0, 40)  # standard deviations to which those of the components are rounded
FAR = 1e-6  # likelihood, relative to the best, below which a candidate is left out of the fit


@lru_cache(maxsize=1)
def smoothers() -> np.ndarray:
    """For every spread, what each cell of the grid adds to the distribution function, (spreads, grid, grid)."""
    from scipy.special import ndtr

    return np.stack([ndtr((GRID[:, None] - GRID) / spread) for spread in SPREADS])


class Prepared:
    """A case with its likelihoods, so that another prior only reweights them."""

    def __init__(self, case: Case) -> None:
        errors = case.standard_errors if case.values.ndim == 1 else None
        points = read_points(case.sizes, case.values, errors)
        every = candidates(points)
        fitted = keep(every, every.likelihood, FAR)
        there = at(fitted, case.target_size)
        self.state, self.shape, self.known = fitted.state, fitted.shape, points.noise_known
        self.logs = np.log(fitted.weight)
        self.states = int(fitted.state.max()) + 1
        self.spreads = np.zeros(self.states, dtype=int)
        self.spreads[fitted.state] = np.abs(np.log(there.sd[:, None] / SPREADS)).argmin(axis=1)
        self.last, self.offset, self.target = float(points.logs[-1]), points.offset, case.target
        self.change = abs(float(points.values[-1]) - case.target)
        step = GRID[1] - GRID[0]
        cell = np.clip(np.rint((there.mean - self.last - GRID[0]) / step), 0, len(GRID) - 1).astype(int)
        self.cell = cell + len(GRID) * self.state
        self.learner = case.learner

    def quantiles(self, of_shape: np.ndarray, of_state: np.ndarray) -> np.ndarray:
        """The predicted value at QUANTILES under a prior."""
        logs = self.logs + of_shape[self.shape] + of_state[self.state]
        weight = np.exp(logs - logs.max())
        table = np.bincount(self.cell, weight, self.states * len(GRID)).reshape(self.states, len(GRID))
        used = table.sum(axis=1) > 1e-4 * table.sum()
        pairs = zip(self.spreads[used], table[used], strict=True)
        cumulated = np.sum([smoothers()[spread] @ row for spread, row in pairs], axis=0)
        return np.maximum(np.exp(np.interp(QUANTILES, cumulated / cumulated[-1], GRID) + self.last) - self.offset, 0)


def loss_of(prepared: list[Prepared], parameters: dict[str, float]) -> tuple[float, dict[str, tuple[float, float]]]:
    """Loss of a prior; and by learner mean absolute error and coverage.

    The loss is pinball loss plus a quarter of the median's error, over the mean change, averaged over learners.
    """
    of_shape = prior.shape_prior(parameters)
    of_state = {known: prior.state_prior(parameters, known) for known in (True, False)}
    by_learner: dict[str, list[Any]] = {}
    for item in prepared:
        predicted = item.quantiles(of_shape, of_state[item.known])
        off = item.target - predicted
        pinball = np.maximum(QUANTILES * off, (QUANTILES - 1) * off).mean() + abs(off[3]) / 4
        covered = predicted[0] <= item.target <= predicted[-1]
        by_learner.setdefault(item.learner, []).append((pinball, abs(off[3]), covered, item.change))
    means = {learner: np.array(rows, dtype=float).mean(axis=0) for learner, rows in by_learner.items()}
    weights = {learner: 1.0 if learner in JUDGED else 0.15 for learner in means}
    total = sum(weights[learner] * row[0] / row[3] for learner, row in means.items()) / sum(weights.values())
    return float(total), {learner: (float(row[1]), float(row[2])) for learner, row in means.items()}


def fit(prepared: list[Prepared], start: dict[str, float], evaluations: int) -> dict[str, float]:
    """The parameters of the prior with the least loss (Nelder & Mead), rounded to two decimals."""
    from scipy.optimize import minimize

    names = list(start)

    def objective(x: np.ndarray) -> float:
        # A weak pull to the start keeps what the data say nothing about.
        pull = 2e-4 * float(((x - first) ** 2).sum())
        return loss_of(prepared, dict(zip(names, x.tolist(), strict=True)))[0] + pull

    first = np.array(list(start.values()))
    simplex = np.vstack([first, first + np.diag(np.full(len(first), 0.5))])
    options = {"maxfev": evaluations, "initial_simplex": simplex, "xatol": 1e-2, "fatol": 1e-5}
    best = minimize(objective, first, method="Nelder-Mead", options=options).x
    return {name: round(float(value), 2) for name, value in zip(names, best, strict=True)}


def fit_edges(prepared: list[Prepared], parameters: dict[str, float]) -> dict[str, float]:
    """The narrowest edges that leave at most 4 % of all targets beyond either, and hold 89 % of each learner's."""
    of_shape = prior.shape_prior(parameters)
    rows = []
    for item in prepared:
        quantiles = item.quantiles(of_shape, prior.state_prior(parameters, item.known))
        low, middle, high = np.log(np.maximum(quantiles[[0, 3, -1]] + item.offset, 1e-12))
        rows.append((low, middle, high, abs(middle - item.last), item.offset, item.target))
    low, middle, high, change, offset, target = np.array(rows).T
    learners = np.array([item.learner for item in prepared])
    found: list[tuple[float, dict[str, float]]] = []
    for by_change in (0.0, 0.3, 0.6, 0.9, 1.2, 1.5):
        for by_distance in (0.0, 0.03, 0.05, 0.08, 0.12, 0.16):
            for above in (0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2):
                start = np.maximum(np.exp(low - by_change * change - by_distance) - offset, 0)
                end = np.exp(middle + above * (high - middle)) - offset
                below, beyond = start > target, target > end
                worst = max((below | beyond)[learners == learner].mean() for learner in set(learners))
                if max(below.mean(), beyond.mean()) <= 0.04 and worst <= 0.11:
                    edges = {"below_by_change": by_change, "below_by_distance": by_distance, "above": above}
                    found.append((float((end - start).mean()), edges))
    return min(found, key=lambda pair: pair[0])[1]


def main() -> None:
    """Print the tables, or fit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", choices=("judge", "fit", "all"), default="judge")
    parser.add_argument("--tables", nargs="+", choices=("main", "others", "few"), default=["main", "others", "few"])
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--evaluations", type=int, default=300)
    arguments = parser.parse_args()
    sizes = anchors(arguments.folder)
    tables = datasets(arguments.folder, "fit" if arguments.fit else arguments.files)
    began = time.perf_counter()
    if arguments.fit:
        print_fit(tables, sizes, arguments.evaluations)
        return
    names = ", ".join(name for name, _ in tables)
    print(f"{len(tables)} data sets ({arguments.files}): {names}")
    judged, others = cases(tables, sizes, JUDGED), cases(tables, sizes, OTHERS)
    if "main" in arguments.tables:
        report("All anchors up to a quarter of the largest; mean absolute error at the largest", judged, list(JUDGED))
    if "others" in arguments.tables:
        report("The same, other learners", others, list(OTHERS))
    if "few" in arguments.tables:
        few = thinned(judged + others, seed=1)
        report("5 to 12 sizes of 30 to 3000 examples, 3 to 5 runs", few, [*JUDGED, *OTHERS])
    print(f"\n{time.perf_counter() - began:.0f} s")


def print_fit(tables: list[tuple[str, np.ndarray]], sizes: np.ndarray, evaluations: int) -> None:
    """Fit the constants of `advisor/experiments/learning_curves/prior.py` and print them."""
    judged = cases(tables, sizes, JUDGED)
    others = cases(tables, sizes, {name: OTHERS[name] for name in FITTED_BESIDES})
    few = thinned(judged, seed=0)[::2] + thinned(others, seed=0)[1::3]
    prepared = [Prepared(case) for case in judged + few]
    after = fit(prepared, START, evaluations)
    for name, parameters in (("start", START), ("fitted", after)):
        total, by_learner = loss_of(prepared, parameters)
        print(f"{name}: loss {total:.5f} on {len(tables)} data sets, {len(prepared)} curves, {by_learner}")
    print(
        f"PARAMETERS = {json.dumps(after, indent=4)}\nEDGES = {json.dumps(fit_edges(prepared[: len(judged)], after))}"
    )


if __name__ == "__main__":
    main()
