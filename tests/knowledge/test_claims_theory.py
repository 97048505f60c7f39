"""Claims about why things generalize: implicit regularization, bias and variance, double descent, stopping."""

import copy
from functools import cache

import numpy as np
import torch
from scipy.optimize import linprog
from sklearn.datasets import load_digits
from sklearn.svm import LinearSVC
from torch import nn
from torch.nn import functional as F  # noqa: N812


@cache
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Digits in an order that no class rules."""
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    return torch.tensor(data.data[order] / 16, dtype=torch.float32), torch.tensor(data.target[order])


def fit(model: nn.Module, x: torch.Tensor, y: torch.Tensor, steps: int, lr: float = 5e-3) -> nn.Module:
    """Full-batch Adam on cross-entropy."""
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model


def accuracy(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    with torch.no_grad():
        return float((model(x).argmax(1) == y).float().mean())


def network(width: int = 128) -> nn.Module:
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))


# Implicit regularization


def test_a_network_that_fits_shuffled_labels_still_generalizes_on_true_ones() -> None:
    x, y = digits()
    shuffled = y[:300][torch.randperm(300)]
    memorizer = fit(network(256), x[:300], shuffled, 250)
    assert accuracy(memorizer, x[:300], shuffled) > 0.99
    assert accuracy(memorizer, x[300:], y[300:]) < 0.3
    assert accuracy(fit(network(256), x[:300], y[:300], 250), x[300:], y[300:]) > 0.9


def test_the_penalty_decides_which_interpolating_solution_is_found() -> None:
    generator = np.random.default_rng(0)
    n, d = 40, 100
    truth = np.zeros(d)
    truth[:4] = [2, -1, 1.5, 3]
    x = generator.normal(size=(n, d))
    y = x @ truth
    least_norm = np.linalg.pinv(x) @ y
    found = linprog(np.ones(2 * d), A_eq=np.hstack([x, -x]), b_eq=y)
    sparsest = found.x[:d] - found.x[d:]
    for solution in (least_norm, sparsest):
        assert np.abs(x @ solution - y).max() < 1e-6  # both fit all training data
    assert ((sparsest - truth) ** 2).sum() < 1e-6
    assert ((least_norm - truth) ** 2).sum() > 1


def test_gradient_descent_finds_the_least_norm_and_the_largest_margin() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(10, 30)), generator.normal(size=10)
    w = np.zeros(30)
    for _ in range(3000):
        w -= 0.01 * x.T @ (x @ w - y)
    np.testing.assert_allclose(w, np.linalg.pinv(x) @ y, atol=1e-6)

    label = np.repeat([-1.0, 1.0], 20)
    points = generator.normal(size=(40, 2)) * [0.4, 2.0] + np.outer(label, [2.0, 1.0])
    best = LinearSVC(C=1e4, loss="hinge", fit_intercept=False, max_iter=100_000).fit(points, label).coef_[0]

    def angle(steps: int) -> float:
        direction = np.zeros(2)
        for _ in range(steps):
            margin = label * (points @ direction)
            direction += 0.5 * (label / (1 + np.exp(margin))) @ points / len(label)
        return float(np.arccos(direction @ best / np.linalg.norm(direction) / np.linalg.norm(best)))

    assert (label * (points @ best) > 0).all()
    assert angle(10_000) < 0.5 * angle(10)


def test_overfitting_is_benign_where_many_weak_directions_absorb_the_noise() -> None:
    def risks(weak: int) -> tuple[float, float]:
        """Training error and excess test error of the least-norm fit; 5 strong directions, `weak` weak ones."""
        generator = np.random.default_rng(0)
        n = 100
        scale = np.concatenate([np.ones(5), np.full(weak, np.sqrt(10 / weak))])
        truth = np.concatenate([np.ones(5), np.zeros(weak)])
        x = generator.normal(size=(n, 5 + weak)) * scale
        y = x @ truth + generator.normal(size=n)
        w = np.linalg.pinv(x) @ y
        return float(((x @ w - y) ** 2).mean()), float((((w - truth) * scale) ** 2).sum())

    train, excess = risks(4000)
    assert train < 1e-12  # the noise is fitted
    assert excess < 0.3  # of a noise variance of 1 and a signal variance of 5
    train, excess = risks(100)
    assert train < 1e-12
    assert excess > 1  # here it is anything but benign


def test_rescaling_a_relu_network_changes_sharpness_and_not_the_function() -> None:
    x, y = digits()
    first = fit(network(32), x[:200], y[:200], 60)
    second = copy.deepcopy(first)
    with torch.no_grad():
        second[0].weight *= 10
        second[0].bias *= 10
        second[2].weight /= 10

    def sharpness(model: nn.Module) -> float:
        """Mean squared gradient norm of the single examples: the Gauss-Newton trace where labels are fitted."""
        total = 0.0
        for example, label in zip(x[:40], y[:40], strict=True):
            model.zero_grad()
            F.cross_entropy(model(example[None]), label[None]).backward()
            total += sum(float((p.grad**2).sum()) for p in model.parameters() if p.grad is not None)
        return total / 40

    torch.testing.assert_close(first(x), second(x), rtol=1e-4, atol=1e-4)
    assert sharpness(second) > 5 * sharpness(first)


# Bias, variance, double descent


def errors_by_degree(degrees: range) -> tuple[np.ndarray, np.ndarray]:
    """Squared bias and variance of polynomial fits, over 200 noisy versions of 30 points."""
    generator = np.random.default_rng(0)
    grid, x = np.linspace(-0.9, 0.9, 50), np.linspace(-1, 1, 30)
    bias, variance = [], []
    for degree in degrees:
        fits = []
        for _ in range(200):
            y = np.sin(3 * x) + 0.3 * generator.normal(size=30)
            fits.append(np.polynomial.legendre.legval(grid, np.polynomial.legendre.legfit(x, y, degree)))
        bias.append(((np.mean(fits, axis=0) - np.sin(3 * grid)) ** 2).mean())
        variance.append(np.var(fits, axis=0).mean())
    return np.array(bias), np.array(variance)


def test_bias_falls_and_variance_grows_with_complexity() -> None:
    bias, variance = errors_by_degree(range(1, 10, 2))
    assert bias[2] < 0.05 * bias[0]
    assert (np.diff(variance) > 0).all()
    assert 0 < (bias + variance).argmin() < 4


N = 60
WIDTHS = (10, 20, 40, 60, 90, 200, 600)


@cache
def random_features(noise: float = 0.5, n: int = N, tuned: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Mean test error and its variance part for each of WIDTHS: least-norm fits on random ReLU features."""
    generator = np.random.default_rng(0)
    test = generator.normal(size=(200, 10))
    truth = np.ones(10) / np.sqrt(10)
    penalties = np.logspace(-6, 3, 19) if tuned else np.array([1e-10])
    mean, spread = [], []
    for width in WIDTHS:
        predictions = np.zeros((len(penalties), 30, 200))
        for repeat in range(30):
            layer = generator.normal(size=(10, width)) / np.sqrt(10)
            x = generator.normal(size=(n, 10))
            y = x @ truth + noise * generator.normal(size=n)
            features, seen = (np.maximum(data @ layer, 0) / np.sqrt(width) for data in (x, test))
            u, s, vt = np.linalg.svd(features, full_matrices=False)
            for index, penalty in enumerate(penalties):
                predictions[index, repeat] = seen @ (vt.T @ (s / (s**2 + penalty) * (u.T @ y)))
        error = ((predictions - test @ truth) ** 2).mean(axis=(1, 2))
        best = int(error.argmin())
        mean.append(error[best])
        spread.append(predictions[best].var(axis=0).mean())
    return np.array(mean), np.array(spread)


