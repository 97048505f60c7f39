"""The sequential test on real trainings: false verdicts where nothing differs, and right ones where something does.

    python benchmarks/real_campaigns.py [--only aa population effects] [--quick]

aa: for three data sets a pool of trainings of one perceptron that differ in their random streams alone; a campaign
draws baseline and arm at random from the pool. population: from a large pool of Fashion-MNIST (--data), disjoint
samples of 400 images, each with a campaign of resampled splits; which of two settings is called the arm is tossed for
every sample, so that its effect differs between samples and is nothing on average. effects: every technique on every
set, the verdict of a campaign of at most 20 blocks against that of 100 blocks, and its runs against those of an
unpaired design of fixed size with the power that the campaigns have. Beside it, how the paired difference on validation
after a third of the epochs correlates with that on test at the end: two-level control variates with such cheap runs
cost (sqrt(1 - r^2) + r sqrt(1/3))^2 times as much (Cochran 1977, chapter 12), less than 1 from r = 0.87 on.
"""

import argparse
import gzip
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from unpaired import runs_needed

from advisor.data import inspect
from advisor.experiments.plan import Circumstances, DataFacts, plan_run
from advisor.experiments.sequential import Rule, follow
from advisor.experiments.spec import Spec, parse_spec
from advisor.training.stack import LARGEST_STACK, train_stack

Array = NDArray[np.float64]
HORIZON, ALPHA, SEED = 20, 0.05, 20261126
HERE = Path(__file__).resolve().parent
SETS: dict[str, dict[str, Any]] = {
    "digits": {"data": {"builtin": "digits", "train_size": 300}, "baseline": {"lr": 0.005, "epochs": 12}},
    "breast_cancer": {"data": {"builtin": "breast_cancer"}, "baseline": {"lr": 0.005, "epochs": 12}},
    "wine": {"data": {"builtin": "wine"}, "baseline": {"lr": 0.01, "epochs": 15}},
}
# Every technique on every set; a change of NLL below 0.005 is too small to matter.
ARMS: dict[str, dict[str, Any]] = {
    "label smoothing 0.05": {"techniques": {"label_smoothing": {"epsilon": 0.05}}},
    "weight decay 0.05": {"techniques": {"weight_decay": {"strength": 0.05}}},
    "mixup 0.2": {"techniques": {"mixup": {"alpha": 0.2}}},
    "input noise 0.1": {"techniques": {"input_noise": {"sigma": 0.1}}},
}
MARGIN = 0.005


def main() -> None:
    parts = {"aa": aa, "population": population, "effects": effects}
    parser = argparse.ArgumentParser(description="The sequential test on real trainings.")
    parser.add_argument("--only", nargs="*", choices=parts, default=list(parts))
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data" / "datasets")
    parser.add_argument("--quick", action="store_true", help="a tenth of the trainings")
    arguments = parser.parse_args()
    for name in arguments.only:
        print(f"\n{name}: {(parts[name].__doc__ or '').splitlines()[0]}", flush=True)
        parts[name](arguments)


def spec_for(content: dict[str, Any], **more: Any) -> Spec:
    spec = parse_spec({"model": {"name": "mlp", "arguments": {"width": 32}}, "metric": "nll", **content, **more})
    assert isinstance(spec, Spec)
    return spec


