"""The data flow of a model: what each activation is computed from, seen in a dry forward pass.

The pass is made in evaluation mode and without gradient, and leaves the model, its buffers and all random states as
they were. Activations are what descends from the example; parameters, constants and masks are not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from advisor.techniques.core.modes import keeping_modes

if TYPE_CHECKING:
    import torch
    from torch.overrides import TorchFunctionMode

# These take only the shape and type of an activation.
_FACTORIES = frozenset(
    {f"{kind}_like" for kind in ("zeros", "ones", "full", "empty", "rand", "randn", "randint")}
    | {f"new_{kind}" for kind in ("zeros", "ones", "full", "empty", "tensor")}
)
_WHOLE = 10**9  # longer than any path


@dataclass(frozen=True)
class Maker:
    """A module whose output an activation is.

    `position`: where it stands in the tuple that the module returns. `inputs`: the activations that the module got.
    """

    module: torch.nn.Module
    position: int | None = None
    inputs: tuple[int, ...] = ()


@dataclass
class Node:
    """An activation.

    `function`: the name of the torch function that made it. `sources`: the activations among its arguments, by number.
    `leads`: its first argument is an activation. `owner`: the module call that it was made in. `shapes`: in dry passes
    of two and of three rows. `makers`: in the order in which the modules finished.
    """

    function: str
    sources: tuple[int, ...]
    leads: bool
    floating: bool
    owner: int
    shapes: list[tuple[int, ...]]
    makers: list[Maker] = field(default_factory=list)
    ancestors: int = 0  # a set of numbers, as bits; it holds the activation itself

    @property
    def batch_axis(self) -> int | None:
        """The axis along which examples lie: the one that grew with the rows."""
        for axis, lengths in enumerate(zip(*self.shapes, strict=False)):
            if lengths == (2, 3):
                return axis
        return None


@dataclass
class Graph:
    """All activations in the order in which they were made: sources come before what is made of them.

    `output`: the number of the model's answer. `calls`: how often each module ran, by its id.
    """

    nodes: list[Node] = field(default_factory=list)
    output: int = 0
    calls: dict[int, int] = field(default_factory=dict)

    def distances(self, number: int, origin: int) -> tuple[int, int]:
        """The shortest and the longest path to an activation from those in the set `origin`, in functions."""
        near: dict[int, int] = {}
        far: dict[int, int] = {}
        for one in members(self.nodes[number].ancestors):
            reached = [source for source in self.nodes[one].sources if source in near]
            near[one] = 0 if origin >> one & 1 else 1 + min((near[source] for source in reached), default=_WHOLE)
            far[one] = 0 if origin >> one & 1 else 1 + max((far[source] for source in reached), default=_WHOLE)
        return near[number], far[number]

    def trunk(self) -> list[int]:
        """The activations that every path from the input to the answer passes, in order."""
        relevant = list(members(self.nodes[self.output].ancestors))
        jumped = [0] * (len(self.nodes) + 1)  # how many more paths jump over the activation than over the one before
        for one in relevant:
            for source in self.nodes[one].sources:
                jumped[source + 1] += 1
                jumped[one] -= 1
        open_paths, found = 0, []
        for one in range(self.output + 1):
            open_paths += jumped[one]
            if open_paths == 0 and self.nodes[self.output].ancestors >> one & 1:
                found.append(one)
        return found

    def consumers(self, number: int) -> list[Node]:
        """What is computed from an activation directly."""
        return [node for node in self.nodes if number in node.sources]


def members(bits: int) -> Iterator[int]:
    """The numbers in a set of bits, ascending."""
    while bits:
        low = bits & -bits
        yield low.bit_length() - 1
        bits ^= low


def trace(model: torch.nn.Module, example: torch.Tensor) -> Graph:
    """The data flow of `model`. example: (N, ...), at least one row; the passes take two rows and three."""
    graph = _trace(model, example, 2)
    other = _trace(model, example, 3)
    if len(other.nodes) == len(graph.nodes):
        for node, larger in zip(graph.nodes, other.nodes, strict=True):
            node.shapes += larger.shapes
    return graph


def _trace(model: torch.nn.Module, example: torch.Tensor, rows: int) -> Graph:
    import torch

    parameter = next(model.parameters(), example)
    recorder = _Recorder()
    with _undisturbed(model), contextlib.ExitStack() as hooks:
        inputs = torch.cat([example.detach()] * rows)[:rows].to(parameter.device)
        if inputs.is_floating_point():
            inputs = inputs.to(parameter.dtype)
        recorder.add("input", [], False, inputs)
        for module in model.modules():
            hooks.callback(module.register_forward_pre_hook(recorder.enter).remove)
            hooks.callback(module.register_forward_hook(recorder.leave).remove)
        with _watching(recorder):
            answer = model(inputs)
    known = [recorder.number(tensor) for tensor in _tensors(answer)]
    recorder.graph.output = next((number for number in known if number is not None), len(recorder.graph.nodes) - 1)
    return recorder.graph


@contextlib.contextmanager
def _undisturbed(model: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode without gradient and without fused attention, and afterwards everything as it was."""
    import torch

    fast = torch.backends.mha.get_fastpath_enabled()
    devices = {tensor.device for tensor in model.parameters() if tensor.device.type == "cuda"}
    with torch.random.fork_rng(list(devices)), keeping_modes(model), torch.inference_mode(False), torch.no_grad():
        buffers = [
            (module, name, buffer, None if buffer is None else buffer.clone())
            for module in model.modules()
            for name, buffer in module._buffers.items()
        ]
        for module in model.modules():
            module.training = False  # not by eval(), which a model may override
        torch.backends.mha.set_fastpath_enabled(False)  # it passes by the modules inside
        try:
            yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)
            for module, name, buffer, copy in buffers:
                module._buffers[name] = buffer
                if buffer is not None and copy is not None:
                    buffer.copy_(copy)


