"""Error rates, coverage, power and savings of the sequential test, by simulation.

    python benchmarks/statistics.py [--only null equivalent coverage power recipe dropping shape] [--campaigns 20000]

Differences are simulated arm minus baseline with one baseline for all arms of a campaign, standard deviation 1 unless
it says otherwise, at most 20 blocks, error rate 5 %. A share stands with the upper end of its 95 % interval (Wilson).
The fast rules used here are first compared with `advisor.experiments.sequential.follow`, campaign by campaign.
"""

import argparse
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from statistics_campaigns import EFFECT, EQUIVALENT, Campaigns, check, run

from advisor.experiments import boundary
from advisor.experiments.sequential import Rule

Array = NDArray[np.float64]
HORIZON, ALPHA, SEED = 20, 0.05, 20261125
Draw = Callable[[np.random.Generator, tuple[int, int, int]], Array]


def main() -> None:
    parts = {"null": null, "equivalent": equivalent, "coverage": coverage, "power": power, "recipe": recipe,
             "dropping": dropping, "shape": shape}  # fmt: skip
    parser = argparse.ArgumentParser(description="Error rates and power of the sequential test.")
    parser.add_argument("--only", nargs="*", choices=parts, default=list(parts))
    parser.add_argument("--campaigns", type=int, default=20_000)
    arguments = parser.parse_args()
    random = np.random.default_rng(SEED)
    for arms, margin in ((1, 1.5), (4, 1.5), (4, 0.0)):
        effects = random.choice([0.0, 0.5, 1.0, 2.0], size=(15, arms, 1))
        check(random.normal(size=(15, arms, HORIZON)) + effects, rule(margin))
    for name in arguments.only:
        print(f"\n{name}: {(parts[name].__doc__ or '').splitlines()[0]}")
        parts[name](arguments.campaigns)


def rule(minimum_effect: float = 0.0, horizon: int = HORIZON, alpha: float = ALPHA) -> Rule:
    return Rule(alpha=alpha, horizon=horizon, minimum_effect=minimum_effect)


def _paired(noise: Callable[[np.random.Generator, tuple[int, ...]], Array], sd: float) -> Draw:
    """Arms and their one baseline have noise of this law, of standard deviation `sd`; differences then have 1."""

    def draw(random: np.random.Generator, size: tuple[int, int, int]) -> Array:
        shared = noise(random, (size[0], 1, size[2]))
        return (noise(random, size) - shared) / (sd * math.sqrt(2))

    return draw


def _own(noise: Callable[[np.random.Generator, tuple[int, ...]], Array]) -> Draw:
    """Each arm's differences have this law of mean 0 and standard deviation 1."""
    return lambda random, size: noise(random, size)


def _accuracy(random: np.random.Generator, size: tuple[int, int, int]) -> Array:
    """Accuracy on 200 examples of which 20 are not sure; in units of the difference's standard deviation."""
    shared = random.binomial(20, 0.5, (size[0], 1, size[2]))
    return (random.binomial(20, 0.5, size) - shared) / math.sqrt(2 * 20 * 0.25)


# An arm that changes nothing gives differences of two equal laws, which are symmetric whatever the law is. The last two
# change the shape of the results and not their mean: no A/A, and beyond what a t-test is valid for.
LAWS: dict[str, Draw] = {
    "normal": _paired(lambda r, s: r.normal(size=s), 1.0),
    "skewed results (exponential)": _paired(lambda r, s: r.exponential(size=s), 1.0),
    "heavy tails (t with 3 df)": _own(lambda r, s: r.standard_t(3, size=s) / math.sqrt(3)),
    "accuracy on 200 examples": _accuracy,
    "skewed differences (skewness 1)": _own(lambda r, s: (r.gamma(4, size=s) - 4) / 2),
    "skewed differences (skewness 2)": _own(lambda r, s: r.exponential(size=s) - 1),
}


