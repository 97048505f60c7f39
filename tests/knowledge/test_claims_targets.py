"""Claims about targets and predictions: smoothing, calibration, distillation, ensembles, averages of weights."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn


def ece(probabilities: torch.Tensor, labels: torch.Tensor, bins: int = 15) -> float:
    """Expected calibration error over bins of equal width."""
    confidence, predicted = probabilities.max(1)
    right = (predicted == labels).float()
    index = (confidence * bins).long().clamp(max=bins - 1)
    gaps = [(right[index == b] - confidence[index == b]).sum().abs() for b in range(bins)]
    return float(torch.stack(gaps).sum() / len(labels))


def calibrated(n: int = 4000, classes: int = 5, scale: float = 2.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and labels drawn from them: perfectly calibrated by construction."""
    logits = scale * torch.randn(n, classes)
    return logits, torch.multinomial(torch.softmax(logits, 1), 1).squeeze(1)


def best_temperature(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """The temperature of least NLL, on a fine grid."""
    grid = torch.logspace(-1, 1, 101)
    return float(grid[torch.stack([F.cross_entropy(logits / t, labels) for t in grid]).argmin()])


# Label smoothing


def test_the_smoothed_optimum_is_finite_and_the_hard_one_is_not() -> None:
    def gaps(epsilon: float) -> list[float]:
        """Logit of the true class above another, after each of 400 steps."""
        logits, found = nn.Parameter(torch.zeros(1, 10, dtype=torch.float64)), []
        optimizer = torch.optim.Adam([logits], lr=0.05)
        for _ in range(400):
            optimizer.zero_grad()
            F.cross_entropy(logits, torch.tensor([3]), label_smoothing=epsilon).backward()
            optimizer.step()
            found.append(float((logits[0, 3] - logits[0, 0]).detach()))
        return found

    smoothed, hard = gaps(0.1), gaps(0.0)
    assert smoothed[-1] == pytest.approx(np.log((10 * 0.9 + 0.1) / 0.1), abs=0.01)
    assert smoothed[-1] == pytest.approx(smoothed[199], abs=0.05)
    assert hard[-1] > hard[199] + 1


def test_smoothed_loss_has_a_floor() -> None:
    labels = torch.arange(10)
    losses = [float(F.cross_entropy(scale * torch.eye(10), labels, label_smoothing=0.1)) for scale in range(1, 40)]
    assert 0.49 < min(losses) < 0.52
    assert losses[-1] > min(losses) + 1  # more confidence costs again
    assert float(F.cross_entropy(39 * torch.eye(10), labels)) < 1e-6


# Calibration


def test_fitted_temperature_recovers_the_scale_lowers_ece_and_changes_no_prediction() -> None:
    logits, labels = calibrated()
    too_sure = 3 * logits
    temperature = best_temperature(too_sure[:2000], labels[:2000])
    assert temperature == pytest.approx(3, rel=0.1)
    held_out, truth = too_sure[2000:], labels[2000:]
    assert ece(torch.softmax(held_out / temperature, 1), truth) < 0.4 * ece(torch.softmax(held_out, 1), truth)
    assert bool(((held_out / temperature).argmax(1) == held_out.argmax(1)).all())


def test_focal_loss_takes_weight_off_easy_examples() -> None:
    def pull(logit: float, gamma: float) -> float:
        """The size of the gradient on a binary logit whose example is labelled 1."""
        value = torch.tensor(logit, requires_grad=True)
        p = torch.sigmoid(value)
        (-((1 - p) ** gamma) * torch.log(p)).backward()
        assert value.grad is not None
        return abs(float(value.grad))

    assert pull(3.0, 0.0) == pytest.approx(1 - 1 / (1 + np.exp(-3.0)), rel=1e-4)  # gamma = 0 is cross-entropy
    easy, hard = pull(3.0, 2.0) / pull(3.0, 0.0), pull(-3.0, 2.0) / pull(-3.0, 0.0)
    assert easy < 0.05
    assert hard > 0.9


# Distillation


def test_the_soft_terms_gradient_keeps_its_size_only_with_t_squared() -> None:
    teacher, student = torch.randn(64, 10), torch.randn(64, 10)

    def pull(temperature: float, factor: float) -> float:
        logits = student.clone().requires_grad_()
        soft = [F.log_softmax(z / temperature, 1) for z in (logits, teacher)]
        (factor * F.kl_div(*soft, reduction="batchmean", log_target=True)).backward()
        assert logits.grad is not None
        return float(logits.grad.norm())

    assert pull(20, 20**2) == pytest.approx(pull(5, 5**2), rel=0.15)
    assert pull(20, 1) < 0.1 * pull(5, 1)


def test_torchs_kl_div_is_teacher_to_student_and_mean_is_not_the_mean() -> None:
    teacher, student = torch.softmax(torch.randn(8, 10), 1), torch.softmax(torch.randn(8, 10), 1)
    forwards = (teacher * (teacher / student).log()).sum(1).mean()
    backwards = (student * (student / teacher).log()).sum(1).mean()
    torch.testing.assert_close(F.kl_div(student.log(), teacher, reduction="batchmean"), forwards)
    assert abs(float(forwards - backwards)) > 0.001
    with pytest.warns(UserWarning, match="batchmean"):
        per_class = F.kl_div(student.log(), teacher, reduction="mean")
    torch.testing.assert_close(per_class, forwards / 10)


def test_a_uniform_teacher_is_label_smoothing() -> None:
    logits, labels, share = torch.randn(16, 10), torch.randint(10, (16,)), 0.1

    def gradient(loss: str) -> torch.Tensor:
        z = logits.clone().requires_grad_()
        if loss == "smoothed":
            F.cross_entropy(z, labels, label_smoothing=share).backward()
        else:
            soft = F.kl_div(F.log_softmax(z, 1), torch.full((16, 10), 0.1), reduction="batchmean")
            (share * soft + (1 - share) * F.cross_entropy(z, labels)).backward()
        assert z.grad is not None
        return z.grad

    torch.testing.assert_close(gradient("distilled"), gradient("smoothed"))


# Ensembles


def members(count: int, correlation: float, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Predictions (count, n) of a target (n,) whose errors have unit variance and this correlation."""
    generator = np.random.default_rng(0)
    target = generator.normal(size=n)
    shared, own = generator.normal(size=n), generator.normal(size=(count, n))
    return target + np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own, target


def test_an_ensembles_gain_flattens_after_a_few_members() -> None:
    predictions, target = members(40, 0.4)
    errors = [((predictions[:k].mean(0) - target) ** 2).mean() for k in range(1, 41)]
    whole = errors[0] - 0.4  # what endless members would remove
    assert (errors[0] - errors[2]) / whole == pytest.approx(2 / 3, abs=0.08)
    assert (errors[0] - errors[4]) / whole == pytest.approx(4 / 5, abs=0.08)
    assert errors[4] - errors[39] < 0.25 * (errors[0] - errors[4])


def test_correlated_members_gain_less() -> None:
    gains = []
    for correlation in (0.0, 0.5, 1.0):
        predictions, target = members(5, correlation)
        gains.append(((predictions - target) ** 2).mean() - ((predictions.mean(0) - target) ** 2).mean())
    assert gains[0] > gains[1] + 0.2
    assert gains[1] > 0.2
    assert gains[2] < 1e-9


def test_the_ensembles_squared_error_is_the_average_less_the_disagreement() -> None:
    predictions, target = members(4, 0.3)
    whole = ((predictions.mean(0) - target) ** 2).mean()
    average = ((predictions - target) ** 2).mean()
    disagreement = predictions.var(axis=0).mean()
    assert whole == pytest.approx(average - disagreement)
    assert disagreement > 0.3


def test_averaged_probabilities_never_have_a_worse_nll_than_members_on_average() -> None:
    for seed in range(50):
        generator = torch.Generator().manual_seed(seed)
        probabilities = torch.softmax(3 * torch.randn(4, 20, 5, generator=generator), 2)
        labels = torch.randint(5, (20,), generator=generator)
        each = [F.nll_loss(p.log(), labels) for p in probabilities]
        together = F.nll_loss(probabilities.mean(0).log(), labels)
        assert together < torch.stack(each).mean()
        wrong = [float((p.argmax(1) != labels).float().mean()) for p in probabilities]
        worse = float((probabilities.mean(0).argmax(1) != labels).float().mean()) > np.mean(wrong)
        if worse:
            return  # for accuracy there is no such promise
    pytest.fail("accuracy never got worse: the promise would hold for it as well")


def test_an_ensemble_of_calibrated_members_is_under_confident() -> None:
    # Class means plus noise that each member sees anew; Bayes' rule for one view makes each member calibrated.
    n, classes, noise = 8000, 5, 1.0
    labels = torch.randint(classes, (n,))
    views = F.one_hot(labels, classes) + noise * torch.randn(5, n, classes)
    each = views / noise**2
    together = torch.softmax(each, 2).mean(0)
    single = torch.softmax(each[0], 1)
    assert ece(single, labels) < 0.03
    accuracy = (together.argmax(1) == labels).float().mean()
    assert accuracy > (single.argmax(1) == labels).float().mean() + 0.05
    assert together.max(1).values.mean() < single.max(1).values.mean()
    assert accuracy - together.max(1).values.mean() > 0.1
    assert best_temperature(together.log(), labels) < 0.8  # it wants sharpening, after averaging


# Averages of weights


def test_averaged_weights_need_new_batch_norm_statistics() -> None:
    first, second = (nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8)) for _ in range(2))
    data = [torch.randn(64, 5) for _ in range(20)]
    average = AveragedModel(first)
    for model in (first, second):
        for batch in data:
            model(batch)
        average.update_parameters(model)

    def variance() -> float:
        average.eval()
        return float(average(torch.cat(data)).var(0).mean())

    with torch.no_grad():
        before = variance()
        update_bn(data, average)
        after = variance()
    assert after == pytest.approx(1, abs=0.05)
    assert abs(before - 1) > 0.2


def test_a_long_horizon_keeps_the_initial_weights_in_a_short_run() -> None:
    def initial_share(decay: float) -> float:
        model = nn.Linear(1, 1, bias=False)
        nn.init.ones_(model.weight)
        average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
        average.update_parameters(model)
        nn.init.zeros_(model.weight)
        for _ in range(500):
            average.update_parameters(model)
        return float(average.module.weight.detach())

    assert initial_share(0.9999) == pytest.approx(0.95, abs=0.005)
    assert initial_share(0.99) < 0.01


def test_averaging_weights_equals_averaging_predictions_in_a_linear_model() -> None:
    x = torch.randn(20, 4)

    def compare(make: type[nn.Linear] | None) -> float:
        models = [nn.Linear(4, 3) if make else nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
                  for _ in range(3)]  # fmt: skip
        soup = copy.deepcopy(models[0])
        soup.load_state_dict(
            {key: torch.stack([m.state_dict()[key] for m in models]).mean(0) for key in soup.state_dict()}
        )
        return float((soup(x) - torch.stack([model(x) for model in models]).mean(0)).abs().max().detach())

    assert compare(nn.Linear) < 1e-6
    assert compare(None) > 0.05
