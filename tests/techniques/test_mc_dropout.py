"""Passes with dropout on and batch normalization off, averaged, and everything as before afterwards."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from advisor.errors import AdvisorError
from advisor.techniques import TECHNIQUES, regularize
from advisor.techniques.mc_dropout import McDropout, dropout_passes, has_dropout
from advisor.training.engine import train
from tests.techniques.runs import make_run
from tests.techniques.trainings import plain_loop
from tests.training.run_plans import SMALL_CNN, make_plan


class CallsDropout(nn.Module):
    """Dropout as a call in the model's own code."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate, self.head = rate, nn.Linear(5, 3)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return functional.dropout(self.head(inputs), self.rate, self.training)


def net(rate: float = 0.5) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 64), nn.BatchNorm1d(64), nn.Dropout(rate), nn.Linear(64, 3))


def test_the_average_of_many_passes_comes_near_the_expectation():
    # One linear layer after dropout: the mean of the passes is the answer in evaluation mode.
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(5, 1))
    inputs = torch.randn(4, 5)
    torch.manual_seed(0)
    passes = torch.stack(dropout_passes(model, model, inputs, 4000))
    assert torch.allclose(passes.mean(0), model.eval()(inputs), atol=0.05)
    assert passes.std(0).min() > 0.05


def test_passes_differ_while_batch_normalization_keeps_its_running_values():
    model, inputs = net().eval(), torch.randn(16, 5)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    first, second = dropout_passes(model, model, inputs, 2)
    assert not torch.equal(first, second)
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    model[2].p = 0.0
    assert torch.equal(dropout_passes(model, model, inputs, 1)[0], model.eval()(inputs))


def test_what_is_dropped_by_a_hook_on_a_normalization_is_dropped_after_running_values_are_used():
    model, inputs = net(0.0).eval(), torch.randn(16, 5)
    plain = model(inputs)

    def halve(module: nn.Module, inputs: object, output: torch.Tensor) -> torch.Tensor | None:
        return output / 2 if module.training else None

    model[1].register_forward_hook(halve)
    halved = dropout_passes(model, model, inputs, 1)[0]
    assert torch.allclose(halved, (plain + model[3].bias) / 2, atol=1e-6)
    assert torch.equal(model(inputs), plain)
    assert "forward" not in vars(model[1])


def test_every_modules_mode_comes_back_also_after_an_error():
    model = net().train()
    model[1].eval()
    before = [module.training for module in model.modules()]
    dropout_passes(model, model, torch.randn(4, 5), 2)
    assert [module.training for module in model.modules()] == before
    with pytest.raises(RuntimeError):
        dropout_passes(model, model, torch.randn(4, 6), 2)
    assert [module.training for module in model.modules()] == before


def test_the_prediction_is_the_mean_of_the_probabilities_and_repeats():
    model = net()
    run = make_run(model)
    inputs = torch.randn(16, 5)
    global_state = torch.random.get_rng_state()
    found = McDropout(passes=7).predict(run, inputs, model)
    assert torch.equal(McDropout(passes=7).predict(run, inputs, model), found)
    assert torch.equal(torch.random.get_rng_state(), global_state)
    assert not found.requires_grad
    run.streams.seed_global("mc_dropout", 0)
    mean = torch.stack(dropout_passes(model, model, inputs, 7)).softmax(-1).mean(0)
    assert torch.allclose(found.softmax(1), mean, atol=1e-6)


def test_hooked_in_dropout_is_on_in_the_passes():
    model = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 3))
    techniques = [McDropout(passes=5), TECHNIQUES["dropout"](probability=0.5)]
    session, inputs = plain_loop(model, techniques)
    found = session.predict(inputs)
    assert not torch.allclose(found.softmax(1), session.model(inputs).softmax(1))
    assert torch.equal(session.predict(inputs), found)
    assert not any(module.training for module in model.modules())


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (nn.Dropout(0.1), True),
        (nn.Dropout2d(0.1), True),
        (nn.AlphaDropout(0.1), True),
        (nn.Dropout(0.0), False),
        (nn.MultiheadAttention(4, 2, dropout=0.1), True),
        (nn.MultiheadAttention(4, 2), False),
        (nn.LSTM(4, 4, num_layers=2, dropout=0.1), True),
        (nn.Linear(4, 4), False),
    ],
)
def test_dropout_is_found_by_kind_and_rate(model, expected):
    assert has_dropout(nn.Sequential(model)) is expected


def test_dropout_in_the_models_own_code_is_found_by_what_it_does():
    model = CallsDropout(0.5).eval()
    run = make_run(model, example=torch.randn(2, 5))
    state = torch.random.get_rng_state()
    assert McDropout().model(run, model) is model
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not model.training


@pytest.mark.parametrize("model", [CallsDropout(0.0), net(0.0)])
def test_a_model_without_dropout_is_refused_with_what_was_looked_for(model):
    with pytest.raises(AdvisorError, match=r"mc_dropout finds no dropout in .*looked for nn\.Dropout.*Add the techniq"):
        McDropout().model(make_run(model, example=torch.randn(2, 5)), model)


def test_without_an_example_the_message_asks_for_one():
    with pytest.raises(AdvisorError, match=r"mc_dropout looks at a dry forward pass.*example="):
        regularize(nn.Linear(5, 3), [McDropout()], classes=3, epochs=1, steps_per_epoch=1)


def test_a_model_with_auxiliary_outputs_in_training_mode_is_refused():
    class Two(nn.Module):
        def forward(self, inputs: torch.Tensor) -> object:
            return (inputs, inputs) if self.training else inputs

    with pytest.raises(AdvisorError, match="Two gives a tuple there; turn its auxiliary outputs off"):
        dropout_passes(Two(), Two(), torch.zeros(2, 3), 1)


def test_0_passes_predict_as_without_it():
    model = net(0.0)
    assert McDropout(passes=0).model(make_run(model), model) is model
    answer = torch.zeros(2, 3)
    assert McDropout(passes=0).predict(make_run(model), torch.zeros(2, 5), lambda _: answer) is answer


def test_in_the_engine_only_the_predictions_change_and_they_repeat():
    dropout = {"dropout": {"probability": 0.5}}
    plan = make_plan({**dropout, "mc_dropout": {"passes": 10}}, model=SMALL_CNN)
    result, plain = train(plan), train(make_plan(dropout, model=SMALL_CNN))
    assert result.rows == plain.rows
    assert result.test["nll"] != plain.test["nll"]
    assert train(plan) == result
    assert train(make_plan({**dropout, "mc_dropout": {"passes": 0}}, model=SMALL_CNN)) == plain


def test_in_the_engine_a_model_without_dropout_is_refused_before_training():
    with pytest.raises(AdvisorError, match="finds no dropout"):
        train(make_plan({"mc_dropout": {}}))