def _share(hits: NDArray[np.bool_]) -> str:
    k, n = int(hits.sum()), len(hits)
    high = stats.binomtest(k, n).proportion_ci(0.95, method="wilson").high
    return f"{100 * k / n:5.2f} (up to {100 * high:4.2f})"


def null(campaigns: int) -> None:
    """At least one false helps or hurts, % of campaigns; bar 5, upper end 5.5."""
    print(f"{'law of the differences':34s} {'1 arm':>19s} {'2 arms':>19s} {'4 arms':>19s} {'8 arms':>19s}")
    for name, draw in LAWS.items():
        shares = []
        for arms in (1, 2, 4, 8):
            found = run(draw(np.random.default_rng(SEED + arms), (campaigns, arms, HORIZON)), rule())
            shares.append(_share((found.settled == EFFECT).any(1)))
        print(f"{name:34s} {'  '.join(shares)}")


def equivalent(campaigns: int) -> None:
    """False equivalent where the true effect is the minimum effect of 1.5 SD, % of arms; bar 5. True ones at 0."""
    print(f"{'law of the differences':34s} {'1 arm':>19s} {'4 arms':>19s}   said at no effect, 1 and 4 arms")
    for name, draw in LAWS.items():
        wrong, right = [], []
        for arms in (1, 4):
            noise = draw(np.random.default_rng(SEED + arms), (campaigns, arms, HORIZON))
            wrong.append(_share((run(noise + 1.5, rule(1.5)).settled == EQUIVALENT)[:, 0]))
            right.append(100 * (run(noise, rule(1.5)).settled == EQUIVALENT).mean())
        print(f"{name:34s} {'  '.join(wrong)}   {right[0]:.0f} and {right[1]:.0f} %")


def coverage(campaigns: int) -> None:
    """Coverage of the interval at the stop, % (mean width in SD), one arm and of four; bar 94, skewed 92."""
    print(f"{'law of the differences':34s} arms {'effect 0':>14s} {'0.5 SD':>14s} {'1 SD':>14s} {'2 SD':>14s}")
    for name, draw in LAWS.items():
        for arms in (1, 4):
            noise = draw(np.random.default_rng(SEED + arms), (campaigns, arms, HORIZON))
            cells = []
            for effect in (0.0, 0.5, 1.0, 2.0):
                found = run(noise + effect, rule())
                covered = (found.low <= effect) & (effect <= found.high)
                finite = np.isfinite(found.high - found.low)
                cells.append(f"{100 * covered.mean():6.2f} ({(found.high - found.low)[finite].mean():.2f})")
            print(f"{name:34s} {arms:4d} {'  '.join(f'{cell:>13s}' for cell in cells)}")


def power(campaigns: int) -> None:
    """Share of campaigns that find the effect, and expected blocks, one arm, all at 5 % error on normal differences."""
    peers: dict[str, Callable[[Array], tuple[NDArray[np.bool_], Array]]] = {
        "ours": _ours,
        "ours, without giving up": lambda x: _ours(x, futility=False),
        "group-sequential t, one bound on p": lambda x: _group_sequential(x, decay=0.0),
        "alpha spending (O'Brien-Fleming)": _spending,
        "e-process (t, mixture over effects)": _e_process,
        "sign-flip p, alpha spread evenly": _sign_flip,
        "paired t-test, fixed at 13 blocks": lambda x: _fixed(x, 13),
        "paired t-test, fixed at 5 blocks": lambda x: _fixed(x, 5),
        "unpaired t-test, 29 runs an arm": lambda x: _unpaired(x, 29),
        "P(A>B) > 0.75, 29 paired runs": lambda x: _win_rate(x, 29),
        "Wilcoxon, looked at each block": _wilcoxon,
    }
    random = np.random.default_rng(SEED)
    noise = random.normal(size=(campaigns, 29))
    print(f"{'':38s} {'no effect':>9s}  " + "  ".join(f"{effect:>5g} SD: power, blocks" for effect in (0.5, 1, 2)))
    for name, peer in peers.items():
        wrong = 100 * peer(noise)[0].mean()
        cells = []
        for effect in (0.5, 1.0, 2.0):
            found, blocks = peer(noise + effect)
            cells.append(f"{found.mean():16.3f} {blocks.mean():7.2f}")
        print(f"{name:38s} {wrong:8.2f} %  {'  '.join(cells)}")
    print("The unpaired test and P(A>B) get differences whose arms have a correlation of 0.5 within a block.")


