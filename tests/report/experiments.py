"""Experiments of every kind as the product judges them, from runs whose values are made up."""

import base64
import math
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.contract import content_id
from advisor.experiments.answers import Answers
from advisor.experiments.assess import assess, rule_for
from advisor.experiments.evidence import Cost, EpochRow, Evidence, Provenance, RunResult
from advisor.experiments.finding import Findings
from advisor.experiments.recipe_trial import RecipeTrial, StepDecision
from advisor.experiments.spec import DataSpec, Design, ModelSpec, Spec, Training

SIZES = {"train": 989, "validation": 359, "test": 449}
LONG = "a_step_with_a_very_long_name_that_no_picture_has_room_for_at_all"  # 64 characters, as many as a name may have
Value = Callable[[str, int], float]  # of an arm's run in a block


def noise(*of: object) -> float:
    """A standard normal number that belongs to these names."""
    seed = int(content_id([str(part) for part in of])[:8], 16)
    return float(np.random.default_rng(seed).normal())


def spec_of(kind: str, *, arms: dict[str, dict[str, Any]] | None = None, **fields: Any) -> Spec:
    """A spec of this kind on the digits."""
    return Spec(
        data=fields.pop("data", DataSpec(builtin="digits")),
        model=ModelSpec(name="mlp", arguments=fields.pop("arguments", {"width": 64})),
        baseline=Training(lr=5e-3, epochs=15), arms=arms or {}, kind=kind,
        design=Design(max_blocks=fields.pop("blocks", 10)), **fields,
    )  # fmt: skip


def judged(spec: Spec, value: Value, **parts: Any) -> Evidence:
    """The evidence of runs with these values; `parts`: functions that give further fields of a run."""
    blocks = spec.max_blocks
    runs = [_run(spec, arm, block, value(arm, block), parts) for block in range(blocks)
            for arm in ("baseline", *spec.arm_names)]  # fmt: skip
    arms = ("baseline", *spec.arm_names)
    return Evidence(
        kind=spec.kind, spec=spec, results=assess(spec, runs, SIZES, rule_for(spec, blocks, SIZES)),
        cost=Cost(
            wall_seconds=65.2, training_seconds=118.0, runs_trained=len(runs), runs_reused=0,
            seconds_per_run=dict.fromkeys(arms, 1.25), multiplier=dict.fromkeys(arms, 1.0),
        ),
        provenance=Provenance(
            engine="0.1.0", python="3.11.2", versions={"torch": "2.14.1"}, device="cpu", threads=1, dtype="float32",
            precision="float32", stacked=arms[:2], machine="Linux x86_64, 2 processors",
            data_fingerprint="9f2c1a7be0d34a55", code_fingerprint=None, block_seeds=tuple(range(101, 101 + blocks)),
            started="2025-01-01T10:00:00Z", finished="2025-01-01T10:01:05Z",
        ),
    )  # fmt: skip


def _run(spec: Spec, arm: str, block: int, value: float, parts: dict[str, Any]) -> RunResult:
    test = {spec.metric: value, "nll": 0.4 if spec.metric != "nll" else value}
    made = {name: make(arm, block) for name, make in parts.items()}
    fields: dict[str, Any] = {
        "test": test, "validation": dict(test), "train": {"accuracy": 0.97, "nll": 0.05},
        "rows": (EpochRow(epoch=0, train_loss=1.0, train_eval_loss=1.0, validation_loss=1.0, validation_metric=0.5),),
    }  # fmt: skip
    return RunResult(
        run_id=content_id([arm, block]), arm=arm, block=block, seed=101 + block, kept_epoch=14, epochs_run=15,
        **{"outcome_digest": content_id([arm, block, "outcome"]), **fields, **made},
    )  # fmt: skip


def looked_at() -> Evidence:
    """Twenty blocks at most; arms end for every reason, one goes to the last block."""
    arms = ["mixup", "slower", "weight_decay", "dropout", "cutout", "twin", "broken"]
    effect = {"mixup": (0.02, 0.009), "slower": (-0.03, 0.01), "weight_decay": (0.0004, 0.0016),
              "dropout": (0.0075, 0.012), "cutout": (0.0005, 0.02)}  # fmt: skip

    def value(arm: str, block: int) -> float:
        base = 0.91 + 0.01 * noise("base", block)
        if arm == "broken" and block == 6:
            return math.nan
        mean, spread = effect.get(arm, (0.0, 0.0 if arm == "twin" else 0.01))
        return base + (mean + spread * noise(arm, block) if arm not in ("baseline", "twin") else 0.0)

    changes = {name: {"lr": round(2e-3 + i * 1e-4, 4)} for i, name in enumerate(arms)}
    return judged(
        spec_of("verify", arms=changes, blocks=20), value,
        outcome_digest=lambda arm, block: content_id(["twin" if arm == "baseline" else arm, block]),
        corruptions=damaged,
    )  # fmt: skip


