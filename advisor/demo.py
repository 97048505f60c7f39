"""The demo: the main job from end to end on real data that comes with scikit-learn.

A small CNN is trained on few examples of handwritten digits until it overfits; its own log is read and diagnosed, a
recipe recommended, and the first three steps measured against it in paired blocks. Nothing is canned: another seed
gives other numbers.
"""

from collections.abc import Callable
from pathlib import Path

from advisor import __version__
from advisor.contract import Frozen
from advisor.curves import Curves
from advisor.diagnosis import diagnose
from advisor.diagnosis.model import Diagnosis
from advisor.experiments.curves import epoch_log
from advisor.experiments.evidence import Evidence
from advisor.experiments.plan import block_seed
from advisor.experiments.spec import Spec
from advisor.files import write_atomic
from advisor.jobs import service
from advisor.jobs.interpreter import choose_interpreter
from advisor.jobs.model import Job
from advisor.jobs.store import now
from advisor.readers import read
from advisor.recipe import arms, recommend
from advisor.recipe.model import Recipe, Task
from advisor.report.html import write
from advisor.report.model import Report
from advisor.report.plots import effects_picture
from advisor.summary import what_to_do
from advisor.training.plan import RunPlan
from advisor.words import duration, metric_title, value

TRAIN_SIZE = 60
BASELINE = {
    "data": {"builtin": "digits", "train_size": TRAIN_SIZE},
    "model": {"name": "small_cnn"},
    "baseline": {"optimizer": "adamw", "lr": 0.01, "schedule": "cosine", "epochs": 60, "batch_size": 8},
    "metric": "nll",
    "minimum_effect": 0.01,
    "budget": "150s",
}
TASK = Task(
    modality="image", train_size=TRAIN_SIZE, classes=10, goal="nll", model="cnn", normalization=True, flip_safe=False
)


class Demo(Frozen):
    """What the demo made; `folder` holds report.html, evidence.json and baseline.csv."""

    folder: str
    job_id: str
    curves: Curves
    diagnosis: Diagnosis
    recipe: Recipe
    evidence: Evidence


def run_demo(
    folder: Path, *, seed: int, say: Callable[[str], None], follow: Callable[[str], Job], blocks: int = 12
) -> Demo:
    """Run the demo into `folder`. `say` tells what is being done; `follow` waits for a job with progress.

    Raises:
        AdvisorError: training is not possible here, the job failed, or the folder cannot be written.
    """
    design = {"seed": seed, "max_blocks": blocks}
    # The baseline alone; the arms come from the recipe.
    draft = Spec.model_validate({**BASELINE, "design": design, "aa": True})
    choose_interpreter(draft, folder)
    say(f"Training a plain baseline: a small CNN on {TRAIN_SIZE} handwritten digits")
    log = folder / "baseline.csv"
    write_atomic(log, _train_baseline(draft))
    curves = read(log)[0]
    diagnosis = diagnose(curves)
    recipe = recommend(TASK, diagnosis)
    spec = Spec.model_validate({**BASELINE, "design": design, "arms": arms(recipe, 3)})
    say(f"Measuring {len(spec.arms)} steps against it in paired blocks: {', '.join(spec.arms)}")
    job = follow(service.submit(spec, workspace=folder).job_id)
    evidence = service.find_evidence(job.job_id)
    write_atomic(folder / "evidence.json", evidence.model_dump_json(indent=2))
    write_atomic(folder / "effects.png", effects_picture(evidence, format="png"))
    write_atomic(folder / "spec.json", spec.model_dump_json(indent=2, exclude_defaults=True))
    report = Report(
        title="Demo: a small CNN on few handwritten digits",
        created=now(),
        curves=curves,
        diagnosis=diagnosis,
        recipe=recipe,
        evidence=evidence,
        reproduce=(f"regadvisor demo --seed {seed}", "regadvisor verify spec.json"),
    )
    write(report, folder / "report.html")
    return Demo(
        folder=str(folder), job_id=job.job_id, curves=curves, diagnosis=diagnosis, recipe=recipe, evidence=evidence
    )


def _train_baseline(spec: Spec) -> str:
    """One training of the baseline, as a log in CSV."""
    from advisor.training.engine import train

    plan = RunPlan(
        run_id=f"demo-{__version__}",
        arm="baseline",
        block=0,
        block_seed=block_seed(spec.design, 0),
        split_seed=spec.design.seed,
        data=spec.data,
        model=spec.model,
        training=spec.baseline,
        design=spec.design,
        metric="accuracy",
    )
    return epoch_log(train(plan).rows, "accuracy")


def describe_demo(demo: Demo) -> list[str]:
    """Ten lines that end with what to do."""
    results, cost = demo.evidence.results, demo.evidence.cost
    return [
        f"Diagnosis  {demo.diagnosis.summary}",
        f"Recipe     {', then '.join(step.technique for step in demo.recipe.steps)}",
        f"Baseline   test {metric_title(results.metric)} {value(results.baseline_mean, results.metric)} over "
        f"{results.blocks} blocks, {results.sizes['train']} training and {results.sizes['test']} test examples",
        *(f"Effect     {arm.name}: {arm.sentence}" for arm in results.arms),
        f"Cost       {cost.runs_trained} runs trained, {cost.runs_reused} reused, {duration(cost.wall_seconds)}",
        f"Report     {Path(demo.folder) / 'report.html'}",
        f"Evidence   {Path(demo.folder) / 'evidence.json'}, from the log {Path(demo.folder) / 'baseline.csv'}",
        what_to_do(demo.evidence),
    ]