def _ours(x: Array, *, futility: bool = True) -> tuple[NDArray[np.bool_], Array]:
    found = run(x[:, None, :HORIZON], rule(), futility=futility)
    return (found.settled == EFFECT)[:, 0], found.stop[:, 0].astype(float)


def _p_values(x: Array) -> Array:
    """Two-sided t-test p-values of the first n of each row, 1 for n = 1."""
    n = np.arange(1, x.shape[1] + 1)
    mean = np.cumsum(x, 1) / n
    sd = np.sqrt(np.maximum(np.cumsum(x**2, 1) - n * mean**2, 1e-300) / np.maximum(n - 1, 1))
    p = np.ones_like(x)
    p[:, 1:] = 2 * stats.t.sf(np.abs(mean / (sd / np.sqrt(n)))[:, 1:], n[1:] - 1)
    return p


def _first(crossed: NDArray[np.bool_], first: int, last: int) -> tuple[NDArray[np.bool_], Array]:
    """Whether a look crosses, and at how many blocks; crossed: (campaigns, blocks), looks from `first` to `last`."""
    seen = crossed[:, first - 1 : last]
    found = seen.any(1)
    return found, np.where(found, seen.argmax(1) + first, last).astype(float)


def _group_sequential(
    x: Array, *, decay: float, first: int = boundary.FIRST_LOOK, last: int = HORIZON
) -> tuple[NDArray[np.bool_], Array]:
    at = np.arange(first, last + 1)
    shape = (at / last) ** -decay
    level = _solve(lambda bound: boundary.crossing_probability(at.tolist(), np.minimum(1, bound * shape).tolist()))
    bounds = np.ones(x.shape[1])
    bounds[first - 1 : last] = level * shape
    return _first(_p_values(x) <= bounds, first, last)


def _solve(error: Callable[[float], float]) -> float:
    from scipy.optimize import brentq

    return math.exp(brentq(lambda log: error(math.exp(log)) - ALPHA, math.log(1e-5), math.log(ALPHA), xtol=1e-6))


def _spending(x: Array) -> tuple[NDArray[np.bool_], Array]:
    """Lan & DeMets: at each look the error spent so far follows O'Brien and Fleming's function of blocks / horizon."""
    from scipy.optimize import brentq

    at, bounds = list(boundary.looks(HORIZON)), []
    for place, n in enumerate(at):
        spent = 2 * stats.norm.sf(stats.norm.isf(ALPHA / 2) / math.sqrt(n / HORIZON))

        def excess(log: float, place: int = place, spent: float = spent) -> float:
            return boundary.crossing_probability(at[: place + 1], [*bounds, math.exp(log)]) - spent

        bounds.append(math.exp(brentq(excess, -40, math.log(ALPHA), xtol=1e-5)))
    limits = np.zeros(x.shape[1])
    limits[boundary.FIRST_LOOK - 1 : HORIZON] = bounds
    return _first(_p_values(x) <= limits, boundary.FIRST_LOOK, HORIZON)


def _e_process(x: Array) -> tuple[NDArray[np.bool_], Array]:
    """Wang & Ramdas 2025: the scale-invariant likelihood ratio with a normal mixture over the effect in SD."""
    c2 = 1.0  # mixture precision: effects of about one SD are expected
    n = np.arange(1, x.shape[1] + 1)
    total, squares = np.cumsum(x, 1), np.cumsum(x**2, 1)
    r2 = total**2 / (n * squares)  # share of the squares along the mean
    log_e = 0.5 * np.log(c2 / (n + c2)) - n / 2 * np.log1p(-r2 * n / (n + c2))
    log_e[:, 0] = 0
    return _first(log_e >= math.log(1 / ALPHA), 2, HORIZON)


