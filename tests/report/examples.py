"""Realistic and extreme reports, built by hand: what the pictures and the page are tested on."""

import numpy as np

from advisor.contract import content_id
from advisor.curves import Curves, Series, Unit
from advisor.diagnosis.model import Cause, Diagnosis, Finding, Kind, StopAdvice
from advisor.experiments.evidence import (
    ArmEvidence,
    Comparison,
    Cost,
    EpochRow,
    Evidence,
    Provenance,
    Results,
    RunResult,
    Verdict,
)
from advisor.experiments.spec import DataSpec, Design, ModelSpec, Spec, Training
from advisor.recipe.model import Recipe, Step, Task, Withheld
from advisor.report.model import Report
from advisor.techniques.core import Effect
from advisor.words import change, interval

ARMS: dict[str, dict[str, object]] = {
    "mixup": {"techniques": {"mixup": {"alpha": 0.2}}},
    "weight_decay": {"techniques": {"weight_decay": {}}},
    "dropout": {"techniques": {"dropout": {"probability": 0.5}}},
    "slower": {"lr": 0.0003},
}


def overfitting_curves(points: int = 60, *, unit: Unit = "epoch", seed: int = 3) -> Curves:
    """A run that overfits from about a third of its length, with the noise of a small validation set."""
    noise = np.random.default_rng(seed)
    x = np.arange(points, dtype=np.float64)
    share = x / max(1, points - 1)
    train = 2.2 * np.exp(-6 * share) + 0.03 + noise.normal(0, 0.015, points)
    validation = 2.1 * np.exp(-7 * share) + 0.42 + 0.5 * np.maximum(0, share - 0.3) + noise.normal(0, 0.03, points)
    return Curves(
        source="runs/baseline.csv",
        name="baseline",
        series=(
            Series(name="train_loss", split="train", metric="loss", direction="min", unit=unit, role="objective",
                   x=x, y=train),
            Series(name="val_loss", split="validation", metric="loss", direction="min", unit=unit, role="objective",
                   x=x, y=validation),
        ),
        notes=("1 column without numbers was left out: 'comment'",),
    )  # fmt: skip


def overfitting_diagnosis(curves: Curves) -> Diagnosis:
    """What a diagnosis of `overfitting_curves` looks like."""
    points = len(curves.series[0])
    onset, low, high = round(0.47 * points), round(0.41 * points), round(0.56 * points)
    kinds: dict[Kind, float] = {"overfitting": 0.97, "label_noise": 0.2, "noisy_validation": 0.35, "good_fit": 0.01}
    return Diagnosis(
        source=curves.source,
        unit="epoch",
        train_series="train_loss",
        validation_series="val_loss",
        findings=(
            Finding(
                kind="overfitting", severity="critical", probability=0.97, onset=onset, onset_interval=(low, high),
                evidence={"rise": 0.21, "gap": 0.73},
                explanation=f"Validation loss rises by 0.21 (38 %) after epoch {onset}, while training loss falls "
                "from 0.17 to 0.04.",
                next_check="Restore the best checkpoint and compare mixup and weight decay in paired runs.",
            ),
            Finding(
                kind="noisy_validation", severity="warning", probability=0.35, evidence={"noise": 0.03},
                explanation="Point-to-point noise of the validation loss (0.03) is 14 % of its rise.",
                next_check="Evaluate on a larger validation set before choosing an epoch by it.",
            ),
        ),
        causes=(
            Cause(kind="too little data", probability=0.6, probe="Train on half of the data and compare the gaps."),
            Cause(kind="label noise", probability=0.15, probe="Look at the examples with the highest loss."),
            Cause(kind="none of these", probability=0.25, probe="Rule out a shift between the splits."),
        ),
        probabilities=kinds,
        calibrated={"overfitting": True, "noisy_validation": False},
        summary=f"The run overfits from epoch {onset}: validation loss rises by 0.21 after its best value while "
        "training loss keeps falling.",
        best_point=float(np.nanargmin(curves.series[1].y)),
        stop_advice=StopAdvice(
            stop=True, probability=0.96, expected_loss=0.002, reason="The best value is 30 epochs old.", best_point=29
        ),
    )  # fmt: skip