class _Recorder:
    """Builds a graph from the functions and modules that run."""

    def __init__(self) -> None:
        self.graph = Graph()
        self._known: dict[int, tuple[int, int]] = {}  # id of a tensor: its activation and its version then
        self._alive: list[torch.Tensor] = []  # so that ids stay unique
        self._open: list[int] = []  # the calls that run
        self._begun = 0

    def number(self, tensor: torch.Tensor) -> int | None:
        """The activation that a tensor is, if it is one."""
        known = self._known.get(id(tensor))
        return None if known is None else known[0]

    def add(self, function: str, sources: list[int], leads: bool, tensor: torch.Tensor) -> int:
        """A new activation."""
        nodes = self.graph.nodes
        number = len(nodes)
        ancestors = 1 << number
        for source in sources:
            ancestors |= nodes[source].ancestors
        nodes.append(
            Node(
                function=function,
                sources=tuple(sources),
                leads=leads,
                floating=tensor.is_floating_point(),
                owner=self._open[-1] if self._open else 0,
                shapes=[tuple(tensor.shape)],
                ancestors=ancestors,
            )
        )
        self._known[id(tensor)] = (number, _version(tensor))
        self._alive.append(tensor)
        return number

    def call(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a torch function and note what it makes of activations, in place too."""
        given = list(_tensors((args, kwargs)))
        versions = [_version(tensor) for tensor in given]
        result = function(*args, **kwargs)
        name = getattr(function, "__name__", "").strip("_")
        sources = [number for number in map(self.number, given) if number is not None]
        if not sources or name in _FACTORIES:
            return result
        leads = bool(args) and bool(given) and args[0] is given[0] and self.number(given[0]) is not None
        changed = [tensor for tensor, version in zip(given, versions, strict=True) if _version(tensor) != version]
        for tensor in {id(tensor): tensor for tensor in (*changed, *_tensors(result))}.values():
            if self._known.get(id(tensor), (0, -1))[1] != _version(tensor):
                self.add(name, sources, leads, tensor)
        return result

    def enter(self, module: torch.nn.Module, inputs: Any) -> None:
        """A module starts."""
        self._begun += 1
        self._open.append(self._begun)
        self.graph.calls[id(module)] = self.graph.calls.get(id(module), 0) + 1

    def leave(self, module: torch.nn.Module, inputs: Any, output: Any) -> None:
        """A module has finished; where it computed out of sight, its output descends from all its inputs."""
        self._open.pop()
        sources = [number for number in map(self.number, _tensors(inputs)) if number is not None]
        parts = list(enumerate(output)) if isinstance(output, (tuple, list)) else [(None, output)]
        for position, tensor in parts:
            for number in self._made(tensor, sources):
                self.graph.nodes[number].makers.append(Maker(module, position, tuple(sources)))

    def _made(self, tensor: Any, sources: list[int]) -> list[int]:
        import torch

        if not isinstance(tensor, torch.Tensor):
            return []
        number = self.number(tensor)
        if number is None and sources:
            number = self.add("module", sources, True, tensor)
        return [] if number is None else [number]


def _watching(recorder: _Recorder) -> TorchFunctionMode:
    from torch.overrides import TorchFunctionMode

    class Watch(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return recorder.call(func, args, kwargs or {})

    return Watch()


def _version(tensor: torch.Tensor) -> int:
    """How often a tensor was changed in place, where that is counted."""
    return 0 if tensor.is_inference() else tensor._version


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    """The tensors in nested tuples, lists and dicts."""
    import torch

    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from _tensors(each)