def damaged(arm: str, block: int) -> dict[str, float]:
    """Values under four corruptions in five severities."""
    kinds = {"gaussian_noise": 0.02, "blur": 0.05, "contrast": 0.03, "dropped_pixels": 0.09}
    lost = 0.8 if arm == "mixup" else 1.0
    found = {f"{kind}/{severity}": 0.91 - lost * step * severity + 0.003 * noise(arm, block, kind, severity)
             for kind, step in kinds.items() for severity in range(1, 6)}  # fmt: skip
    return {"clean": 0.912, **found}


def sixteen_arms(horizon: int = 20) -> Evidence:
    """Sixteen arms with long names."""
    arms = {f"{index:02d}_{LONG}"[:64]: {"lr": round(2e-3 + index * 1e-4, 4)} for index in range(16)}
    return judged(
        spec_of("verify", arms=arms, blocks=horizon),
        lambda arm, block: 0.9 + 0.01 * noise(block)
        + (0.0 if arm == "baseline" else 0.002 * (int(arm[:2]) - 8) + 0.008 * noise(arm, block)),
    )  # fmt: skip


STEPS: dict[str, dict[str, Any]] = {
    "label_smoothing": {"techniques": {"label_smoothing": {"epsilon": 0.1}}},
    "mixup": {"techniques": {"mixup": {"alpha": 0.3}}},
    "weight_decay": {"techniques": {"weight_decay": {"strength": 0.05}}},
    "dropout": {"techniques": {"dropout": {"probability": 0.2}}},
}
GAINS = {"label_smoothing": 0.006, "mixup": 0.018, "weight_decay": 0.012, "dropout": -0.02}


# Fifteen steps that can be combined: no two set the same.
SETTINGS: tuple[dict[str, Any], ...] = (
    *STEPS.values(), {"lr": 2e-3}, {"batch_size": 32}, {"epochs": 20}, {"schedule": "cosine"}, {"clip_norm": 1.0},
    {"accumulate": 2}, {"warmup_epochs": 2}, {"momentum": 0.8}, {"decay_fraction": 0.3}, {"precision": "bfloat16"},
    {"optimizer": "adam"},
)  # fmt: skip


def ablation(design: str = "leave_one_out", *, spread: float = 0.004, blocks: int = 10) -> Evidence:
    """A recipe of four steps, of which two do each other's work and one hurts."""
    spec = spec_of("ablate", arms=STEPS, ablate={"design": design}, blocks=blocks)
    return judged(spec, lambda arm, block: _recipe(spec, arm, block, spread))


def long_ablation(steps: int = 15) -> Evidence:
    """So many steps with long names: as many arms as there may be."""
    arms = {f"{index:02d}_{LONG}"[:57]: SETTINGS[index] for index in range(steps)}
    spec = spec_of("ablate", arms=arms, metric="nll", minimum_effect=0.01, blocks=3)
    return judged(spec, lambda arm, block: 0.4 + 0.02 * noise(arm, block))


def _recipe(spec: Spec, arm: str, block: int, spread: float) -> float:
    on = spec.arm(arm).techniques
    both = 0.011 if {"mixup", "weight_decay"} <= on.keys() else 0.0
    return 0.9 + sum(GAINS[step] for step in on) - both + spread * noise(arm, block) + 0.01 * noise(block)


def sweep(values: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4, 0.8), *, spread: float = 0.004) -> Evidence:
    """A technique's strength with the best value inside."""
    spec = spec_of("sweep", sweep={"technique": "mixup", "parameter": "alpha", "values": values})

    def value(arm: str, block: int) -> float:
        strength = 0.0 if arm == "baseline" else float(arm.removeprefix("alpha-"))
        gain = 0.02 - 0.006 * math.log(strength / 0.2) ** 2 if strength else 0.0
        return 0.9 + gain + spread * noise(arm, block) + 0.01 * noise(block)

    return judged(spec, value)


