"""The tools around verification jobs. A tool that trains answers with a job id at once."""

from typing import TYPE_CHECKING, Annotated, Any

import anyio.to_thread
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from advisor.errors import AdvisorError
from advisor_mcp.answers import answer, tool
from advisor_mcp.settings import ClientRoots, allowed_path, allowed_roots, settings_of

if TYPE_CHECKING:
    from advisor.experiments.evidence import Evidence
    from advisor.jobs.model import Job

MAX_WAIT_SECONDS = 25  # clients cut calls at 60 s, some earlier
JobId = Annotated[str, Field(description="from start_verification or list_jobs", max_length=64)]


@tool("Start a verification", read_only=False)
async def start_verification(
    ctx: Context,
    roots: ClientRoots,
    spec: Annotated[
        dict[str, Any] | None,
        Field(
            description="{data: {builtin: digits|breast_cancer|wine}, {folder}, {table, target}, {text, target}, "
            "{arrays}, {corpus} or {entry: module:function}, model: {name: mlp|small_cnn|resnet|vit_tiny|"
            "table_mlp|text_cnn|text_transformer|gpt_mini} or {entry}, baseline: {lr, epochs, techniques}, "
            "arms: {name: {techniques: {mixup: {alpha: 0.2}}}}, metric, minimum_effect, budget: 5m, "
            "kind: verify (default)|recipe|ablate|power of the arms, or without arms sweep: {technique, parameter, "
            "values}|bias_variance: {values}|double_descent: {over: model|epochs|train_size, values}|data_size: "
            "{sizes}, each part beside its kind} or, for your "
            "own script of any framework, {command: 'python {script} --seed {seed} --out {run_dir}', "
            "log: '{run_dir}/metrics.csv' (without: the last JSON line on stdout), "
            "report: {metric: test_accuracy, direction: max}, select: {metric, direction}, "
            "baseline: {script: train.py}, arms: {name: {script | patch | placeholder: value}}, budget}; "
            "files are found in your first root, or beside spec_path"
        ),
    ] = None,
    spec_path: Annotated[str | None, Field(description="YAML or JSON spec file, instead of spec")] = None,
) -> CallToolResult:
    """Train arms against the baseline on paired blocks and judge the differences, or ask another kind of question
    (ablation, sweep, bias and variance, double descent, more data, power). Answers with a job id at once.

    Then wait_for_job. User code (entry, python, command) needs a server started with --allow-code."""
    from advisor.experiments.files import read_spec
    from advisor.experiments.spec import parse_spec
    from advisor.jobs import service

    if (spec is None) == (spec_path is None):
        raise AdvisorError("Give either spec or spec_path; got " + ("both." if spec_path else "neither."))
    workspace = allowed_roots(ctx, roots)[0]
    if spec_path is not None:
        path = allowed_path(spec_path, ctx, roots)
        parsed, workspace = read_spec(path), path.parent
    else:
        parsed = parse_spec(spec)
    if parsed.needs_user_code and not settings_of(ctx).allow_code:
        raise AdvisorError(
            "This spec runs user code (entry, python or command), which this server was not started to allow; "
            "restart it with: regadvisor serve --allow-code, or use built-in data and models."
        )
    for named in parsed.paths():
        allowed_path(str(workspace / named), ctx, roots)
    job = await anyio.to_thread.run_sync(lambda: service.submit(parsed, workspace=workspace))
    return _job_answer(job, None)


@tool("Look at a job", read_only=True)
def get_job(job_id: JobId, picture: bool = True) -> CallToolResult:
    """A job's state; when it is done the evidence: each arm's effect with interval and verdict, and a picture."""
    from advisor.jobs import service
    from advisor.report.plots import effects_picture

    job = service.show(job_id)
    evidence = service.find_evidence(job_id) if job.state == "done" else None
    pictures = [effects_picture(evidence, format="png")] if picture and evidence else []
    return _job_answer(job, evidence, *pictures)


@tool("Wait for a job", read_only=True)
async def wait_for_job(
    ctx: Context,
    job_id: JobId,
    seconds: Annotated[float, Field(gt=0, le=MAX_WAIT_SECONDS)] = 20,
) -> CallToolResult:
    """Wait until a job ends or `seconds` have passed, with progress. Call again while it runs. Cancelling the
    call does not cancel the job."""
    from advisor.jobs import service

    told = -1.0
    with anyio.move_on_after(seconds):
        while True:
            job = await anyio.to_thread.run_sync(service.show, job_id)
            if job.progress > told:
                told = job.progress
                await ctx.report_progress(told, 1.0, job.message)
            if not job.active:
                break
            await anyio.sleep(0.25)
    job = service.show(job_id)
    return _job_answer(job, service.find_evidence(job_id) if job.state == "done" else None)


@tool("Cancel a job", read_only=False, destructive=True)
async def cancel_job(job_id: JobId) -> CallToolResult:
    """End a job and its workers. Finished runs are kept; starting the same spec again continues it."""
    from advisor.jobs import service

    return _job_answer(await anyio.to_thread.run_sync(service.cancel, job_id), None)


@tool("List jobs", read_only=True)
def list_jobs(limit: Annotated[int, Field(ge=1, le=100)] = 20) -> CallToolResult:
    """The newest jobs with their states."""
    from advisor.jobs import service

    jobs = service.list_jobs(limit)
    lines = [f"{job.job_id} {job.state} {job.progress:.0%} {job.title}" for job in jobs]
    text = "\n".join(lines) or "No jobs yet; start one with start_verification."
    return answer(text, {"jobs": [job.model_dump(mode="json") for job in jobs]})


def _job_answer(job: "Job", evidence: "Evidence | None", *pictures: bytes) -> CallToolResult:
    from advisor.summary import describe_evidence

    structured: dict[str, Any] = {"job": job.model_dump(mode="json"), "evidence": None, "next": _next(job)}
    lines = [f"job {job.job_id}: {job.state}, {job.progress:.0%}. {job.error or job.message}"]
    if evidence is not None:
        lines += describe_evidence(evidence)
        # Every run's rows are in the report; a model needs the arms.
        structured["evidence"] = {
            "results": evidence.results.model_dump(mode="json", exclude={"runs"}),
            "cost": evidence.cost.model_dump(mode="json"),
            "provenance": evidence.provenance.model_dump(mode="json"),
        }
    lines.append(structured["next"])
    return answer("\n".join(lines), structured, *pictures)


def _next(job: "Job") -> str:
    if job.active:
        return f"Next: wait_for_job(job_id={job.job_id!r})."
    if job.state == "done":
        return f"Next: adopt what helps; the full report is the resource job://{job.job_id}/report."
    if job.state == "failed":
        return "Next: mend what the error says and start_verification again; finished runs are kept."
    return "Next: start_verification with the same spec continues it; finished runs are kept."


TOOLS = [start_verification, get_job, wait_for_job, cancel_job, list_jobs]