def test_test_error_peaks_at_the_interpolation_threshold() -> None:
    error, _ = random_features()
    assert WIDTHS[int(error.argmax())] == N
    assert error[-1] < 0.2 * error.max()


def test_variance_falls_again_past_the_interpolation_threshold() -> None:
    _, variance = random_features()
    peak = WIDTHS.index(N)
    assert variance[0] < variance[1] < variance[2] < variance[peak]
    assert variance[peak] > variance[peak + 1] > variance[peak + 2] > variance[peak + 3]


def test_two_sizes_up_test_error_is_lower_again() -> None:
    error, _ = random_features()
    rising = WIDTHS.index(40)
    assert error[rising] > error[rising - 1]  # this one overfits more than the smaller one
    assert error[-1] < error[rising]  # and much larger ones less than it
    assert error[-2] < error[rising]


def test_a_tuned_penalty_removes_the_peak() -> None:
    tuned, _ = random_features(tuned=True)
    plain, _ = random_features()
    peak = WIDTHS.index(N)
    assert tuned[peak] < 0.2 * plain[peak]
    assert (np.diff(tuned) < 0.03 * tuned[:-1]).all()


def test_label_noise_raises_the_peak() -> None:
    peak = WIDTHS.index(N)
    noisy, clean = random_features(0.5)[0], random_features(0.05)[0]
    assert noisy[peak] > 2 * clean[peak]
    assert noisy[peak] - noisy[-1] > 2 * (clean[peak] - clean[-1])


