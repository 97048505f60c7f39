"""The prompt and the resources: the skill, the techniques, and the reports of jobs."""

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from mcp.types import Completion, PromptReference, ResourceTemplateReference

from advisor.errors import AdvisorError


def add_documents(server: MCPServer) -> None:
    """Register the prompt, the resources and their completions."""
    server.prompt(title="Regularization and generalization expert")(regularization_expert)
    server.resource("skill://regularization-expert/SKILL.md", title="The skill", mime_type="text/markdown")(skill)
    server.resource(
        "skill://regularization-expert/references/{name}", title="A reference of the skill", mime_type="text/markdown"
    )(reference)
    server.resource("technique://{name}", title="A technique", mime_type="text/markdown")(technique)
    server.resource("job://{job_id}/report", title="A job's report", mime_type="text/html")(report)
    server.completion()(complete)  # type: ignore[no-untyped-call]


def regularization_expert(modality: str = "", train_size: str = "", observed: str = "") -> str:
    """The expert's instructions, narrowed to a case: kind of data, training examples, what is observed; if known."""
    from advisor.knowledge.narrow import narrow
    from advisor.knowledge.skill import skill_text

    return narrow(skill_text(), modality, train_size, observed)


def skill() -> str:
    """The expert's instructions as a skill."""
    from advisor.knowledge.skill import skill_text

    return skill_text()


def reference(name: str) -> str:
    """A reference file of the skill, such as techniques.md."""
    from advisor.knowledge.skill import skill_root

    known = {path.name: path for path in (skill_root() / "references").glob("*.md")}
    if name not in known:
        raise ResourceNotFoundError(f"no reference {name!r}; there are {', '.join(sorted(known))}")
    return known[name].read_text(encoding="utf-8")


def technique(name: str) -> str:
    """What a technique does, when to use it, and its parameters."""
    from advisor.knowledge.explain import explain

    try:
        return explain(name)
    except AdvisorError as error:
        raise ResourceNotFoundError(str(error)) from None


def report(job_id: str) -> str:
    """The report of a finished job as one HTML file."""
    from advisor.report.build import job_report
    from advisor.report.html import render

    try:
        return render(job_report(job_id))
    except AdvisorError as error:
        raise ResourceNotFoundError(str(error)) from None


async def complete(
    ref: PromptReference | ResourceTemplateReference, argument: object, context: object
) -> Completion | None:
    """Complete names of techniques, jobs, references and modalities."""
    name, typed = getattr(argument, "name", ""), getattr(argument, "value", "")
    values = [value for value in _values(ref, name) if value.startswith(typed)]
    return Completion(values=values[:100], total=len(values), has_more=len(values) > 100)


def _values(ref: PromptReference | ResourceTemplateReference, name: str) -> list[str]:
    if isinstance(ref, PromptReference):
        from advisor.knowledge.narrow import MODALITIES

        return list(MODALITIES) if name == "modality" else []
    if ref.uri.startswith("technique:"):
        from advisor.techniques import TECHNIQUES

        return sorted(TECHNIQUES)
    if ref.uri.startswith("job:"):
        from advisor.jobs import service

        return [job.job_id for job in service.list_jobs(100)]
    from advisor.knowledge.skill import skill_root

    return sorted(path.name for path in (skill_root() / "references").glob("*.md"))