def recipe_for(diagnosis: Diagnosis) -> Recipe:
    """Two steps, one withheld technique, a warning and code."""
    return Recipe(
        task=Task(modality="image", train_size=200, classes=10, model="cnn", flip_safe=False),
        diagnosis_id=diagnosis.id,
        steps=(
            Step(
                technique="early_stopping", parameters={"patience_epochs": 10},
                reason="The best validation loss lies 30 epochs before the end; keeping that checkpoint costs nothing.",
                rule_ids=("EARLY-01", "EARLY-03"),
            ),
            Step(
                technique="mixup", parameters={"alpha": 0.2},
                reason="Few examples per class and a small network: mixing pairs of them is a strong regularizer.",
                rule_ids=("MIX-01",),
                expected_effect=Effect(metric="accuracy", low=0.002, high=0.014,
                                       scope="CIFAR-10, ResNet-18, 200 epochs", source="Zhang et al. 2018"),
            ),
        ),
        withheld=(
            Withheld(technique="flip", why="A mirrored digit is another sign.", rule_ids=("AUG-02",)),
            Withheld(technique="label_smoothing", why="Try it after mixup: both soften the targets."),
        ),
        warnings=("The validation set has 50 examples: one example is 2 points of accuracy.",),
        ablation_plan=("baseline", "baseline + early_stopping", "baseline + early_stopping + mixup"),
        code="import torch\n\n\ndef mix(inputs, targets, alpha=0.2):\n"
        "    share = torch.distributions.Beta(alpha, alpha).sample()\n"
        "    order = torch.randperm(len(inputs))\n"
        "    return share * inputs + (1 - share) * inputs[order], share * targets + (1 - share) * targets[order]\n",
    )  # fmt: skip


def spec(arms: dict[str, dict[str, object]], blocks: int, metric: str = "accuracy") -> Spec:
    """A spec on the digits."""
    return Spec(
        data=DataSpec(builtin="digits", train_size=200), model=ModelSpec(name="small_cnn"),
        baseline=Training(optimizer="adamw", lr=1e-3, epochs=30), arms=arms,
        design=Design(max_blocks=blocks, looks="last"), metric=metric, budget="10m",
    )  # fmt: skip


def comparison(differences: list[float], metric: str = "accuracy", width: float = 2.4) -> Comparison:
    """A comparison whose numbers agree with its differences roughly; the pictures only show them."""
    n, finite = len(differences), all(np.isfinite(differences))
    mean = float(np.mean(differences)) if finite and n else None
    sd = float(np.std(differences, ddof=1)) if finite and n > 1 else None
    half = width * sd / n**0.5 if sd is not None else None
    return Comparison(
        metric=metric, differences=tuple(differences), n=n, mean=mean, sd=sd,
        interval=(mean - half, mean + half) if mean is not None and half is not None else None,
        level=0.9875, p_value=0.012 if sd else None,
    )  # fmt: skip


def arm_evidence(name: str, differences: list[float], verdict: Verdict, *, metric: str = "accuracy") -> ArmEvidence:
    """One arm with an effect that grows over 30 epochs to its mean."""
    main = comparison(differences, metric)
    mean = main.mean or 0.0
    sentence = f"{verdict}: test {metric} changes by {change(main.mean, metric)}"
    if main.interval is not None:
        sentence += f" (98.8 % interval {interval(*main.interval, metric)}, n = {main.n} blocks)"
    return ArmEvidence(
        name=name, changes=(f"{name} with its default strength",), comparison=main, verdict=verdict,
        sentence=sentence + ".",
        exploratory=(comparison([-d * 4 for d in differences], "nll"), comparison([-d for d in differences], "ece")),
        effect_by_epoch=tuple(
            (e, mean * (1 - 2.2 * np.exp(-e / 7)) + 0.002 * np.sin(e * (1 + len(name)))) for e in range(30)
        ),
        gap=0.41, notes=(),
    )  # fmt: skip


def evidence_of(arms: list[ArmEvidence], *, blocks: int = 8, metric: str = "accuracy") -> Evidence:
    """Evidence around these arms, with runs whose values differ by the arms' differences."""
    noise = np.random.default_rng(5)
    base = 0.91 + noise.normal(0, 0.01, blocks)
    runs = [
        _run(name, block, float(base[block] + (differences[block] if block < len(differences) else 0.0)), metric)
        for block in range(blocks)
        for name, differences in [("baseline", ()), *((arm.name, arm.comparison.differences) for arm in arms)]
    ]
    names = ["baseline", *(arm.name for arm in arms)]
    return Evidence(
        spec=spec({name: {"lr": 2e-3 + index * 1e-4} for index, name in enumerate(names[1:])}, max(2, blocks), metric),
        results=Results(
            metric=metric, direction="max" if metric == "accuracy" else "min", minimum_effect=0.005, alpha=0.05,
            split="fixed", blocks=blocks, horizon=max(2, blocks), sizes={"train": 200, "validation": 50, "test": 450},
            baseline_mean=float(base.mean()), baseline_sd=float(base.std()), arms=tuple(arms), runs=tuple(runs),
            not_measured={"corruption robustness": "no corruption set is part of this version"},
        ),
        cost=Cost(
            wall_seconds=192.4, training_seconds=341.0, runs_trained=len(runs) - 3, runs_reused=3,
            seconds_per_run=dict.fromkeys(names, 8.5),
            multiplier={name: 1.0 + 0.07 * i for i, name in enumerate(names)},
        ),
        provenance=Provenance(
            engine="0.1.0", python="3.11.2", versions={"torch": "2.14.1", "numpy": "2.4.6"}, device="cpu", threads=1,
            dtype="float32", machine="x86_64, 2 cores, Linux 6.1", data_fingerprint="9f2c1a7be0d34a55",
            code_fingerprint=None, block_seeds=tuple(range(101, 101 + blocks)),
            started="2025-01-01T10:00:00Z", finished="2025-01-01T10:03:12Z",
        ),
    )  # fmt: skip