def test_more_data_can_hurt_at_the_threshold() -> None:
    generator = np.random.default_rng(0)
    d = 60

    def error(n: int) -> float:
        risks = []
        for _ in range(100):
            truth = generator.normal(size=d) / np.sqrt(d)
            x = generator.normal(size=(n, d))
            risks.append((((np.linalg.pinv(x) @ (x @ truth + 0.5 * generator.normal(size=n))) - truth) ** 2).sum())
        return float(np.median(risks))

    assert error(60) > 2 * error(30)
    assert error(240) < error(30)


def risk_over_time(speeds: tuple[float, float], steps: int = 4000) -> np.ndarray:
    """Excess test error of gradient descent on a linear problem whose two halves of features learn at these rates."""
    generator = np.random.default_rng(0)
    n, d = 1000, 50
    truth = np.repeat([np.sqrt(1.5), np.sqrt(2.0)], d)
    x = generator.normal(size=(n, 2 * d))
    y = x @ truth + np.sqrt(n) * generator.normal(size=n)
    gram, cross, rate = x.T @ x / n, x.T @ y / n, np.repeat(speeds, d)
    w, risks = np.zeros(2 * d), []
    for _ in range(steps):
        w = w - rate * (gram @ w - cross)
        risks.append(float(((w - truth) ** 2).sum()))
    return np.array(risks)


def descents(risks: np.ndarray) -> int:
    """How often the curve goes down by more than a twentieth of its range, between rises of as much."""
    margin = 0.05 * (risks.max() - risks.min())
    count, extreme, falling = 0, risks[0], False
    for value in risks:
        if falling:
            if value > extreme + margin:
                falling, extreme = False, value
            extreme = min(extreme, value)
        else:
            if value < extreme - margin:
                falling, extreme, count = True, value, count + 1
            extreme = max(extreme, value)
    return count


def test_features_learned_at_two_speeds_give_two_descents_over_time() -> None:
    assert descents(risk_over_time((0.3, 0.001))) == 2


def test_equal_speeds_remove_the_second_descent() -> None:
    assert descents(risk_over_time((0.3, 0.3))) == 1


# Stopping, averaging, repeating


def test_stopped_gradient_descent_is_a_spectral_filter_close_to_ridge() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(50, 8)) * np.logspace(0, -1.5, 8), generator.normal(size=50)
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    lr, steps = 0.01, 200
    w = np.zeros(8)
    for _ in range(steps):
        w -= lr * x.T @ (x @ w - y)
    share = 1 - (1 - lr * s**2) ** steps
    np.testing.assert_allclose(w, vt.T @ (share / s * (u.T @ y)), atol=1e-10)
    assert share[0] > 0.99
    assert share[-1] < 0.2
    ridge = s**2 / (s**2 + 1 / (lr * steps))
    assert np.abs(ridge - share).max() < 0.25


def noisy_quadratic(rates: np.ndarray, average_from: int) -> tuple[np.ndarray, float]:
    """Loss at each step of noisy descent on a quadratic, and the loss of the averaged iterate."""
    generator = np.random.default_rng(0)
    w, total, losses = np.full(50, 3.0), np.zeros(50), []
    for step, rate in enumerate(rates):
        w = w - rate * (w + 2 * generator.normal(size=50))
        losses.append(float((w**2).mean()))
        if step >= average_from:
            total += w
    return np.array(losses), float(((total / (len(rates) - average_from)) ** 2).mean())


