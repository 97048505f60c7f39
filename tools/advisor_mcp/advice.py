"""The tools that give advice without training: diagnosis, recipe, lint and explanation."""

from typing import Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult
from pydantic import Field

from advisor.errors import AdvisorError, invalid
from advisor_mcp.answers import answer, tool
from advisor_mcp.settings import ClientRoots, allowed_path

MAX_VALUES = 100_000  # inline; longer logs are files
Losses = Annotated[list[float | None] | None, Field(max_length=MAX_VALUES)]


@tool("Diagnose training curves", read_only=True)
def diagnose_curves(
    ctx: Context,
    roots: ClientRoots,
    path: Annotated[str | None, Field(description="log file or run folder")] = None,
    train: Annotated[Losses, Field(description="training losses, instead of path")] = None,
    validation: Annotated[Losses, Field(description="validation losses, instead of path")] = None,
    train_series: Annotated[str | None, Field(description="override the chosen series")] = None,
    validation_series: str | None = None,
    run: Annotated[int, Field(ge=0, description="which run of a file with several")] = 0,
    picture: bool = True,
) -> CallToolResult:
    """Say what training curves show (overfitting and its look-alikes), since when, and what to check next.

    Call this first. Then recommend_recipe."""
    from advisor.curves import Curves
    from advisor.diagnosis import diagnose
    from advisor.readers import read
    from advisor.report.plots import curves_picture
    from advisor.summary import describe_diagnosis

    if (path is None) == (train is None and validation is None):
        raise AdvisorError("Give either path, or train and validation losses; got " + ("both." if path else "neither."))
    runs = [Curves.from_losses(train, validation)] if path is None else read(allowed_path(path, ctx, roots))
    if run >= len(runs):
        raise AdvisorError(f"run {run} does not exist: the file has {len(runs)} runs, counted from 0.")
    diagnosis = diagnose(runs[run], train=train_series, validation=validation_series)
    lines = describe_diagnosis(diagnosis)
    if len(runs) > 1:
        names = ", ".join(item.name for item in runs[:10])
        lines.append(f"The file has {len(runs)} runs ({names}); this is number {run}.")
    pictures = [curves_picture(runs[run], diagnosis, format="png")] if picture else []
    return answer("\n".join(lines), diagnosis.model_dump(mode="json"), *pictures)


@tool("Recommend a recipe", read_only=True)
def recommend_recipe(
    ctx: Context,
    roots: ClientRoots,
    modality: Literal["image", "table", "text", "sequence"],
    train_size: Annotated[int | None, Field(ge=1, description="training examples")] = None,
    classes: Annotated[int | None, Field(ge=2, description="omit for regression")] = None,
    goal: Annotated[str, Field(description="metric that counts")] = "accuracy",
    regime: Literal["scratch", "fine_tuning"] = "scratch",
    model: Annotated[str | None, Field(description="mlp, cnn, resnet, vit, transformer, ...")] = None,
    normalization: Annotated[bool | None, Field(description="model has norm layers")] = None,
    flip_safe: Annotated[bool | None, Field(description="mirrored images keep their label")] = None,
    imbalance: Annotated[float | None, Field(ge=1, description="largest class over smallest")] = None,
    already_used: Annotated[
        dict[str, dict[str, Any]] | None, Field(description="techniques in use: {name: parameters}")
    ] = None,
    log_path: Annotated[str | None, Field(description="training log to diagnose first")] = None,
) -> CallToolResult:
    """Ordered regularization steps for a task with reasons, what to leave out and why, and PyTorch code.

    Then prove the steps with start_verification: `arms` in the result fits its spec."""
    from pydantic import ValidationError

    from advisor.diagnosis import diagnose
    from advisor.readers import read
    from advisor.recipe import arms, recommend
    from advisor.recipe.model import Task
    from advisor.summary import describe_recipe

    try:
        task = Task(
            modality=modality, train_size=train_size, classes=classes, goal=goal, regime=regime, model=model,
            normalization=normalization, flip_safe=flip_safe, imbalance=imbalance,
            already_used=already_used or {},
        )  # fmt: skip
    except ValidationError as error:
        raise invalid("the task", error, Task) from None
    diagnosis = None if log_path is None else diagnose(read(allowed_path(log_path, ctx, roots))[0])
    recipe = recommend(task, diagnosis)
    lines = ([] if diagnosis is None else [diagnosis.summary]) + describe_recipe(recipe)
    return answer("\n".join(lines), {**recipe.model_dump(mode="json"), "arms": arms(recipe, 3)})


@tool("Lint a script, config or spec", read_only=True)
def lint_recipe(
    ctx: Context,
    roots: ClientRoots,
    path: Annotated[str | None, Field(description="script, config or folder; only parsed, never run")] = None,
    spec: Annotated[dict[str, Any] | None, Field(description="a spec or recipe, instead of path")] = None,
) -> CallToolResult:
    """Check a training script, config or spec against the rules: conflicts, unusual strengths, anti-patterns."""
    from advisor.lint import lint, lint_config
    from advisor.summary import describe_lint

    if (path is None) == (spec is None):
        raise AdvisorError("Give either path or spec; got " + ("both." if path else "neither."))
    findings = lint(allowed_path(path, ctx, roots)) if path is not None else lint_config(spec or {})
    structured = {"findings": [finding.model_dump(mode="json") for finding in findings]}
    return answer("\n".join(describe_lint(findings)), structured)


@tool("Explain a technique", read_only=True)
def explain_technique(
    name: Annotated[str, Field(description="technique, such as mixup")],
    other: Annotated[str | None, Field(description="second technique: may they be combined?")] = None,
) -> CallToolResult:
    """What a technique does, when to use or avoid it, its parameters, and whether it combines with another."""
    from advisor.knowledge.explain import explain

    text = explain(name, other)
    return answer(text, {"name": name, "other": other, "text": text})


TOOLS = [diagnose_curves, recommend_recipe, lint_recipe, explain_technique]
