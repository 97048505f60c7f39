"""Where a whole hidden state comes out of a model: outputs that every path from the inputs to the answer passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.errors import AdvisorError
from advisor.techniques.core.dataflow import trace
from advisor.techniques.core.places import layers, norms

if TYPE_CHECKING:
    import torch


def block_outputs(model: torch.nn.Module, example: torch.Tensor) -> list[torch.nn.Module]:
    """The modules whose output (N, ...) is the whole hidden state, in the order in which they run.

    example: (N, ...), for a dry forward pass. Between two layers with weights there is at most one, the last: a
    residual block's output after its addition and activation. The answer itself is none, nor is what no layer made.
    """
    graph = trace(model, example)
    spared = {id(module) for module in norms(model)}
    weighted = {id(module) for module in layers(model)} - spared
    done, found = 0, dict[int, "torch.nn.Module"]()  # by the layers that have run until then
    trunk = set(graph.trunk())
    for number, node in enumerate(graph.nodes):
        done += any(id(maker.module) in weighted for maker in node.makers)
        alone = [maker for maker in node.makers if maker.position is None and graph.calls[id(maker.module)] == 1]
        if number in trunk and alone and node.floating and node.batch_axis == 0:
            found[done] = alone[-1].module
    return [module for depth, module in found.items() if 0 < depth < done]


def require_block_outputs(model: torch.nn.Module, example: torch.Tensor, technique: str) -> list[torch.nn.Module]:
    """The modules of `block_outputs`.

    Raises:
        AdvisorError: there is none.
    """
    found = block_outputs(model, example)
    if not found:
        raise AdvisorError(
            f"{technique} finds no hidden state in {type(model).__name__}: looked for a module with a layer before and "
            "after it that runs once, gives a tensor (N, ...) and is passed by every path to the answer. Use another "
            f"`where`, or leave {technique} out of this arm."
        )
    return found
