"""Where in a model a technique acts: places found by kind of module and by data flow, never by attribute names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.errors import AdvisorError
from advisor.techniques.core.dataflow import Graph, Maker, Node, members, trace
from advisor.techniques.core.run import Run

if TYPE_CHECKING:
    import torch

_ADDITIONS = frozenset({"add", "iadd", "radd"})
_CONVOLUTIONS = frozenset({"conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"})
_RESHAPING = frozenset({"view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "getitem"})
_PERMUTING = frozenset({"permute", "transpose", "movedim", "moveaxis", "swapaxes", "swapdims", "t"})
_JOINING = frozenset({"cat", "concat", "concatenate"})
_MIXING = frozenset({"linear", "matmul", "bmm", "einsum", "chunk", "split", "unbind", "narrow", "select"})
_NOT_MAPPING = _RESHAPING | _PERMUTING | _JOINING | _MIXING
_MULTIPLYING = frozenset({"mul", "imul", "rmul", "multiply", "div", "truediv", "itruediv", "divide", "neg"})
_KEEPING = frozenset({"contiguous", "clone", "roll", "to", "type", "type_as", "float", "double", "half", "bfloat16"})
_DROPPING = frozenset({"dropout", "dropout1d", "dropout2d", "dropout3d"})
# An activation times a number gives the result times that number, as long as the number is not negative.
_HOMOGENEOUS = _RESHAPING | _PERMUTING | _MULTIPLYING | _KEEPING | _DROPPING | frozenset({"relu", "leaky_relu"})


def is_kind(module: torch.nn.Module, package: str, name: str) -> bool:
    """Whether a module is of the class `name` of a package or of one derived from it; nothing is imported."""
    return any(kind.__name__ == name and kind.__module__.partition(".")[0] == package for kind in type(module).__mro__)


def layers(model: torch.nn.Module) -> list[torch.nn.Module]:
    """The modules with parameters of their own in the order of registration.

    Left out are the projections inside torch's attention, which run without their module.
    """
    from torch import nn
    from torch.nn.utils import parametrize

    hidden: set[int] = set()
    for module in model.modules():
        opaque: object = module if isinstance(module, nn.MultiheadAttention) else None
        if parametrize.is_parametrized(module):  # its weight is a parameter further inside
            opaque = module.parametrizations
        if isinstance(opaque, nn.Module):
            hidden |= {id(inner) for inner in opaque.modules()} - {id(module)}
    return [
        module
        for module in model.modules()
        if id(module) not in hidden
        and (next(module.parameters(recurse=False), None) is not None or parametrize.is_parametrized(module))
    ]


def norms(model: torch.nn.Module) -> list[torch.nn.Module]:
    """The normalization modules, in the order of registration."""
    return [module for module in model.modules() if isinstance(module, _norm_kinds())]


def _norm_kinds() -> tuple[type[torch.nn.Module], ...]:
    from torch import nn
    from torch.nn.modules.batchnorm import _NormBase

    return (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def embeddings(model: torch.nn.Module) -> list[torch.nn.Module]:
    """The tables of embeddings, in the order of registration."""
    from torch import nn

    return [module for module in model.modules() if isinstance(module, (nn.Embedding, nn.EmbeddingBag))]


@dataclass(frozen=True)
class Branch:
    """A residual branch. What `maker` gives, and nothing else of the model, is added to the skip path.

    `batch_axis`: where examples lie in it. `passed`: the modules whose output it is or is a multiple of. `owner`: a
    number for the module call that adds, the same for all branches of one block. `order`: rises with depth.
    """

    maker: Maker
    batch_axis: int
    passed: tuple[torch.nn.Module, ...]
    owner: int
    order: int


def residual_branches(model: torch.nn.Module, example: torch.Tensor) -> list[Branch]:
    """The residual branches in the order in which they are added; example: (N, ...), for a dry forward pass.

    A branch is the longer one of two activations of one shape that are added and descend from a common activation;
    one that no module gives, such as a function's result, cannot be acted on and is left out.
    """
    return branches_of(trace(model, example))


def branches_of(graph: Graph) -> list[Branch]:
    """The residual branches in a data flow."""
    found: list[Branch] = []
    summed: set[int] = set()  # additions of branches to each other
    for number in reversed(range(len(graph.nodes))):
        pair = None if number in summed else _branch_and_skip(graph, number)
        if pair is not None:
            found += _act(graph, *pair, number, summed)
    return sorted(found, key=lambda branch: branch.order)


def _branch_and_skip(graph: Graph, number: int) -> tuple[int, int] | None:
    """The two sides of an addition with a skip path."""
    node = graph.nodes[number]
    if node.function not in _ADDITIONS or len(node.sources) != 2 or not node.floating:
        return None
    first, second = node.sources
    if graph.nodes[first].shapes[0] != graph.nodes[second].shapes[0]:
        return None
    common = graph.nodes[first].ancestors & graph.nodes[second].ancestors
    origin = sum(1 << one for one in members(common) if graph.nodes[one].floating)
    if not origin:
        return None  # such as embeddings of tokens and of their positions
    lengths = graph.distances(first, origin), graph.distances(second, origin)
    if lengths[0] == lengths[1]:
        return None
    return (first, second) if lengths[0] > lengths[1] else (second, first)


def _act(graph: Graph, branch: int, skip: int, number: int, summed: set[int]) -> list[Branch]:
    """Where to act on a branch: at the last module that gives it, before whatever only multiplies or moves it."""
    outside = graph.nodes[skip].ancestors
    maker: Maker | None = None
    at = branch
    passed: list[torch.nn.Module] = []
    here = branch
    while not outside >> here & 1:
        node = graph.nodes[here]
        if maker is None and node.makers:
            maker, at = _chosen(graph, node), here
        passed += [each.module for each in node.makers]
        if maker is None and node.function in _ADDITIONS and len(node.sources) == 2:
            return _act_on_sum(graph, here, skip, number, summed)
        divisor = "div" in node.function and not node.leads
        if node.function not in _HOMOGENEOUS or len(node.sources) != 1 or divisor:
            break
        here = node.sources[0]
    axis = graph.nodes[at].batch_axis
    if maker is None or axis is None:
        return []
    return [Branch(maker, axis, tuple(passed), graph.nodes[number].owner, number)]


def _act_on_sum(graph: Graph, here: int, skip: int, number: int, summed: set[int]) -> list[Branch]:
    """The two parallel branches of a block that adds them to each other first."""
    first, second = graph.nodes[here].sources
    if graph.nodes[first].ancestors >> second & 1 or graph.nodes[second].ancestors >> first & 1:
        return []  # a residual branch inside this one
    summed.add(here)
    return [part for side in (first, second) for part in _act(graph, side, skip, number, summed)]


def _chosen(graph: Graph, node: Node) -> Maker:
    """The last module that gives this activation and runs only once, for acting on it acts nowhere else."""
    alone = [maker for maker in node.makers if graph.calls[id(maker.module)] == 1]
    return (alone or node.makers)[-1]


def feature_maps(
    model: torch.nn.Module, example: torch.Tensor, spatial: tuple[int, ...] = (1, 2, 3)
) -> list[torch.nn.Module]:
    """The modules that end a convolutional stage or block; their output is (N, C, ...) with channels to drop.

    example: (N, ...), for a dry forward pass. spatial: how many axes may follow the channels.

    A stage starts with a convolution, or a block that has some inside, on the path that all data takes, and goes to
    the next one; taken is its last map of more than one position, unless batch normalization follows. A convolution
    alone, such as one that makes tokens of patches, is no stage.
    """
    graph = trace(model, example)
    maps = _maps(graph)
    ends: list[int] = []
    for stage in _stages(graph):
        inside = [one for one in stage if one in maps]
        if len(inside) == 1 and graph.nodes[inside[0]].function in _CONVOLUTIONS and not _feeds(graph, inside[0]):
            continue
        ends += [one for one in inside if _droppable(graph, one, spatial)][-1:]
    if not ends:  # such as residual networks that normalize at the start of a branch
        ends = [one for one in sorted(maps) if one and _droppable(graph, one, spatial) and _feeds(graph, one)]
    found: dict[int, torch.nn.Module] = {}
    for one in ends:
        makers = graph.nodes[one].makers
        alone = [maker for maker in makers if graph.calls[id(maker.module)] == 1]
        module = (alone or makers)[0].module
        found[id(module)] = module
    return list(found.values())


def require_feature_maps(
    run: Run, model: torch.nn.Module, technique: str, own: str, spatial: tuple[int, ...]
) -> list[torch.nn.Module]:
    """The modules that end a convolutional stage or block, for a technique that also sets modules named `own`.

    Raises:
        AdvisorError: there are none, or there is no example to find them with.
    """
    found = feature_maps(model, run.require_example(technique), spatial)
    if not found:
        raise AdvisorError(
            f"{technique} finds no place in {type(model).__name__}: looked for {own} modules, and for convolutions "
            "whose output (N, C, ...) goes on as a map of more than one position and not straight into batch "
            f"normalization. Put such a module where you want it, or leave {technique} out of this arm."
        )
    return found


def _maps(graph: Graph) -> set[int]:
    """The activations (N, C, ...) that come from a convolution and still have its axes."""
    norm_kinds = _norm_kinds()
    maps: set[int] = set()

    def same(node: Node, sources: tuple[int, ...], axes: int) -> bool:
        shapes = [graph.nodes[source].shapes[0] for source in sources if source in maps]
        own = node.shapes[0]
        return any(len(shape) == len(own) > 2 and shape[:axes] == own[:axes] for shape in shapes)

    for number, node in enumerate(graph.nodes):
        if (
            node.function in _CONVOLUTIONS
            or (node.function in _JOINING and same(node, node.sources, 1))
            or (node.function not in _NOT_MAPPING and same(node, node.sources, 2))
            # Some permute, normalize, and permute back.
            or any(isinstance(maker.module, norm_kinds) and same(node, maker.inputs, 9) for maker in node.makers)
        ):
            maps.add(number)
    return maps


def _stages(graph: Graph) -> Iterator[list[int]]:
    """The path that all data takes, cut before each step that has a convolution inside."""
    trunk = graph.trunk()
    stage: list[int] = []
    for before, one in zip([-1, *trunk], trunk, strict=False):
        inside = members(graph.nodes[one].ancestors & ~((1 << before + 1) - 1))
        if any(graph.nodes[each].function in _CONVOLUTIONS for each in inside):
            yield stage
            stage = []
        stage.append(one)
    yield stage


def _droppable(graph: Graph, number: int, spatial: tuple[int, ...]) -> bool:
    node = graph.nodes[number]
    axes = node.shapes[0][2:]
    normalized = any(consumer.function in ("batch_norm", "instance_norm") for consumer in graph.consumers(number))
    makers = any(maker.position is None for maker in node.makers)
    return makers and not normalized and len(axes) in spatial and max(axes) > 1 and node.batch_axis == 0


def _feeds(graph: Graph, number: int) -> bool:
    return any(consumer.function in _CONVOLUTIONS for consumer in graph.consumers(number))
