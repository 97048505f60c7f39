"""Where hidden features come out, and how two networks' features are compared."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from advisor.errors import AdvisorError
from advisor.techniques.core.features import Aligner, Features, Place, average_pool, hidden_places, places_at

IMAGES = torch.randn(2, 3, 16, 16)


class Residual(nn.Module):
    """Two convolutions, an addition and one activation module that runs twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.relu = nn.ReLU()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.relu(inputs + self.second(self.relu(self.first(inputs))))


def named(model: nn.Module, places: list[Place]) -> list[str]:
    names = {id(module): name for name, module in model.named_modules()}
    return [names[id(place.module)] for place in places]


def test_a_feature_is_what_comes_out_last_at_a_depth_and_runs_once():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), Residual(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )
    places = hidden_places(model, IMAGES)
    assert named(model, places) == ["1", "2.first", "4"]  # after the block come pooling and flattening
    assert [place.depth for place in places] == [0.25, 0.5, 0.75]


def test_the_dry_pass_leaves_modes_statistics_and_hooks_as_they_were():
    model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).train()
    model[1].eval()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    hidden_places(model, torch.randn(2, 5))
    assert [module.training for module in model.modules()] == [True, True, False, True]
    assert not any(module._forward_hooks for module in model.modules())
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())


def test_order_is_that_of_execution_not_of_registration():
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last, self.middle, self.first = nn.Linear(6, 2), nn.Linear(7, 6), nn.Linear(5, 7)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.last(self.middle(self.first(inputs)))

    model = Backwards()
    assert named(model, hidden_places(model, torch.randn(2, 5))) == ["first", "middle"]


@pytest.mark.parametrize(
    ("layers", "inputs", "channels"),
    [
        ([nn.Conv2d(3, 4, 3)], IMAGES, 1),
        ([nn.Conv1d(3, 4, 3)], IMAGES[:, :, 0], 1),
        ([nn.Linear(16, 4)], IMAGES[:, 0], 2),
        ([nn.Embedding(9, 4)], torch.zeros(2, 6, dtype=torch.long), 2),
        ([nn.Conv2d(3, 4, 3), nn.Flatten(2)], IMAGES, 1),
        ([nn.Linear(16, 4), nn.Flatten(1, 2)], IMAGES, 2),
    ],
)
def test_channels_are_found_by_the_kind_of_the_last_layer(layers, inputs, channels):
    model = nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(2))
    inner = nn.Sequential(*layers)
    with torch.no_grad():
        model(inputs)
    seen = hidden_places(nn.Sequential(inner, Head(model)), inputs)
    assert seen[0].channels == channels


