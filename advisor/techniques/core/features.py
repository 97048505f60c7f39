"""Hidden features of a network: where they come out, at which depth, and how two networks' are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from advisor.errors import AdvisorError
from advisor.techniques.core.modes import keeping_modes

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Place:
    """A module whose output is a hidden feature.

    `depth`: share of the layers with parameters that have run by then, in (0, 1). `shape`: of the output for the
    example. `channels`: the axis of its channels.
    """

    module: torch.nn.Module
    depth: float
    shape: tuple[int, ...]
    channels: int


@dataclass
class _Dry:
    """What a dry forward pass has seen so far: outputs in the order in which modules finish."""

    layers: int = 0
    axis: int = 1  # where the last layer of a known kind puts its channels: 1, or -1 for the last
    width: int = 0  # how many
    outputs: list[tuple[torch.nn.Module, int, tuple[int, ...], int]] = field(default_factory=list)
    runs: dict[int, int] = field(default_factory=dict)


def hidden_places(model: torch.nn.Module, example: torch.Tensor) -> list[Place]:
    """The hidden features of a network, by a dry forward pass in evaluation mode; at most one at each depth.

    A feature is the floating-point output (N, ...) of a module that runs once. Of those at one depth the last is
    taken: the block's output after its addition and activation, not that of its last convolution.
    """
    import torch

    seen = _Dry()
    handles = [
        module.register_forward_hook(_observer(seen, len(example))) for module in model.modules() if module is not model
    ]
    try:
        with keeping_modes(model), torch.no_grad():
            model.eval()(example)
    finally:
        for handle in handles:
            handle.remove()
    last: dict[int, Place] = {}
    for module, layers, shape, channels in seen.outputs:
        if 0 < layers < seen.layers and seen.runs[id(module)] == 1:
            last[layers] = Place(module, layers / seen.layers, shape, channels)
    return list(last.values())


def _observer(seen: _Dry, batch: int) -> Callable[[torch.nn.Module, Any, Any], None]:
    import torch

    def observe(module: torch.nn.Module, inputs: Any, output: Any) -> None:
        seen.runs[id(module)] = seen.runs.get(id(module), 0) + 1
        if next(module.parameters(recurse=False), None) is not None:
            seen.layers += 1
            seen.axis, seen.width = _channels(module) or (seen.axis, seen.width)
        usable = isinstance(output, torch.Tensor) and output.is_floating_point() and output.ndim >= 2
        if usable and len(output) == batch:
            seen.outputs.append((module, seen.layers, tuple(output.shape), _channel_axis(output.shape, seen)))

    return observe


def _channels(module: torch.nn.Module) -> tuple[int, int] | None:
    """On which axis a kind of layer puts its channels, 1 or -1, and how many; None for kinds that are not known."""
    from torch import nn
    from torch.nn.modules.batchnorm import _NormBase
    from torch.nn.modules.conv import _ConvNd

    if isinstance(module, _ConvNd):
        return 1, module.out_channels
    if isinstance(module, _NormBase):
        return 1, module.num_features
    if isinstance(module, nn.GroupNorm):
        return 1, module.num_channels
    if isinstance(module, nn.Linear):
        return -1, module.out_features
    if isinstance(module, (nn.LayerNorm, nn.RMSNorm)):
        return -1, module.normalized_shape[-1]
    if isinstance(module, (nn.Embedding, nn.EmbeddingBag)):
        return -1, module.embedding_dim
    if isinstance(module, nn.MultiheadAttention):
        return -1, module.embed_dim
    if isinstance(module, nn.RNNBase):
        return -1, (module.proj_size or module.hidden_size) * (2 if module.bidirectional else 1)
    return None


def _channel_axis(shape: torch.Size, seen: _Dry) -> int:
    """The axis as wide as the last layer: where that puts its channels, or where a permutation has moved them."""
    preferred = seen.axis % len(shape)
    return next((axis for axis in (preferred, 1, len(shape) - 1) if shape[axis] == seen.width), preferred)


def places_at(places: list[Place], count: int, technique: str, whose: str) -> list[Place]:
    """The `count` places nearest to evenly spaced depths: of one place the middle, of two a third and two thirds.

    Raises:
        AdvisorError: there are not so many places.
    """
    wanted = [(number + 1) / (count + 1) for number in range(count)]
    nearest = [min(places, key=lambda place: abs(place.depth - depth)) for depth in wanted] if places else []
    if len({place.depth for place in nearest}) < count:
        raise AdvisorError(
            f"{technique} needs {count} hidden places in the {whose} but finds {len(places)} at which depths lie far "
            "enough apart: looked for modules that run once and give a tensor (N, ...) with a layer before and after "
            f"them. Lower `layers`{'' if places else ', or leave it out'}."
        )
    return nearest


class Features:
    """The outputs of some modules in the last forward pass, by forward hooks that `remove` takes out."""

    def __init__(self, places: list[Place], *, with_gradient: bool) -> None:
        """`with_gradient`: only passes that record gradients count, so that evaluations between are passed over."""
        self._with_gradient = with_gradient
        self._outputs: dict[int, torch.Tensor] = {}
        self._places = len(places)
        self._handles = [place.module.register_forward_hook(self._keeper(n)) for n, place in enumerate(places)]

    def take(self, technique: str) -> list[torch.Tensor]:
        """The outputs in the order of the places; they are given once, so that they do not outlive the step.

        Raises:
            AdvisorError: a place was not passed.
        """
        outputs, self._outputs = self._outputs, {}
        if len(outputs) < self._places:
            raise AdvisorError(
                f"{technique} saw {len(outputs)} of {self._places} hidden places in this forward pass; the model must "
                "take the same way in training as for the example, and be called before each loss."
            )
        return [outputs[number] for number in range(self._places)]

    def remove(self) -> None:
        """Take the hooks out."""
        for handle in self._handles:
            handle.remove()

    def _keeper(self, number: int) -> Callable[[torch.nn.Module, Any, torch.Tensor], None]:
        import torch

        def keep(module: torch.nn.Module, inputs: Any, output: torch.Tensor) -> None:
            if torch.is_grad_enabled() == self._with_gradient:
                self._outputs[number] = output

        return keep


def average_pool(features: torch.Tensor, axis: int, size: int) -> torch.Tensor:
    """Adaptive average pooling along one axis, by a matrix: deterministic on every device, in both directions."""
    import torch

    length = features.shape[axis]
    if length == size:
        return features
    cell = torch.arange(size, device=features.device)
    start, stop = cell * length // size, -(-(cell + 1) * length // size)
    place = torch.arange(length, device=features.device).unsqueeze(1)
    inside = ((place >= start) & (place < stop)).to(features.dtype)
    return (features.movedim(axis, -1) @ (inside / (stop - start).to(features.dtype))).movedim(-1, axis)


class Aligner:
    """A linear map from the student's channels to the teacher's, the same at every position (a 1x1 convolution).

    Where positions differ in number both are averaged to the fewer; where they differ in kind, as between images and
    tokens, over all of them.
    """

    def __init__(self, student: Place, teacher: Place, like: torch.Tensor, generator: torch.Generator) -> None:
        """`like`: of the type and on the device that the weights get."""
        import torch

        self._student, self._teacher = student, teacher
        inputs, outputs = student.shape[student.channels], teacher.shape[teacher.channels]
        bound = inputs**-0.5  # as of nn.Linear, whose own initialisation would draw from the global state
        weight, bias = like.new_empty(outputs, inputs), like.new_empty(outputs)
        for tensor in (weight, bias):
            tensor.uniform_(-bound, bound, generator=generator)
        self.weight, self.bias = torch.nn.Parameter(weight), torch.nn.Parameter(bias)

    @property
    def parameters(self) -> list[torch.nn.Parameter]:
        """What is trained along with the student."""
        return [self.weight, self.bias]

    def distance(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """The squared error against the teacher's features, brought to a mean square of 1 in the batch; a scalar.

        The goal is scaled, not the error: else small features would make the error steep for the map's weights.
        """
        from torch.nn import functional

        mine = student.to(self.weight.dtype).movedim(self._student.channels, -1)
        goal = teacher.to(self.weight.dtype).movedim(self._teacher.channels, -1)
        if mine.ndim == goal.ndim:
            for axis in range(1, mine.ndim - 1):
                size = min(mine.shape[axis], goal.shape[axis])
                mine, goal = average_pool(mine, axis, size), average_pool(goal, axis, size)
        else:
            mine, goal = (each.reshape(len(each), -1, each.shape[-1]).mean(1) for each in (mine, goal))
        goal = goal * goal.square().mean().clamp(min=1e-12).rsqrt()
        return functional.mse_loss(functional.linear(mine, self.weight, self.bias).to(goal.dtype), goal)
