"""The fitted temperature, against scipy and scikit-learn, and what it leaves alone."""

import math

import pytest
import torch
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss
from torch import nn

from advisor.errors import AdvisorError
from advisor.techniques import TECHNIQUES, Targets, Trained, regularize
from advisor.techniques.core import Run
from advisor.techniques.core.targets import mean_loss
from advisor.techniques.temperature_scaling import TemperatureScaling, fit_temperature
from advisor.training import engine
from advisor.training.engine import train
from tests.techniques.trainings import plain_loop
from tests.training.run_plans import SMALL_CNN, make_plan


def overconfident(kind: str, scale: float, seed: int = 0) -> tuple[torch.Tensor, Targets]:
    """Logits that are `scale` times as large as those that the targets were drawn from."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(300, 5, generator=generator, dtype=torch.float64)
    if kind == "multilabel":
        return scale * logits, Targets(kind, torch.bernoulli(logits.sigmoid(), generator=generator))
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator).squeeze(1)
    if kind == "class":
        return scale * logits, Targets(kind, torch.eye(5, dtype=torch.float64)[labels])
    labels[::7] = -100
    return (scale * logits).view(30, 10, 5), Targets("token", labels.view(30, 10))


def best_by_scipy(logits: torch.Tensor, targets: Targets, bound: float) -> float:
    found = minimize_scalar(
        lambda log_t: mean_loss(logits / math.exp(log_t), targets).item(),
        bounds=(-math.log(bound), math.log(bound)), method="bounded", options={"xatol": 1e-10},
    )  # fmt: skip
    return math.exp(found.x)


@pytest.mark.parametrize("scale", [0.2, 1.0, 3.0, 8.0])
@pytest.mark.parametrize("kind", ["class", "multilabel", "token"])
def test_the_temperature_is_where_scipy_finds_the_least_negative_log_likelihood(kind, scale):
    logits, targets = overconfident(kind, scale)
    found = fit_temperature([(logits, targets)], 50.0)
    assert found == pytest.approx(best_by_scipy(logits, targets, 50.0), rel=1e-5)
    assert found == pytest.approx(scale, rel=0.3)


def test_the_likelihood_by_scikit_learn_is_least_at_the_temperature():
    logits, targets = overconfident("class", 3.0)
    labels = targets.values.argmax(1).numpy()

    def loss(temperature: float) -> float:
        return log_loss(labels, (logits / temperature).softmax(1).numpy())

    found = fit_temperature([(logits, targets)], 50.0)
    assert loss(found) < min(loss(found * 1.01), loss(found / 1.01), loss(1.0))


def test_batches_are_fitted_together_and_half_precision_logits_too():
    logits, targets = overconfident("class", 3.0)
    whole = fit_temperature([(logits, targets)], 50.0)
    parts = [(logits[start : start + 70], targets.with_values(targets.values[start : start + 70])) for start in
             range(0, 300, 70)]  # fmt: skip
    assert fit_temperature(parts, 50.0) == pytest.approx(whole, rel=1e-9)
    assert fit_temperature([(logits.bfloat16(), targets)], 50.0) == pytest.approx(whole, rel=0.02)


def test_where_validation_is_all_right_the_bound_holds_and_where_all_wrong_the_other():
    logits = 5 * torch.eye(5)
    right, wrong = Targets("class", torch.eye(5)), Targets("class", torch.eye(5).roll(1, 0))
    assert fit_temperature([(logits, right)], 8.0) == pytest.approx(1 / 8)
    assert fit_temperature([(logits, wrong)], 8.0) == pytest.approx(8)


@pytest.mark.parametrize("size", [1e-6, 1e6])
def test_extreme_logits_end_within_the_bounds(size):
    logits, targets = overconfident("class", 1.0)
    found = fit_temperature([(size * logits, targets)], 10.0)
    assert found == pytest.approx(10.0 if size > 1 else 0.1)
    assert fit_temperature([(1e3 * logits, targets)], 1e6) == pytest.approx(
        1e3 * fit_temperature([(logits, targets)], 100.0), rel=1e-8
    )


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_logits_that_are_not_finite_give_1(bad):
    logits, targets = overconfident("class", 3.0)
    logits[3, 1] = bad
    assert fit_temperature([(logits, targets)], 10.0) == 1.0


def test_equal_logits_and_nothing_that_counts_give_1():
    assert fit_temperature([(torch.zeros(4, 5), Targets("class", torch.eye(5)[:4]))], 10.0) == 1.0
    ignored = Targets("token", torch.full((2, 3), -100))
    assert fit_temperature([(torch.randn(2, 3, 5), ignored)], 10.0) == 1.0


def fitted(run: Run) -> float:
    return run.state["temperature_scaling"]


def test_a_plain_loop_predicts_logits_divided_by_the_temperature_of_its_validation_data():
    torch.manual_seed(0)
    model = nn.Linear(5, 3)
    nn.init.normal_(model.weight, std=20)
    session, inputs = plain_loop(model, [TemperatureScaling()])
    answers = [(model(batch).detach(), targets) for batch, targets in session.run.batches["validation"]()]
    assert fitted(session.run) == fit_temperature(answers, 10.0) > 1
    assert torch.equal(session.predict(inputs), model(inputs) / fitted(session.run))


def test_the_temperature_is_fitted_to_the_average_of_an_ensemble_not_to_the_model():
    torch.manual_seed(0)
    model, other = nn.Linear(5, 3), nn.Linear(5, 3)
    nn.init.normal_(other.weight, std=50)
    techniques = [TemperatureScaling(max_temperature=1000), TECHNIQUES["seed_ensemble"](members=2)]
    session, inputs = plain_loop(model, techniques, train_once=lambda name, **_: Trained(other, other))
    average = session.run.predict_before("temperature_scaling", inputs)
    mean = (model(inputs).softmax(1) + other(inputs).softmax(1)) / 2
    assert torch.allclose(average.softmax(1), mean, atol=1e-6)
    assert torch.equal(session.predict(inputs), average / fitted(session.run))
    with torch.no_grad():
        batches = list(session.run.batches["validation"]())
        ensemble = [(session.run.predict_before("temperature_scaling", batch), targets) for batch, targets in batches]
        single = [(model(batch), targets) for batch, targets in batches]
    assert fitted(session.run) == fit_temperature(ensemble, 1000) != fit_temperature(single, 1000)


def test_in_the_engine_the_likelihood_on_validation_falls_and_accuracy_stays(monkeypatch):
    runs: list[Run] = []
    finish = engine.Trainee.finish
    monkeypatch.setattr(engine.Trainee, "finish", lambda self: runs.append(self.run) or finish(self))
    settings = {"model": SMALL_CNN, "epochs": 15, "lr": 0.01}
    plan = make_plan({"temperature_scaling": {}}, **settings)
    scaled, plain = train(plan), train(make_plan(**settings))
    assert scaled.rows == plain.rows
    assert fitted(runs[0]) != 1
    assert scaled.validation["nll"] < plain.validation["nll"]
    assert scaled.test["accuracy"] == plain.test["accuracy"]
    assert scaled.test["nll"] != plain.test["nll"]
    assert train(plan) == scaled


def test_a_largest_temperature_of_1_is_the_baseline():
    assert train(make_plan({"temperature_scaling": {"max_temperature": 1.0}})) == train(make_plan())


def test_a_model_that_diverged_keeps_its_answers_and_the_temperature_1():
    model = nn.Linear(5, 3)
    batches = [(torch.randn(4, 5), torch.tensor([0, 1, 2, 0]))]
    settings = {"classes": 3, "epochs": 1, "steps_per_epoch": 1, "validation_batches": batches}
    session = regularize(model, [TemperatureScaling()], **settings)
    nn.init.constant_(model.bias, math.nan)
    session.finish()
    assert fitted(session.run) == 1.0
    assert session.predict(batches[0][0]).isnan().all()


def test_missing_validation_data_is_said_with_what_to_pass():
    settings = {"classes": 3, "epochs": 1, "steps_per_epoch": 1}
    with pytest.raises(AdvisorError, match=r"temperature_scaling needs validation data.*validation_batches="):
        regularize(nn.Linear(5, 3), [TemperatureScaling()], **settings).finish()
    with pytest.raises(AdvisorError, match=r"temperature_scaling got no validation batch.*not a generator"):
        regularize(nn.Linear(5, 3), [TemperatureScaling()], validation_batches=[], **settings).finish()


def test_real_targets_are_refused():
    with pytest.raises(
        AdvisorError, match="temperature_scaling works on class, multilabel, token targets but got real"
    ):
        regularize(nn.Linear(5, 1), [TemperatureScaling()], kind="real", outputs=1, epochs=1, steps_per_epoch=1)
