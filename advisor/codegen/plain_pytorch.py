"""A recipe as plain PyTorch: one file with a training function, depending on torch alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from advisor.errors import invalid
from advisor.techniques import TECHNIQUES, find_technique
from advisor.techniques.core import Technique

if TYPE_CHECKING:
    from advisor.recipe.model import Recipe

# The techniques that the plain template knows how to write out; recipes with others use ours through a session.
WRITTEN = {
    "basic_augmentation": {"shift", "flip"},
    "mixup": {"alpha"},
    "label_smoothing": {"epsilon"},
    "dropout": {"probability"},
    "weight_decay": {"strength"},
    "early_stopping": {"patience_epochs", "min_delta", "monitor"},
}
PLAIN, SESSION = "plain_pytorch.py.j2", "session_loop.py.j2"


def pytorch(recipe: Recipe) -> str:
    """Runnable PyTorch for the steps of a recipe, what is already in use included; `train` is its entry.

    It depends on torch alone where every step can be written out, else on this package besides.

    Raises:
        AdvisorError: a technique or a parameter that does not exist.
    """
    settings = {name: parameters for name, parameters in recipe.task.already_used.items() if name in TECHNIQUES}
    settings |= {step.technique: step.parameters for step in recipe.steps}
    checked = {name: _check(name, parameters) for name, parameters in settings.items()}
    regression = recipe.task.target_kind == "real"
    names = [name for name in TECHNIQUES if name in checked]
    written = all(_is_written(name, checked[name]) for name in names)
    again = any(find_technique(name).plan is not Technique.plan for name in names)
    template = _template(PLAIN if written else SESSION)
    code: str = template.render(use=checked, regression=regression, names=names, again=again)
    return code


def _is_written(name: str, parameters: dict[str, Any]) -> bool:
    """Whether the plain template covers these settings: what it does not know must be at its default."""
    if name not in WRITTEN:
        return False
    defaults = find_technique(name)().parameters()
    return all(value == defaults[key] for key, value in parameters.items() if key not in WRITTEN[name])


def _check(name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    # Only validated values reach the code: a recipe may come from outside.
    try:
        return find_technique(name)(**parameters).parameters()
    except ValidationError as error:
        raise invalid(f"technique {name!r}", error, find_technique(name)) from None


def _template(name: str) -> Any:
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
    return environment.get_template(name)
