"""The average of predictions, against averaging the probabilities themselves."""

import math

import pytest
import torch

from advisor.techniques.core.averaging import average_predictions


def outputs(*shape: int, scale: float = 1.0) -> list[torch.Tensor]:
    return list(scale * torch.randn(3, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64))


@pytest.mark.parametrize(("kind", "shape"), [("class", (4, 5)), ("token", (2, 3, 5))])
def test_probabilities_of_classes_are_averaged_and_come_back_as_their_logarithms(kind, shape):
    found = average_predictions(outputs(*shape), kind)
    mean = torch.stack([output.softmax(-1) for output in outputs(*shape)]).mean(0)
    assert torch.allclose(found, mean.log(), atol=1e-12)


def test_each_labels_probability_is_averaged_and_comes_back_as_its_logit():
    found = average_predictions(outputs(4, 5), "multilabel")
    assert torch.allclose(found, torch.stack(outputs(4, 5)).sigmoid().mean(0).logit(), atol=1e-12)


def test_real_values_are_averaged():
    assert torch.allclose(average_predictions(outputs(4, 2), "real"), sum(outputs(4, 2)) / 3)


@pytest.mark.parametrize("kind", ["class", "multilabel", "token", "real"])
def test_certain_predictions_stay_finite_and_not_a_number_passes_through(kind):
    shape = (2, 3, 5) if kind == "token" else (4, 5)
    certain = outputs(*shape, scale=1e4)
    assert average_predictions(certain, kind).isfinite().all()
    certain[0].view(-1)[0] = math.nan
    assert average_predictions(certain, kind).isnan().any()