def _sign_flip(x: Array) -> tuple[NDArray[np.bool_], Array]:
    """Sign-flip p-values of the mean at blocks 6 to 20, each tested at the level that the looks together allow."""
    random = np.random.default_rng(SEED)
    x = x[: min(len(x), 2000), :HORIZON]  # costly
    signs = np.sign(random.normal(size=(HORIZON, 2000)))
    p = np.ones_like(x)
    for n in range(6, HORIZON + 1):
        flipped = np.abs(x[:, :n] @ signs[:n])
        p[:, n - 1] = (1 + (flipped >= np.abs(x[:, :n].sum(1))[:, None] - 1e-12).sum(1)) / (1 + signs.shape[1])
    return _first(p <= ALPHA / 5, 6, HORIZON)


def _fixed(x: Array, n: int) -> tuple[NDArray[np.bool_], Array]:
    return _p_values(x)[:, n - 1] <= ALPHA, np.full(len(x), float(n))


def _two_arms(x: Array) -> tuple[Array, Array]:
    """Arm and baseline whose difference is x, each of variance 1 and with correlation 0.5."""
    random = np.random.default_rng(SEED + 1)
    middle = random.normal(size=x.shape) * math.sqrt(0.75)
    return middle + x / 2, middle - x / 2


def _unpaired(x: Array, n: int) -> tuple[NDArray[np.bool_], Array]:
    arm, base = _two_arms(x[:, :n])
    return stats.ttest_ind(arm, base, axis=1, equal_var=False).pvalue <= ALPHA, np.full(len(x), float(n))


def _win_rate(x: Array, n: int) -> tuple[NDArray[np.bool_], Array]:
    """Bouthillier et al. 2021: P(A>B) above 0.75 and its percentile bootstrap interval above 0.5; or the same below."""
    wins = (x[:, :n] > 0).sum(1)
    table = []
    for k in range(n + 1):
        low, high = stats.binom.ppf([0.025, 0.975], n, k / n) / n  # the bootstrap of k wins of n
        table.append((k / n >= 0.75 and low > 0.5) or (k / n <= 0.25 and high < 0.5))
    return np.array(table)[wins], np.full(len(x), float(n))


def _wilcoxon(x: Array) -> tuple[NDArray[np.bool_], Array]:
    """As Optuna's WilcoxonPruner uses it: a signed-rank test at 5 % after each block, here two-sided."""
    x = x[: min(len(x), 2000), :HORIZON]
    p = np.ones_like(x)
    for n in range(2, HORIZON + 1):
        p[:, n - 1] = stats.wilcoxon(x[:, :n], axis=1).pvalue
    return _first(p <= ALPHA, 2, HORIZON)


def recipe(campaigns: int) -> None:
    """12 null steps with 5 to 12 blocks each: recipes with any false keep, %; bar 5, upper end 5.5."""
    random = np.random.default_rng(SEED)
    steps = 12
    print(f"{'':52s} {'5 blocks':>19s} {'8 blocks':>19s} {'12 blocks':>19s}")
    rows: dict[str, list[str]] = {}
    for blocks in (5, 8, 12):
        own = random.normal(size=(campaigns, steps, blocks))  # fresh blocks for every step
        shared = (random.normal(size=(campaigns, steps, blocks)) - random.normal(size=(campaigns, 1, blocks))) / 2**0.5
        alone = run(own.reshape(-1, 1, blocks), rule(horizon=blocks, alpha=ALPHA / steps))
        kept = ((alone.settled[:, 0] == EFFECT) & (alone.sign[:, 0] > 0)).reshape(campaigns, steps)
        together = run(shared, rule(horizon=blocks))
        looked = _p_values(own.reshape(-1, blocks)).reshape(own.shape)
        better = np.cumsum(own, 2) > 0
        means = own.mean(2)
        resampled = own[:1000, :, random.integers(0, blocks, (500, blocks))].mean(3)
        rows.setdefault("ours, in sequence", []).append(_share(kept.any(1)))
        rows.setdefault("ours, in parallel", []).append(
            _share(((together.settled == EFFECT) & (together.sign > 0)).any(1))
        )
        rows.setdefault("keep if better", []).append(_share((means > 0).any(1)))
        rows.setdefault("percentile bootstrap over blocks, 5 %", []).append(
            _share((np.quantile(resampled, 0.025, axis=2) > 0).any(1))
        )
        rows.setdefault("t-test looked at after each of 3 and more blocks", []).append(
            _share(((looked <= ALPHA) & better)[:, :, 2:].any((1, 2)))
        )
        rows.setdefault("bootstrap over 1,000 evaluation rows of single runs", []).append(_share(_rows(random).any(1)))
    for name, cells in rows.items():
        print(f"{name:52s} {'  '.join(cells)}")


