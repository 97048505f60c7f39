"""The layers of a network in order of depth, found by its structure: from embeddings or stem up to the head.

The order is that in which modules are registered, which in nearly every network is the order in which they run. A
network is opened along its chains of blocks and along plain sequences; everything else is one level as a whole.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.errors import AdvisorError

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True)
class Level:
    """What lies at one depth. Every parameter of a network is in exactly one level, a shared one in its lowest."""

    modules: tuple[nn.Module, ...]
    parameters: tuple[torch.nn.Parameter, ...]


def levels_of(model: nn.Module) -> list[Level]:
    """The levels from input to output.

    Lowest are embeddings and what composite modules hold directly (position tables, class tokens). A normalization
    belongs to the single layer before it; where a block comes before it, to what follows.
    """
    from torch import nn

    units = _units(model)
    embeddings: list[nn.Module] = [unit for unit in units if isinstance(unit, (nn.Embedding, nn.EmbeddingBag))]
    groups: list[list[nn.Module]] = []
    waiting: list[nn.Module] = []  # normalization for the next layer
    for unit in units:
        if unit in embeddings:
            continue
        if _weights(unit) > 0:
            groups.append([unit, *waiting])
            waiting = []
        elif groups and not waiting and _weights(groups[-1][0]) == 1:
            groups[-1].append(unit)
        else:
            waiting.append(unit)
    if waiting:
        groups[-1:] = [[*groups[-1], *waiting] if groups else waiting]
    if embeddings:
        groups.insert(0, embeddings)
    return _without_repetition(model, groups)


def require_levels(model: nn.Module, technique: str) -> list[Level]:
    """The levels, of which there are at least two.

    Raises:
        AdvisorError: there is but one.
    """
    levels = levels_of(model)
    if len(levels) < 2:
        raise AdvisorError(
            f"{technique} finds no depth in {type(model).__name__}: looked for chains of blocks (nn.Sequential, "
            f"nn.ModuleList) and for layers before and after them, and found {len(levels)} level. Register the "
            f"network's layers in their order as children of the model, or leave {technique} out."
        )
    return levels


def _without_repetition(model: nn.Module, groups: list[list[nn.Module]]) -> list[Level]:
    inside = {id(p) for group in groups for module in group for p in module.parameters()}
    direct = [p for p in model.parameters() if id(p) not in inside]
    seen: set[int] = set()
    levels = []
    for number, group in enumerate(groups or [[]]):
        parameters = [*direct] if number == 0 else []
        for module in group:
            parameters += [p for p in module.parameters() if id(p) not in seen]
            seen |= {id(p) for p in parameters}
        if parameters:
            levels.append(Level(tuple(group), tuple(dict.fromkeys(parameters))))
    return levels


def _units(model: nn.Module) -> list[nn.Module]:
    """The modules that are not opened further, in order; only those with parameters."""
    return [unit for child in _children(model) for unit in _open(child, in_chain=_is_chain(model, child))]


def _open(module: nn.Module, *, in_chain: bool) -> list[nn.Module]:
    from torch import nn

    # A block of a chain may itself be a stage of further blocks. There only nn.Sequential counts, for which the order
    # is certain: a list inside a block may hold branches, such as a mixture's experts.
    containers = (nn.Sequential,) if in_chain else (nn.Sequential, nn.ModuleList, nn.ModuleDict)
    chained = any(isinstance(inner, containers) and _holds_chain(inner) for inner in module.modules())
    plain = type(module) in (nn.Sequential, nn.ModuleList) and not in_chain
    children = _children(module)
    wraps = len(children) == 1 and not in_chain and next(module.parameters(recurse=False), None) is None
    if not (chained or plain or wraps) or not children:
        return [module]
    return [unit for child in children for unit in _open(child, in_chain=_is_chain(module, child))]


def _children(module: nn.Module) -> list[nn.Module]:
    return [child for child in module.children() if next(child.parameters(), None) is not None]


def _holds_chain(container: nn.Module) -> bool:
    return any(_is_chain(container, child) for child in container.children())


def _is_chain(container: nn.Module, child: nn.Module) -> bool:
    """Whether the child is a block, of two weights or more, that its container holds several of."""
    from torch import nn

    if not isinstance(container, (nn.Sequential, nn.ModuleList, nn.ModuleDict)):
        return False
    kinds = Counter(type(other) for other in container.children() if _weights(other) > 1)
    return kinds[type(child)] > 1 and _weights(child) > 1


def _weights(module: nn.Module) -> int:
    """How many matrices and kernels there are in a module; none in normalization."""
    from torch import nn
    from torch.nn.modules.batchnorm import _NormBase

    norms = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
    return sum(
        parameter.ndim > 1
        for inner in module.modules()
        if not isinstance(inner, norms)
        for parameter in inner.parameters(recurse=False)
    )