def far_sweep() -> Evidence:
    """A learning rate: two values are so bad that they would flatten the others."""
    spec = spec_of(
        "sweep", sweep={"parameter": "lr", "values": (0.0005, 0.001, 0.01, 0.03)}, metric="nll", minimum_effect=0.02
    )
    means = {"baseline": 0.354, "lr-0.0005": 2.1, "lr-0.001": 1.65, "lr-0.01": 0.29, "lr-0.03": 0.32}
    return judged(spec, lambda arm, block: means[arm] + 0.02 * noise(arm, block) + 0.02 * noise(block))


def packed(array: NDArray[Any]) -> str:
    """As a run keeps its answers."""
    header = f"{array.dtype.name} {' '.join(map(str, array.shape))};".encode()
    return base64.b85encode(header + zlib.compress(array.tobytes())).decode()


def bias_variance(values: tuple[int, ...] = (8, 32, 128), *, blocks: int = 12) -> Evidence:
    """Logits of a small problem, whose bias falls and whose variance rises with the width."""
    spec = spec_of("bias_variance", bias_variance={"splits": 4, "values": values}, metric="nll", blocks=blocks)
    targets = np.arange(80) % 4

    def answers(arm: str, block: int) -> Answers:
        width = 64 if arm == "baseline" else int(arm.removeprefix("width-"))
        random = np.random.default_rng(int(content_id([arm, block])[:8], 16))
        logits = np.eye(4)[targets] * math.log(width) + random.normal(0, 0.25 * math.log(width), (80, 4))
        logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return Answers(outputs=packed(logs.astype(np.float16)), targets=packed(targets.astype(np.float32)))

    return judged(spec, lambda arm, block: 0.5 + 0.01 * noise(arm, block), answers=answers)


WIDTHS = (2, 4, 8, 12, 16, 24, 32, 128, 256)


def descent(over: str = "model", *, blocks: int = 6, metric: str = "accuracy") -> Evidence:
    """A peak where the training data begin to be fitted, at width 16."""
    part = {"model": {"over": "model", "values": WIDTHS}, "epochs": {"over": "epochs"},
            "train_size": {"over": "train_size", "values": (50, 100, 200, 400, 700)}}[over]  # fmt: skip
    spec = spec_of(
        "double_descent", double_descent=part, metric=metric, blocks=blocks,
        data=DataSpec(builtin="digits", label_noise=0.2),
    )  # fmt: skip

    def place(arm: str) -> float:
        if over == "train_size":
            return 989.0 if arm == "baseline" else float(arm.removeprefix("n-"))
        return 64.0 if arm == "baseline" else float(arm.removeprefix("width-"))

    def test(arm: str, block: int) -> float:
        x = math.log2(place(arm) / 16)
        error = 0.1 + 0.25 / (1 + math.exp(1.6 * x + 3)) + 0.12 * math.exp(-(x**2)) - 0.005 * x
        return 1 - error + 0.008 * noise(arm, block) if metric == "accuracy" else error + 0.008 * noise(arm, block)

    def train(arm: str, block: int) -> dict[str, float]:
        error = max(0.0, 0.4 - 0.1 * math.log2(place(arm))) + 0.002 * abs(noise("train", arm, block))
        return {"accuracy": 1 - error, "nll": error}

    def rows(arm: str, block: int) -> tuple[EpochRow, ...]:
        return tuple(
            EpochRow(epoch=epoch, train_loss=2.0, train_eval_loss=2.0, validation_loss=1.0,
                     train_metric=1 - 0.5 * math.exp(-epoch / 4),
                     validation_metric=0.9 - 0.5 * math.exp(-epoch / 3) + 0.005 * noise(epoch, block))
            for epoch in range(15)
        )  # fmt: skip

    return judged(spec, test, train=train, rows=rows)


def data_size(*, arm: bool = True, gain: float = 0.75, blocks: int = 5) -> Evidence:
    """An error that falls by a power of the examples; the arm's is lower by a factor."""
    spec = spec_of(
        "data_size", arms={"mixup": STEPS["mixup"]} if arm else None, data_size={"sizes": (60, 120, 240, 480)},
        blocks=blocks,
    )  # fmt: skip

    def value(name: str, block: int) -> float:
        size = float(name.split("n-")[-1]) if "n-" in name else 989.0
        error: float = 1.6 * size**-0.5 * (gain if name.startswith("mixup") else 1.0)
        return 1 - error * math.exp(0.06 * noise(name, block))

    return judged(spec, value)


