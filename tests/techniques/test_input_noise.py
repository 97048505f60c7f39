"""Noise on inputs: its size, its closed form in a linear model, and where it does not go."""

from typing import Any

import pytest
import torch
from torch import nn

from advisor.errors import AdvisorError
from advisor.techniques import regularize
from advisor.techniques.core import Targets
from advisor.techniques.core.targets import mean_loss
from advisor.techniques.input_noise import InputNoise, add_embedding_noise, add_noise, deviations
from advisor.training.engine import train
from tests.techniques.networks import TextTransformer
from tests.techniques.runs import make_run
from tests.training.run_plans import make_plan

REAL = Targets("real", torch.zeros(2))


def test_in_a_linear_model_noise_is_a_penalty_on_its_weights_as_bishop_says():
    """E[(w (x + e) - y)^2] = (w x - y)^2 + sigma^2 |w|^2."""
    generator = torch.Generator().manual_seed(0)
    inputs, weight, sigma = (
        torch.randn(50, 4, generator=generator).double(),
        torch.tensor([1.0, -2, 0.5, 3]).double(),
        0.3,
    )
    targets = Targets("real", inputs @ weight + torch.randn(50, generator=generator))
    noisy = torch.stack([mean_loss(add_noise(inputs, sigma, generator) @ weight, targets) for _ in range(4000)])
    expected = mean_loss(inputs @ weight, targets) + sigma**2 * weight.square().sum()
    error = noisy.std() / len(noisy) ** 0.5
    assert abs(noisy.mean() - expected) < 4 * error
    assert error < 0.01 * expected


def test_the_minimum_with_noise_is_that_of_ridge_regression():
    generator = torch.Generator().manual_seed(1)
    inputs, sigma = torch.randn(40, 3, generator=generator).double(), 0.5
    values = inputs @ torch.tensor([1.0, 2, -1]).double() + 0.1 * torch.randn(40, generator=generator).double()
    noisy = torch.cat([add_noise(inputs, sigma, generator) for _ in range(20_000)])
    fitted = torch.linalg.lstsq(noisy, values.repeat(20_000)).solution
    ridge = torch.linalg.solve(inputs.T @ inputs + 40 * sigma**2 * torch.eye(3).double(), inputs.T @ values)
    torch.testing.assert_close(fitted, ridge, atol=0.01, rtol=0)


def test_the_unit_is_each_columns_deviation_or_the_range_of_pixels():
    table = torch.tensor([[0.0, 10.0, 5.0], [2.0, 30.0, 5.0]])
    torch.testing.assert_close(deviations(table), torch.tensor([[1.0, 10.0, 0.0]]))
    images = torch.rand(5, 3, 4, 6)
    torch.testing.assert_close(
        deviations(images).flatten(), images.transpose(0, 1).flatten(1).var(1, unbiased=False).sqrt()
    )
    large = torch.rand(1, 4000).mul(7)
    run = make_run(nn.Linear(1, 1), input_range=(-1.0, 4.0))
    noisy, _ = InputNoise(sigma=0.1, unit="range").batch(run, large, REAL)
    assert (noisy - large).std().item() == pytest.approx(0.5, rel=0.05)
    noisy, _ = InputNoise(sigma=0.1).batch(run, large.view(-1, 1), REAL)
    assert (noisy.view(-1) - large.view(-1)).std() / large.std() == pytest.approx(0.1, rel=0.05)


def test_a_constant_column_and_a_batch_of_one_get_no_noise():
    run, table = make_run(nn.Linear(1, 1)), torch.tensor([[1.0, 5.0], [2.0, 5.0]])
    noisy, _ = InputNoise(sigma=1.0).batch(run, table, REAL)
    assert torch.equal(noisy[:, 1], table[:, 1])
    assert not torch.equal(noisy[:, 0], table[:, 0])
    assert torch.equal(InputNoise(sigma=1.0).batch(run, table[:1], REAL)[0], table[:1])


def test_noise_on_embeddings_is_uniform_and_scaled_by_length_and_width():
    embedded = torch.zeros(200, 16, 25)
    noise = add_embedding_noise(embedded, 5.0, torch.Generator().manual_seed(0))
    half_width = 5.0 / (16 * 25) ** 0.5
    assert noise.abs().max() <= half_width
    assert noise.std().item() == pytest.approx(half_width / 3**0.5, rel=0.01)


def open_text(technique: InputNoise, model: nn.Module) -> Any:
    return regularize(model, [technique], classes=4, epochs=1, steps_per_epoch=1)


def test_embeddings_get_noise_in_training_only_and_the_same_in_a_second_pass():
    model, tokens = TextTransformer(), torch.randint(50, (4, 12))
    session = open_text(InputNoise(where="embedding"), model)
    plain = model.train()(tokens)
    given, targets = session.batch(tokens, torch.tensor([0, 1, 2, 3]))
    assert given is tokens
    first = model(tokens)
    session.run.streams.restart()
    assert not torch.allclose(first, plain)
    assert torch.equal(model(tokens), first)
    assert session.loss(given, targets, first).isfinite()
    evaluated = model.eval()(tokens)
    session.techniques[0].step_end(session.run)
    assert torch.equal(model(tokens), evaluated)
    assert torch.equal(session.restore().train()(tokens), plain)
    assert not model.embedding._forward_hooks


def test_embeddings_that_do_not_see_the_inputs_are_an_error():
    model = nn.Sequential(nn.Flatten(0), nn.Embedding(9, 4), nn.Linear(4, 4))
    session = open_text(InputNoise(where="embedding"), model)
    optimizer = torch.optim.SGD(session.param_groups(), lr=0.1)
    with pytest.raises(AdvisorError, match=r"input_noise with where='embedding' saw no nn\.Embedding"):
        session.step(optimizer, torch.randint(9, (4, 1)), torch.tensor([0, 1, 2, 3]))


def test_integers_and_models_without_embeddings_are_refused():
    with pytest.raises(AdvisorError, match=r"real-valued inputs but got torch\.int64; use where='embedding'"):
        InputNoise().batch(make_run(nn.Linear(1, 1)), torch.zeros(2, 3, dtype=torch.int64), REAL)
    assert "not token ids; use where: embedding" in (InputNoise().refuse("token", (12,)) or "")
    assert InputNoise(where="embedding").refuse("token", (12,)) is None
    with pytest.raises(AdvisorError, match=r"needs a table of embeddings: looked for nn\.Embedding modules in Linear"):
        InputNoise(where="embedding").model(make_run(nn.Linear(1, 1)), nn.Linear(1, 1))


def test_no_noise_is_the_baseline_bit_for_bit():
    for data in ({"builtin": "digits", "train_size": 60}, {"builtin": "wine"}):
        assert train(make_plan({"input_noise": {"sigma": 0.0}}, data=data)) == train(make_plan(data=data))
        assert train(make_plan({"input_noise": {}}, data=data)) != train(make_plan(data=data))
