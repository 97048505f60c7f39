"""A recipe as plain PyTorch: one file with a training function, depending on torch alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from advisor.errors import AdvisorError, invalid
from advisor.techniques import find_technique

if TYPE_CHECKING:
    from advisor.recipe.model import Recipe

# The techniques that the template knows how to write.
WRITTEN = ("basic_augmentation", "mixup", "label_smoothing", "dropout", "weight_decay", "early_stopping")


def pytorch(recipe: Recipe) -> str:
    """Runnable PyTorch for the steps of a recipe, what is already in use included; `train` is its entry.

    Raises:
        AdvisorError: a technique or a parameter that does not exist, or a technique without a written form.
    """
    settings = {name: parameters for name, parameters in recipe.task.already_used.items() if name in WRITTEN}
    settings |= {step.technique: step.parameters for step in recipe.steps}
    checked = {name: _check(name, parameters) for name, parameters in settings.items()}
    missing = [name for name in checked if name not in WRITTEN]
    if missing:
        raise AdvisorError(
            f"No PyTorch form is known for {missing[0]!r}; leave it out of the recipe, or take one of "
            f"{', '.join(WRITTEN)}.",
            exit_status=1,
        )
    regression = recipe.task.target_kind == "real"
    code: str = _template().render(use=checked, regression=regression, names=[n for n in WRITTEN if n in checked])
    return code


def _check(name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    # Only validated values reach the code: a recipe may come from outside.
    try:
        return find_technique(name)(**parameters).parameters()
    except ValidationError as error:
        raise invalid(f"technique {name!r}", error, find_technique(name)) from None


def _template() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # the output is Python, and every value in it was validated
    )
    environment.filters["repr"] = repr
    return environment.get_template("plain_pytorch.py.j2")