def pilot(arms: int = 2, *, spread: float = 0.006, blocks: int = 6) -> Evidence:
    """A pilot of so many arms, each twice as noisy as the one before."""
    names = {f"{index:02d}_{LONG}"[:64] if arms > 3 else f"arm{index}": index for index in range(arms)}
    spec = spec_of("power", arms={name: {"lr": 2e-3 + i * 1e-4} for name, i in names.items()}, blocks=blocks)

    def value(arm: str, block: int) -> float:
        own = 0.0 if arm == "baseline" else spread * 2.0 ** min(names[arm], 3) * noise(arm, block)
        return 0.9 + 0.01 * noise(block) + own

    return judged(spec, value)


def recipe(*, kept: bool = True) -> Evidence:
    """A recipe in sequence: one step is kept, one left out, one could not be tested."""
    verdicts = (("mixup", "helps", 0.021), ("dropout", "hurts", -0.018), ("weight_decay", "not tested", None))
    decisions = tuple(
        StepDecision(
            step=step, on_top_of=("mixup",) if kept and step != "mixup" else (), kept=kept and verdict == "helps",
            verdict=verdict if kept or verdict != "helps" else "undecided", alpha=0.0167, blocks=9 if mean else 0,
            mean=mean, sentence=f"{verdict}: as the runs say",
        )
        for step, verdict, mean in verdicts
    )  # fmt: skip
    trial = RecipeTrial(
        order="sequence", decisions=decisions, kept=("mixup",) if kept else (), selected_gain=0.021 if kept else None,
        confirmed_gain=0.015 if kept else None, optimism=0.006 if kept else None,
        optimism_interval=(-0.002, 0.014) if kept else None,
        sentences=(*(f"{decided.step}: {decided.sentence}" for decided in decisions), "The end of it."),
    )  # fmt: skip
    last = judged(
        spec_of("verify", arms={"recipe": STEPS["mixup"]}, blocks=6),
        lambda arm, block: 0.9 + 0.01 * noise(block) + (0.015 if arm == "recipe" else 0.0) + 0.004 * noise(arm, block),
    )  # fmt: skip
    spec = spec_of("recipe", arms={step: STEPS[step] for step, _, _ in verdicts})
    results = last.results.model_copy(update={"findings": Findings(sentences=trial.sentences, recipe=trial)})
    return last.model_copy(update={"kind": "recipe", "spec": spec, "results": results})


@cache
def of_every_kind() -> dict[str, Evidence]:
    """One usual experiment of each kind, and the forms in which some of them come."""
    return {
        "verify": looked_at(),
        "recipe": recipe(),
        "ablate": ablation(),
        "factorial": ablation("factorial"),
        "sweep": sweep(),
        "far_sweep": far_sweep(),
        "bias_variance": bias_variance(),
        "descent": descent(),
        "descent_epochs": descent("epochs"),
        "data_size": data_size(),
        "power": pilot(),
    }


@cache
def extremes() -> dict[str, Evidence]:
    """What is rare: long names, many arms, one block, no spread, nothing to judge by."""
    return {
        "sixteen_arms": sixteen_arms(),
        "nothing_kept": recipe(kept=False),
        "one_look": sixteen_arms(horizon=5),
        "long_ablation": long_ablation(),
        "ablation_without_spread": ablation(spread=0.0),
        "factorial_of_eight": _factorial_of_eight(),
        "fifteen_values": sweep(tuple(round(0.05 * index, 2) for index in range(1, 16))),
        "sweep_without_spread": sweep(spread=0.0),
        "one_size": bias_variance((), blocks=4),
        "descent_train_size": descent("train_size"),
        "descent_nll": descent(metric="nll", blocks=3),
        "data_size_alone": data_size(arm=False),
        "data_size_one_block": data_size(blocks=2),
        "worth_much": data_size(gain=0.2),
        "sixteen_pilots": pilot(16),
        "hopeless_pilot": pilot(1, spread=0.2),
        "one_block": ablation(blocks=2),
        "diverged": _diverged(),
    }


def _factorial_of_eight() -> Evidence:
    arms = {f"{index}_{LONG}"[:30]: SETTINGS[index] for index in range(8)}
    spec = spec_of("ablate", arms=arms, ablate={"design": "factorial", "max_arms": 32}, blocks=4)
    return judged(spec, lambda arm, block: 0.9 + 0.01 * noise(arm, block))


def _diverged() -> Evidence:
    spec = spec_of("sweep", sweep={"parameter": "lr", "values": (0.01, 50.0)}, metric="nll", minimum_effect=0.02)
    return judged(spec, lambda arm, block: math.nan if arm == "lr-50" else 0.3 + 0.02 * noise(arm, block))
