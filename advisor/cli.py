"""The command line, thin: it reads arguments, calls the library and prints."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from advisor import __version__
from advisor.errors import AdvisorError

app = typer.Typer(
    name="regadvisor",
    help="Diagnose training curves, recommend a regularization recipe, and prove it with paired trainings.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
jobs_app = typer.Typer(help="Look at, wait for, cancel, resume and remove jobs.", no_args_is_help=True)
techniques_app = typer.Typer(help="The techniques that can be measured here.", no_args_is_help=True)
skill_app = typer.Typer(help="The expert's instructions, to read or to put into a CLAUDE.md.", no_args_is_help=True)
app.add_typer(jobs_app, name="jobs")
app.add_typer(techniques_app, name="techniques")
app.add_typer(skill_app, name="skill")

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")]
JobId = Annotated[str, typer.Argument(help="A job's id, from verify or jobs list.")]


def main() -> None:
    """Run the command line; errors are one message on stderr. Exit status 2: wrong request, 1: failed work."""
    try:
        app()
    except AdvisorError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    except BrokenPipeError:  # the reader of our output has gone
        sys.stderr.close()
        sys.exit(1)


def _version(value: bool) -> None:
    if value:
        print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the report, the evidence and the log.")] = Path(
        "regadvisor-demo"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives other numbers.")] = 0,
    blocks: Annotated[int, typer.Option(min=2, max=100, help="Paired blocks at most.")] = 12,
) -> None:
    """The main job from end to end on real data: train, diagnose, recommend, verify, report."""
    from advisor.demo import describe_demo, run_demo
    from advisor.progress import follow, say

    _print(describe_demo(run_demo(out, seed=seed, say=say, follow=follow, blocks=blocks)))


@app.command()
def diagnose(
    path: Annotated[Path, typer.Argument(help="A training log or a run folder.")],
    train: Annotated[str | None, typer.Option(help="Name of the training series, instead of our choice.")] = None,
    validation: Annotated[str | None, typer.Option(help="Name of the validation series.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Write a picture to this .png or .svg file.")] = None,
    json: Json = False,
) -> None:
    """Say what a training log shows, since when, and what to check next."""
    from advisor.diagnosis import diagnose as judge
    from advisor.readers import read
    from advisor.summary import describe_diagnosis

    runs = read(path)
    diagnoses = [judge(curves, train=train, validation=validation) for curves in runs]
    if plot is not None:
        _plot(runs[0], diagnoses[0], plot)
    if json:
        _print_json(diagnoses[0] if len(diagnoses) == 1 else diagnoses)
        return
    for curves, diagnosis in zip(runs, diagnoses, strict=True):
        if len(runs) > 1:
            print(f"== {curves.name}")
        _print(describe_diagnosis(diagnosis))
    for note in runs[0].notes:
        print(f"note: {note}")


@app.command()
def lint(
    path: Annotated[Path, typer.Argument(help="A training script (parsed, never run), config, spec or folder.")],
    fix: Annotated[bool, typer.Option("--fix", help="Print the patches, ready for `patch -p1`.")] = False,
    json: Json = False,
) -> None:
    """Check a script, config or recipe against the rules."""
    from advisor.lint import lint as check
    from advisor.summary import describe_lint

    findings = check(path)
    if json:
        _print_json(findings)
    elif fix:
        _print([finding.patch.rstrip("\n") for finding in findings if finding.patch])
    else:
        _print(describe_lint(findings))


@app.command()
def recommend(
    log: Annotated[Path | None, typer.Option(help="A training log to diagnose first.")] = None,
    task: Annotated[
        Path | None, typer.Option(help="A YAML or JSON file with the task, instead of the options.")
    ] = None,
    modality: Annotated[str | None, typer.Option(help="image, table, text or sequence.")] = None,
    train_size: Annotated[int | None, typer.Option(help="Number of training examples.")] = None,
    classes: Annotated[int | None, typer.Option(help="Number of classes; leave out for regression.")] = None,
    goal: Annotated[str | None, typer.Option(help="The metric that counts.")] = None,
    regime: Annotated[str | None, typer.Option(help="scratch or fine_tuning.")] = None,
    model: Annotated[str | None, typer.Option(help="mlp, cnn, resnet, vit, transformer, ...")] = None,
    normalization: Annotated[bool | None, typer.Option(help="Whether the model has norm layers.")] = None,
    flip_safe: Annotated[bool | None, typer.Option(help="Whether mirrored images keep their label.")] = None,
    imbalance: Annotated[float | None, typer.Option(help="Examples of the largest class over the smallest.")] = None,
    script: Annotated[Path | None, typer.Option(help="The training script, to lint beside.")] = None,
    code: Annotated[bool, typer.Option("--code", help="Print only the PyTorch code.")] = False,
    json: Json = False,
) -> None:
    """Ordered steps for this task with reasons, what to leave out and why, and code."""
    from advisor.diagnosis import diagnose as judge
    from advisor.lint import lint as check
    from advisor.readers import read
    from advisor.recipe import recommend as advise
    from advisor.summary import describe_recipe

    options = {
        "modality": modality,
        "train_size": train_size,
        "classes": classes,
        "goal": goal,
        "regime": regime,
        "model": model,
        "normalization": normalization,
        "flip_safe": flip_safe,
        "imbalance": imbalance,
    }
    the_task = _task(task, {key: value for key, value in options.items() if value is not None})
    diagnosis = None if log is None else judge(read(log)[0])
    recipe = advise(the_task, diagnosis, [] if script is None else check(script))
    if json:
        _print_json(recipe)
    elif code:
        print(recipe.code)
    else:
        _print(([] if diagnosis is None else [diagnosis.summary]) + describe_recipe(recipe))


@app.command()
def verify(
    spec: Annotated[Path, typer.Argument(help="A YAML or JSON file: data and model, or a command; baseline, arms.")],
    budget: Annotated[str | None, typer.Option(help="Wall time, such as 3m, instead of the spec's.")] = None,
    python: Annotated[str | None, typer.Option(help="The interpreter that trains, instead of the spec's.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Runs at a time.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run, and run nothing.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Start the job and return its id.")] = False,
    json: Json = False,
) -> None:
    """Measure each arm's effect against the baseline in paired blocks."""
    from advisor.experiments.files import read_mapping
    from advisor.experiments.spec import parse_spec
    from advisor.jobs import service
    from advisor.progress import follow
    from advisor.summary import describe_evidence

    changes = {key: value for key, value in {"budget": budget, "python": python}.items() if value is not None}
    content = read_mapping(spec)
    parsed = parse_spec({**content, **changes} if isinstance(content, dict) else content, where=str(spec))
    if dry_run:
        arms = ", ".join(["baseline", *parsed.arm_names])
        print(f"{parsed.title}: arms {arms}, on 2 to {parsed.max_blocks} blocks, at most {parsed.most_runs} runs "
              f"within {parsed.budget}.")  # fmt: skip
        print("How many blocks fit is fixed once it is known what a run takes; settled arms end earlier.")
        return
    job = service.submit(parsed, workspace=spec.resolve().parent, workers=workers)
    if detach:
        _print_json(job) if json else print(job.job_id)
        return
    job = follow(job.job_id)
    evidence = service.find_evidence(job.job_id)
    if json:
        _print_json(evidence)
    else:
        _print([*describe_evidence(evidence), f"Report: regadvisor report {job.job_id}"])