def _run(arm: str, block: int, value: float, metric: str) -> RunResult:
    return RunResult(
        run_id=f"{arm[:8]}{block:04d}", arm=arm, block=block, seed=101 + block,
        test={metric: value, "nll": 0.4}, validation={metric: value}, train={metric: 1.0, "nll": 0.01},
        kept_epoch=29, epochs_run=30, outcome_digest=content_id([arm, block]),
        rows=(EpochRow(epoch=0, train_loss=2.0, train_eval_loss=1.9, validation_loss=1.9, validation_metric=0.4),),
    )  # fmt: skip


def usual_evidence() -> Evidence:
    """Eight blocks, one arm for each verdict."""
    noise = np.random.default_rng(1)

    def around(mean: float, spread: float) -> list[float]:
        return [float(v) for v in mean + noise.normal(0, spread, 8)]

    return evidence_of(
        [
            arm_evidence("mixup", around(0.018, 0.009), "helps"),
            arm_evidence("weight_decay", around(0.001, 0.002), "equivalent"),
            arm_evidence("dropout", around(0.006, 0.016), "undecided"),
            arm_evidence("slower", around(-0.031, 0.012), "hurts"),
        ]
    )


def usual_report() -> Report:
    """The whole of a report, as the demo gives it."""
    curves = overfitting_curves()
    diagnosis = overfitting_diagnosis(curves)
    return Report(
        title="Digits with a small CNN", created="2025-01-01T10:03:13Z", curves=curves, diagnosis=diagnosis,
        recipe=recipe_for(diagnosis), evidence=usual_evidence(),
        reproduce=("pip install regularization-advisor[train]", "regadvisor verify spec.yaml --json"),
    )  # fmt: skip


HOSTILE = '<script>alert("x")</script>&amp;\'"$x_1$\x00\u202e'


def hostile_report() -> Report:
    """A report whose every text from outside tries to be markup."""
    curves = overfitting_curves(12)
    renamed = tuple(s.model_copy(update={"name": f"{s.split} {HOSTILE}", "metric": HOSTILE}) for s in curves.series)
    curves = curves.model_copy(update={"series": renamed, "notes": (HOSTILE,), "name": HOSTILE, "source": HOSTILE})
    diagnosis = overfitting_diagnosis(curves).model_copy(
        update={
            "train_series": renamed[0].name, "validation_series": renamed[1].name, "summary": HOSTILE,
            "causes": (Cause(kind=HOSTILE, probability=1.0, probe=HOSTILE),),
        }
    )  # fmt: skip
    recipe = recipe_for(diagnosis).model_copy(
        update={"warnings": (HOSTILE,), "code": HOSTILE, "withheld": (Withheld(technique=HOSTILE, why=HOSTILE),)}
    )
    usual = usual_evidence()
    arm = usual.results.arms[0].model_copy(
        update={"name": HOSTILE, "sentence": HOSTILE, "changes": (HOSTILE,), "notes": (HOSTILE,)}
    )
    results = usual.results.model_copy(update={"arms": (arm,), "not_measured": {HOSTILE: HOSTILE}})
    evidence = usual.model_copy(update={"results": results})
    return Report(
        title=HOSTILE, created=HOSTILE, curves=curves, diagnosis=diagnosis, recipe=recipe, evidence=evidence,
        reproduce=(HOSTILE,),
    )  # fmt: skip


def extreme_report() -> Report:
    """32 arms with very long names and 100 blocks, values that are not finite, twenty thousand points."""
    curves = overfitting_curves(20_000, unit="step")
    broken = curves.series[1].y.copy()
    broken[15_000::500] = np.nan
    broken[12_000:12_004] = 1e300
    broken[-1] = np.inf
    series = (curves.series[0], curves.series[1].model_copy(update={"y": broken}))
    curves = curves.model_copy(update={"series": series})
    noise = np.random.default_rng(2)
    verdicts: tuple[Verdict, ...] = ("helps", "equivalent", "undecided", "hurts")
    arms = []
    for index in range(32):
        differences = [float(v) for v in noise.normal(0.03 - 0.002 * index, 0.01 + 0.002 * index, 100)]
        if index == 5:
            differences[7] = float("nan")
        name = f"arm-{index:02d}." + "very_long_name_" * (index % 5)
        arms.append(arm_evidence(name[:64], differences, verdicts[index % 4]))
    diagnosis = overfitting_diagnosis(curves)
    return Report(
        title="An_extreme_report_with_a_title_that_has_no_spaces_" * 3, created="2025-01-01T10:03:13Z", curves=curves,
        diagnosis=diagnosis, recipe=recipe_for(diagnosis), evidence=evidence_of(arms, blocks=100),
        reproduce=("regadvisor verify " + "a" * 200,),
    )  # fmt: skip
