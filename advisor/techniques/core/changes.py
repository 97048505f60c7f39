"""Changes to a model that are undone when the session is restored."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from advisor.techniques.core.dataflow import Maker
from advisor.techniques.core.run import Run

if TYPE_CHECKING:
    import torch

    Change = Callable[[torch.Tensor], torch.Tensor]


def set_attribute(run: Run, owner: torch.nn.Module | torch.Tensor, name: str, value: Any) -> None:
    """Set an attribute, such as a module's rate."""
    run.undo.append(functools.partial(setattr, owner, name, getattr(owner, name)))
    setattr(owner, name, value)


def uncompiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function kept out of torch.compile, which would compile it anew for each place and step."""
    import torch

    hidden: Callable[..., Any] = torch.compiler.disable(function)  # type: ignore[no-untyped-call]
    return hidden


def change_input(run: Run, module: torch.nn.Module, change: Change) -> None:
    """In training mode the module gets `change` of its first input."""

    def before(layer: torch.nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        return (change(inputs[0]), *inputs[1:]) if layer.training else None

    run.undo.append(module.register_forward_pre_hook(uncompiled(before)).remove)


def change_output(run: Run, maker: Maker, change: Change) -> None:
    """In training mode what the module gives becomes `change` of it."""

    def after(layer: torch.nn.Module, inputs: Any, output: Any) -> Any:
        if not layer.training:
            return None
        if maker.position is None:
            return change(output)
        parts = list(output)
        parts[maker.position] = change(parts[maker.position])
        return type(output)(parts) if type(output) in (tuple, list) else type(output)(*parts)

    run.undo.append(maker.module.register_forward_hook(uncompiled(after)).remove)