@app.command()
def compare(
    runs_a: Annotated[Path, typer.Argument(help="The runs of A: a log or a folder of logs.")],
    runs_b: Annotated[Path, typer.Argument(help="The runs of B.")],
    metric: Annotated[str | None, typer.Option(help="What to compare on, instead of our choice.")] = None,
    minimum_effect: Annotated[
        float, typer.Option(help="The smallest difference that matters, in the metric's unit as logged.")
    ] = 0.0,
    unpaired: Annotated[bool, typer.Option("--unpaired", help="Equal seeds and names mean nothing here.")] = False,
    json: Json = False,
) -> None:
    """Say whether B's existing runs are really better than A's, by how much, and how many more would tell."""
    from advisor.experiments.existing import compare_runs
    from advisor.experiments.existing.words import describe_comparison

    comparison = compare_runs(runs_a, runs_b, metric=metric, minimum_effect=minimum_effect, unpaired=unpaired)
    if json:
        _print_json(comparison)
    else:
        _print(describe_comparison(comparison))


@app.command()
def report(
    job_id: JobId,
    out: Annotated[Path | None, typer.Option(help="The HTML file to write.")] = None,
) -> None:
    """Write a finished job's report as one HTML file."""
    from advisor.report.build import job_report
    from advisor.report.html import write

    path = out or Path(f"report-{job_id}.html")
    write(job_report(job_id), path)
    print(path)


@app.command()
def serve(
    root: Annotated[list[Path] | None, typer.Option(help="A folder that may be read; may be repeated.")] = None,
    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="Let specs run user code (entry, python, command).")
    ] = False,
) -> None:
    """Serve the Model Context Protocol on stdin and stdout."""
    from advisor_mcp.server import serve as run
    from advisor_mcp.settings import Settings

    missing = [str(folder) for folder in root or [] if not folder.is_dir()]
    if missing:
        raise AdvisorError(f"--root {', '.join(missing)} is not a folder.")
    run(Settings(roots=tuple(root or ()), allow_code=allow_code))


@app.command()
def doctor(
    python: Annotated[Path | None, typer.Option(help="An interpreter that should train.")] = None,
    json: Json = False,
) -> None:
    """Say what works here, and how to mend what does not."""
    from advisor.doctor import examine

    checkup = examine(python)
    if json:
        _print_json(checkup)
    else:
        _print([f"{check.status:<8}{check.name}: {check.detail}" for check in checkup.checks])
    if not checkup.healthy:
        raise typer.Exit(1)


@jobs_app.command("list")
def jobs_list(limit: Annotated[int, typer.Option(min=1, max=1000)] = 20, json: Json = False) -> None:
    """The newest jobs."""
    from advisor.jobs import service

    jobs = service.list_jobs(limit)
    if json:
        _print_json(jobs)
    else:
        _print([f"{job.job_id}  {job.state:<11} {job.progress:4.0%}  {job.title}" for job in jobs] or ["No jobs yet."])