def _rows(random: np.random.Generator) -> NDArray[np.bool_]:
    """One run a step; each of 1,000 rows is right or wrong, and runs differ by 1 % in accuracy beside that."""
    rows, steps, campaigns, run_sd = 1000, 12, 2000, 0.01
    accuracy = 0.9 + run_sd * random.normal(size=(campaigns, steps, 2))
    # Rows that the two runs answer differently: a tenth of all, beside the difference in accuracy.
    gain = random.binomial(rows, np.clip(0.05 + np.diff(accuracy, axis=2)[:, :, 0] / 2, 0, 1))
    loss = random.binomial(rows, np.clip(0.05 - np.diff(accuracy, axis=2)[:, :, 0] / 2, 0, 1))
    # The percentile bootstrap over so many rows is the normal interval.
    difference, sd = (gain - loss) / rows, np.sqrt(gain + loss) / rows
    return difference - 1.96 * sd > 0


def dropping(campaigns: int) -> None:
    """Training saved by settling arms early, and verdicts that differ from those without giving up; bars 40 and 2 %."""
    random = np.random.default_rng(SEED)
    print("arms, effects in SD and minimum effect           runs saved   verdicts changed")
    cases = ((4, 0.0, 0.0), (4, 1.0, 0.5), (4, 2.0, 0.5), (8, 1.0, 0.5), (4, 1.0, 1.5), (1, 1.0, 0.5))
    for arms, spread, margin in cases:
        effects = spread * random.normal(size=(campaigns, arms, 1)) * (random.random((campaigns, arms, 1)) < 0.5)
        x = LAWS["normal"](random, (campaigns, arms, HORIZON)) + effects
        quick, patient = run(x, rule(margin)), run(x, rule(margin), futility=False)
        runs = quick.stop.sum(1) + quick.stop.max(1)  # the baseline runs as long as any arm
        saved = 1 - runs.mean() / ((arms + 1) * HORIZON)
        changed = (_verdicts(quick) != _verdicts(patient)).mean()
        told = f"{arms}, half of them 0 and half of SD {spread:g}, {margin:g}"
        print(f"{told:48s} {100 * saved:8.1f} % {100 * changed:13.2f} %")


def _verdicts(found: Campaigns) -> Array:
    """1 helps, -1 hurts, 2 equivalent, 0 undecided."""
    decided = np.where(found.settled == EFFECT, found.sign, 0)
    return np.where(found.settled == EQUIVALENT, 2, decided)


def shape(campaigns: int) -> None:
    """Expected blocks at 1 and 2 SD by first look and by the power of n with which the bound on p falls."""
    random = np.random.default_rng(SEED)
    noise = random.normal(size=(campaigns, HORIZON))
    for first in (3, 4, 5, 6):
        cells = []
        for decay in (0.0, 0.25, 0.5, 0.75, 1.0):
            one, two = (_group_sequential(noise + e, decay=decay, first=first) for e in (1.0, 2.0))
            cells.append(f"n^-{decay:g}: {one[1].mean():5.2f} ({one[0].mean():.3f}) {two[1].mean():.2f}")
        print(f"first look at {first}:  {'   '.join(cells)}")