class Head(nn.Module):
    """Flattens in its own code, so that what goes in is the last output before it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.head = model[-1]

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.head(inputs.flatten(1))


def test_a_permutation_after_the_last_layer_moves_the_channels():
    class Permuted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(3, 7)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.linear(inputs.movedim(1, -1)).movedim(-1, 1)

    model = nn.Sequential(Permuted(), nn.Conv2d(7, 2, 3))
    assert [(place.shape, place.channels) for place in hidden_places(model, IMAGES)] == [((2, 7, 16, 16), 1)]


def test_places_are_evenly_spaced_and_too_many_are_refused():
    model = nn.Sequential(*[nn.Linear(4, 4) for _ in range(9)])
    places = hidden_places(model, torch.randn(2, 4))
    assert named(model, places_at(places, 1, "x", "student")) in (["3"], ["4"])
    assert named(model, places_at(places, 2, "x", "student")) == ["2", "5"]
    with pytest.raises(AdvisorError, match=r"x needs 12 hidden places in the student but finds 8 .*Lower `layers`"):
        places_at(places, 12, "x", "student")
    with pytest.raises(AdvisorError, match=r"finds 0.*looked for modules that run once.*leave it out"):
        places_at(hidden_places(nn.Linear(4, 2), torch.randn(2, 4)), 1, "x", "teacher")


@pytest.mark.parametrize(("length", "size"), [(8, 4), (7, 3), (5, 5), (3, 7), (9, 1)])
def test_pooling_along_an_axis_is_torchs_adaptive_average(length, size):
    features = torch.randn(2, 3, length, dtype=torch.float64)
    expected = functional.adaptive_avg_pool1d(features, size)
    assert torch.allclose(average_pool(features, 2, size), expected, atol=1e-12)
    assert torch.allclose(average_pool(features.movedim(2, 1), 1, size).movedim(1, 2), expected, atol=1e-12)


def align(student: torch.Tensor, teacher: torch.Tensor, axes: tuple[int, int] = (1, 1)) -> Aligner:
    places = [Place(nn.Identity(), 0.5, tuple(t.shape), axis) for t, axis in zip((student, teacher), axes, strict=True)]
    return Aligner(*places, like=student, generator=torch.Generator().manual_seed(0))


def normal(teacher: torch.Tensor) -> torch.Tensor:
    return teacher / teacher.square().mean().sqrt()


def test_the_distance_between_images_is_that_of_a_1x1_convolution_and_pooling():
    student, teacher = torch.randn(2, 3, 7, 9), torch.randn(2, 5, 4, 3)
    aligner = align(student, teacher)
    mapped = functional.conv2d(student, aligner.weight[:, :, None, None], aligner.bias)
    pooled = functional.adaptive_avg_pool2d(mapped, (4, 3))
    expected = functional.mse_loss(pooled, normal(teacher))
    assert aligner.distance(student, teacher).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_distance_between_tokens_and_between_images_and_tokens():
    student, teacher = torch.randn(2, 6, 3), torch.randn(2, 4, 5)
    aligner = align(student, teacher, (2, 2))
    pooled = functional.adaptive_avg_pool1d(student.movedim(2, 1), 4).movedim(1, 2)
    expected = functional.mse_loss(functional.linear(pooled, aligner.weight, aligner.bias), normal(teacher))
    assert aligner.distance(student, teacher).item() == pytest.approx(expected.item(), rel=1e-5)
    images = torch.randn(2, 3, 4, 4)
    aligner = align(images, teacher, (1, 2))
    mapped = functional.linear(images.mean((2, 3)), aligner.weight, aligner.bias)
    expected = functional.mse_loss(mapped, normal(teacher.mean(1)))
    assert aligner.distance(images, teacher).item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_distance_does_not_depend_on_the_teachers_scale_and_a_silent_teacher_gives_a_finite_one():
    student, teacher = torch.randn(4, 3), torch.randn(4, 5)
    aligner = align(student, teacher)
    expected = aligner.distance(student, teacher).item()
    for scale in (1e-3, 1e3):
        assert aligner.distance(student, scale * teacher).item() == pytest.approx(expected, rel=1e-5)
    nn.init.zeros_(aligner.bias)
    assert aligner.distance(torch.zeros(4, 3), teacher).item() == pytest.approx(1.0, rel=1e-5)
    assert aligner.distance(student, torch.zeros(4, 5)).isfinite()


def test_maps_are_initialised_from_their_stream_alone():
    student, teacher = torch.randn(2, 3), torch.randn(2, 5)
    state = torch.random.get_rng_state()
    first, again = align(student, teacher), align(student, teacher)
    assert torch.equal(first.weight, again.weight)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert first.weight.abs().max() <= 3**-0.5


def test_features_are_those_of_the_last_pass_with_gradients_and_are_given_once():
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    features = Features(hidden_places(model, torch.zeros(2, 4)), with_gradient=True)
    first, second = torch.randn(2, 5, 4)
    model(first), model(second)
    with torch.no_grad():
        model(first)
        expected = model[0](second)
    assert torch.equal(features.take("x")[0], expected)
    with pytest.raises(AdvisorError, match="x saw 0 of 1 hidden places"):
        features.take("x")
    features.remove()
    assert not any(module._forward_hooks for module in model.modules())