@jobs_app.command("show")
def jobs_show(
    job_id: JobId,
    spec: Annotated[bool, typer.Option("--spec", help="Print the job's spec.")] = False,
    json: Json = False,
) -> None:
    """A job's state, and its evidence when it is done."""
    from advisor.jobs import service
    from advisor.summary import describe_evidence

    job = service.show(job_id)
    if spec:
        _print_json(service.find_spec(job_id))
    elif json:
        _print_json(service.find_evidence(job_id) if job.state == "done" else job)
    else:
        print(f"{job.job_id}  {job.state}  {job.progress:.0%}  {job.error or job.message}")
        if job.state == "done":
            _print(describe_evidence(service.find_evidence(job_id)))


@jobs_app.command("wait")
def jobs_wait(job_id: JobId) -> None:
    """Follow a job to its end."""
    from advisor.jobs import service
    from advisor.progress import follow
    from advisor.summary import describe_evidence

    _print(describe_evidence(service.find_evidence(follow(job_id).job_id)))


@jobs_app.command("cancel")
def jobs_cancel(job_id: JobId) -> None:
    """End a job and its workers; finished runs are kept."""
    from advisor.jobs import service

    print(f"{job_id} {service.cancel(job_id).state}")


@jobs_app.command("resume")
def jobs_resume(job_id: JobId) -> None:
    """Continue a job that was interrupted, cancelled or failed."""
    from advisor.jobs import service

    print(f"{job_id} {service.resume(job_id).state}")


@jobs_app.command("rm")
def jobs_rm(job_id: JobId) -> None:
    """Remove a job with its folder and its runs."""
    from advisor.jobs import service

    service.remove(job_id)
    print(f"{job_id} removed")


@techniques_app.command("list")
def techniques_list() -> None:
    """Every technique in a line."""
    from advisor.techniques import TECHNIQUES

    _print([f"{name:<20} {technique.card.title}" for name, technique in TECHNIQUES.items()])


@techniques_app.command("show")
def techniques_show(
    name: str, other: Annotated[str | None, typer.Argument(help="May the two be combined?")] = None
) -> None:
    """What a technique does, when to use it, its parameters, and whether it combines with another."""
    from advisor.knowledge.explain import explain

    print(explain(name, other))


@skill_app.command("show")
def skill_show() -> None:
    """Print the skill."""
    from advisor.knowledge.skill import skill_text

    print(skill_text())


@skill_app.command("rules")
def skill_rules(
    topic: Annotated[str | None, typer.Option(help="Only the rules of this topic, such as ensembles.")] = None,
    json: Json = False,
) -> None:
    """List the rules: id, strength, check, claim, source."""
    from advisor.knowledge import RULES, rules_on

    rules = list(RULES.values()) if topic is None else rules_on(topic)
    if json:
        _print_json(rules)
    else:
        _print([f"{rule.id} ({rule.strength}; {rule.check})\n  {rule.claim} [{rule.source}]" for rule in rules])


@skill_app.command("install")
def skill_install(to: Annotated[Path, typer.Option(help="The file to put it into.")] = Path("CLAUDE.md")) -> None:
    """Put the skill into a CLAUDE.md between markers, or update it there."""
    from advisor.knowledge.skill import install

    install(to)
    print(f"installed into {to}")


@skill_app.command("uninstall")
def skill_uninstall(to: Annotated[Path, typer.Option(help="The file to take it out of.")] = Path("CLAUDE.md")) -> None:
    """Take the skill out of a CLAUDE.md; the rest stays as it is."""
    from advisor.knowledge.skill import uninstall

    uninstall(to)
    print(f"removed from {to}")


def _print(lines: list[str]) -> None:
    print("\n".join(lines))


def _print_json(value: Any) -> None:
    import json

    from pydantic_core import to_jsonable_python

    print(json.dumps(to_jsonable_python(value), indent=2))


def _plot(curves: Any, diagnosis: Any, path: Path) -> None:
    from advisor.files import write_atomic
    from advisor.report.plots import curves_picture

    if path.suffix not in {".png", ".svg"}:
        raise AdvisorError(f"--plot {str(path)!r} must end with .png or .svg.")
    write_atomic(path, curves_picture(curves, diagnosis, format="svg" if path.suffix == ".svg" else "png"))


def _task(path: Path | None, options: dict[str, Any]) -> Any:
    from pydantic import ValidationError

    from advisor.errors import invalid
    from advisor.experiments.files import read_mapping
    from advisor.recipe.model import Task

    content = {} if path is None else read_mapping(path)
    if not isinstance(content, dict):
        raise AdvisorError(f"{str(path)!r} must be a mapping such as modality: image but is {type(content).__name__}.")
    if "modality" not in {**content, **options}:
        raise AdvisorError("The task is unknown: give --modality image, table, text or sequence, or --task FILE.")
    try:
        return Task.model_validate({**content, **options})
    except ValidationError as error:
        raise invalid("the task", error, Task) from None


if __name__ == "__main__":
    main()