def trained(
    spec: Spec, blocks: Sequence[int], metrics: Sequence[str], workspace: Path | None = None
) -> dict[str, Array]:
    """Metric -> (arms, blocks) test values of baseline and arms; "early": on validation after a third of the epochs."""
    facts = DataFacts.model_validate(inspect(spec.data, workspace, spec.design))
    here = Circumstances(python="", torch="", device="cpu", threads=1, dtype="float32", code=None, nonce="")
    values: dict[str, list[list[float]]] = {metric: [] for metric in (*metrics, "early")}
    for arm in ("baseline",) if spec.aa else ("baseline", *spec.arm_names):
        rows: dict[str, list[float]] = {metric: [] for metric in values}
        for start in range(0, len(blocks), LARGEST_STACK):
            some = blocks[start : start + LARGEST_STACK]
            plans = [plan_run(spec, arm, block, facts, here, stacked=True) for block in some]
            for result in train_stack(plans, workspace=workspace):
                for metric in metrics:
                    rows[metric].append(result.test[metric])
                rows["early"].append(result.rows[len(result.rows) // 3 - 1].validation_metric)
        for metric in values:
            values[metric].append(rows[metric])
    return {metric: np.array(rows) for metric, rows in values.items()}


def share(hits: int, of: int) -> str:
    high = stats.binomtest(hits, of).proportion_ci(0.95, method="wilson").high
    return f"{100 * hits / of:5.2f} % of {of} (up to {100 * high:.2f})"


def aa(arguments: argparse.Namespace) -> None:
    """False helps or hurts, and intervals that hold 0; bars 6 and 94 %. Each set has 400 campaigns, per metric."""
    random = np.random.default_rng(SEED)
    size, campaigns = (120, 40) if arguments.quick else (1600, 400)
    pools = {
        name: trained(spec_for(content, aa=True), range(size), ("nll", "accuracy")) for name, content in SETS.items()
    }
    for metric in ("nll", "accuracy"):
        false, covered, all_ = 0, 0, 0
        for name, found in pools.items():
            pool, own = found[metric].ravel(), 0
            for _ in range(campaigns):
                drawn = random.choice(len(pool), 2 * HORIZON, replace=False)
                differences = pool[drawn[:HORIZON]] - pool[drawn[HORIZON:]]
                course = follow({"arm": differences.tolist()}, Rule(ALPHA, HORIZON, 0.0))["arm"]
                own += course.settled == "effect"
                covered += course.interval is None or course.interval[0] <= 0 <= course.interval[1]
            false, all_ = false + own, all_ + campaigns
            print(f"  {metric:8s} {name:14s} {share(own, campaigns)}")
        print(
            f"  {metric:8s} together: false {share(false, all_)}; intervals that hold 0: {100 * covered / all_:.2f} %"
        )


def population(arguments: argparse.Namespace) -> None:
    """False helps or hurts where an effect varies between samples of the data and is nothing on average; bar 7 %."""
    random = np.random.default_rng(SEED + 1)
    samples, horizon, size = (8, 6, 400) if arguments.quick else (140, 10, 400)
    folder = arguments.data / "fashion-mnist"
    images = _idx(folder / "train-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    labels = _idx(folder / "train-labels-idx1-ubyte.gz", 8).astype(np.int64)
    pooled = images.reshape(-1, 14, 2, 14, 2).mean((2, 4)).reshape(-1, 196).astype(np.float32) / 255
    order = random.permutation(len(labels))
    for name, arm in ARMS.items():
        metric, false, means = "accuracy", 0, []
        with tempfile.TemporaryDirectory() as scratch:
            for sample in range(samples):
                chosen = order[sample * size : (sample + 1) * size]
                path = Path(scratch) / f"{sample}.npz"
                np.savez(path, x=pooled[chosen], y=labels[chosen])
                spec = spec_for(
                    {"data": {"arrays": str(path)}, "baseline": {"lr": 0.004, "epochs": 8}}, arms={"arm": arm},
                    design={"split": "resampled"}, metric=metric,
                )  # fmt: skip
                values = trained(spec, range(horizon), (metric,))[metric]
                differences = (values[1] - values[0]) * random.choice([-1, 1])
                means.append(float((values[1] - values[0]).mean()))
                sizes = inspect(spec.data, None, spec.design)["sizes"]
                rule = Rule(ALPHA, horizon, 0.0, test_train_ratio=sizes["test"] / sizes["train"])
                false += follow({"arm": differences.tolist()}, rule)["arm"].settled == "effect"
        effect, spread = np.mean(means), np.std(means, ddof=1)
        print(
            f"  {name:22s} {share(false, samples)}; effect before the toss {effect:+.4f}, SD {spread:.4f}", flush=True
        )


def _idx(path: Path, header: int) -> NDArray[np.uint8]:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


def effects(arguments: argparse.Namespace) -> None:
    """Verdicts of 500 campaigns against that of 100 blocks, and runs against an unpaired fixed design; bars 95 %, 4."""
    random = np.random.default_rng(SEED + 2)
    blocks, campaigns = (24, 60) if arguments.quick else (100, 500)
    for name, content in SETS.items():
        spec = spec_for(content, arms={str(place): arm for place, arm in enumerate(ARMS.values())})
        found = trained(spec, range(blocks), ("nll",))
        values = found["nll"]
        for place, arm in enumerate(ARMS, 1):
            differences = values[place] - values[0]
            early = float(np.corrcoef(differences, found["early"][place] - found["early"][0])[0, 1])
            interval = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
            reference = _verdict(interval.low, interval.high)
            agreed, runs = 0, 0
            for _ in range(campaigns):
                drawn = differences[random.permutation(blocks)[:HORIZON]]
                course = follow({"arm": drawn.tolist()}, Rule(ALPHA, HORIZON, MARGIN))["arm"]
                verdict = "undecided"
                if course.settled in ("effect", "equivalent"):
                    verdict = course.settled if course.settled == "equivalent" else _sign(course.interval)
                agreed += verdict == reference
                runs += 2 * course.blocks
            unpaired = runs_needed(
                values[[0, place]], power=min(agreed / campaigns, 0.99), alpha=ALPHA,
                equivalence=MARGIN if reference == "equivalent" else None,
            )  # fmt: skip
            print(
                f"  {name + ', ' + arm:35s} {differences.mean():+.4f} ({interval.low:+.4f} to {interval.high:+.4f}), "
                f"{abs(differences.mean()) / differences.std(ddof=1):.1f} SD, {reference:10s} agreed "
                f"{100 * agreed / campaigns:5.1f} %, {runs / campaigns:4.1f} runs, unpaired {unpaired}: "
                f"{unpaired / (runs / campaigns):.1f} times; early r {early:+.2f}",
                flush=True,
            )


def _verdict(low: float, high: float) -> str:
    if low >= -MARGIN and high <= MARGIN:
        return "equivalent"
    return "less" if high < 0 else "more" if low > 0 else "undecided"


def _sign(interval: tuple[float, float] | None) -> str:
    return "undecided" if interval is None else "less" if interval[1] < 0 else "more"


if __name__ == "__main__":
    main()