def test_averaging_helps_at_a_constant_rate_and_not_after_annealing() -> None:
    constant, averaged = noisy_quadratic(np.full(1000, 0.2), 500)
    assert averaged < 0.2 * constant[-50:].mean()
    annealed, averaged = noisy_quadratic(0.2 * np.linspace(1, 0, 1000), 990)
    assert annealed[-1] < 0.1 * constant[-50:].mean()
    assert averaged > 0.8 * annealed[-1]


def test_patience_can_fire_before_annealing_pays() -> None:
    losses, _ = noisy_quadratic(0.3 * 0.5 * (1 + np.cos(np.linspace(0, np.pi, 1000))), 0)
    epochs = losses[9::10]  # ten steps an epoch
    best, waited, stopped = np.inf, 0, None
    for epoch, value in enumerate(epochs):
        best, waited = (value, 0) if value < best else (best, waited + 1)
        if waited == 10:
            stopped = epoch
            break
    assert stopped is not None
    assert stopped < 60
    assert epochs[-1] < 0.2 * best


def test_each_round_of_self_distillation_shrinks_further() -> None:
    generator = np.random.default_rng(0)
    scale = np.logspace(0.5, -1, 20)
    errors = np.zeros(30)
    for _ in range(50):
        x, truth = generator.normal(size=(40, 20)) * scale, generator.normal(size=20)
        targets = x @ truth + 3 * generator.normal(size=40)
        hat = x @ np.linalg.solve(x.T @ x + 3 * np.eye(20), x.T)
        norms = []
        for generation in range(30):
            targets = hat @ targets  # the next student learns what this one says
            errors[generation] += (((np.linalg.pinv(x) @ targets - truth) * scale) ** 2).sum() / 50
            norms.append(np.linalg.norm(targets))
        assert (np.diff(norms) < 0).all()
    best = int(errors.argmin())
    assert 0 < best < 15  # some rounds help
    assert errors[-1] > 1.1 * errors[best]  # and many underfit


def test_in_a_single_pass_the_next_batchs_loss_is_test_loss() -> None:
    generator = np.random.default_rng(0)
    truth = generator.normal(size=50)

    def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
        x = generator.normal(size=(n, 50))
        return x, x @ truth + generator.normal(size=n)

    def loss(w: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
        return float(((x @ w - y) ** 2).mean())

    held_out, pool = draw(4000), draw(80)

    def gap(fresh: bool) -> float:
        """Mean difference of test loss and next-batch loss over the second half of 400 steps of 8 examples."""
        w, gaps = np.zeros(50), []
        for step in range(400):
            start = 8 * step % 80
            x, y = draw(8) if fresh else (pool[0][start : start + 8], pool[1][start : start + 8])
            if step >= 200:
                gaps.append(loss(w, *held_out) - loss(w, x, y))
            w -= 0.005 * x.T @ (x @ w - y)
        return float(np.mean(gaps))

    assert abs(gap(fresh=True)) < 0.15
    assert gap(fresh=False) > 1


def test_the_average_of_two_independent_networks_is_useless_and_of_two_tuned_copies_is_not() -> None:
    x, y = digits()
    train, test = (x[:600], y[:600]), (x[600:], y[600:])

    def average(first: nn.Module, second: nn.Module) -> float:
        middle = copy.deepcopy(first)
        with torch.no_grad():
            for mine, theirs in zip(middle.parameters(), second.parameters(), strict=True):
                mine.copy_((mine + theirs) / 2)
        return accuracy(middle, *test)

    first, second = (fit(nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 10)),
                         *train, 100, lr=0.01) for _ in range(2))  # fmt: skip
    assert min(accuracy(first, *test), accuracy(second, *test)) > 0.88
    assert average(first, second) < 0.8
    copies = [fit(copy.deepcopy(first), x[half], y[half], 40, lr=2e-3) for half in (slice(0, 300), slice(300, 600))]
    assert average(*copies) > 0.88
