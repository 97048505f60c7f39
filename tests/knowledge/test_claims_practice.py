"""Claims about labels, classes, fine-tuning, language models and tables, each shown on a small example."""

import numpy as np
import pytest
import torch
from scipy.special import expit
from scipy.stats import spearmanr
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, average_precision_score, balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier
from torch import nn
from torch.nn import functional as F  # noqa: N812


def digits() -> tuple[np.ndarray, np.ndarray]:
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    return data.data[order] / 16, data.target[order]


def corrupt(labels: np.ndarray, share: float, classes: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Labels of which this share is replaced by another class, and which ones were."""
    generator = np.random.default_rng(1)
    wrong = generator.uniform(size=len(labels)) < share
    return np.where(wrong, (labels + generator.integers(1, classes, len(labels))) % classes, labels), wrong


# Practice


def test_a_strong_penalty_closes_the_gap_and_raises_test_error() -> None:
    generator = np.random.default_rng(0)
    truth = generator.normal(size=20)
    x = generator.normal(size=(60, 20))
    y = x @ truth + generator.normal(size=60)
    test = generator.normal(size=(2000, 20))

    def errors(penalty: float) -> tuple[float, float]:
        model = Ridge(alpha=penalty).fit(x, y)
        noise = np.random.default_rng(1).normal(size=2000)
        return float(((model.predict(x) - y) ** 2).mean()), float(
            ((model.predict(test) - test @ truth - noise) ** 2).mean()
        )

    (train, held_out), (train_strong, held_out_strong) = errors(1.0), errors(1000.0)
    assert held_out_strong / train_strong < 0.8 * held_out / train
    assert held_out_strong > 2 * held_out


def test_test_error_falls_with_more_data() -> None:
    x, y = digits()
    wrong = [1 - LogisticRegression(max_iter=200).fit(x[:n], y[:n]).score(x[1000:], y[1000:]) for n in (50, 200, 800)]
    assert wrong[0] > 1.5 * wrong[1]
    assert wrong[1] > 1.2 * wrong[2]


# Label noise


def test_wrong_labels_are_learned_late() -> None:
    x, y = digits()
    given, _ = corrupt(y[:500], 0.4)
    inputs, targets = torch.tensor(x[:500], dtype=torch.float32), torch.tensor(given)
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    truth, fitted = [], []
    for _ in range(200):
        optimizer.zero_grad()
        logits = model(inputs)
        F.cross_entropy(logits, targets).backward()
        optimizer.step()
        predicted = logits.argmax(1).numpy()
        truth.append((predicted == y[:500]).mean())
        fitted.append((predicted == given).mean())
    peak = int(np.argmax(truth))
    assert peak < 60
    assert truth[peak] > 0.85
    assert fitted[-1] > 0.95  # in the end the wrong labels are memorized
    assert truth[-1] < truth[peak] - 0.2


def test_noisy_validation_labels_cap_accuracy_and_keep_the_order() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(10, size=50_000)
    given, _ = corrupt(labels, 0.2)
    true, seen = [], []
    for skill in (0.5, 0.7, 0.8, 0.9, 1.0):
        predicted = np.where(
            generator.uniform(size=len(labels)) < skill, labels, (labels + generator.integers(1, 10, len(labels))) % 10
        )
        true.append((predicted == labels).mean())
        seen.append((predicted == given).mean())
    assert seen[-1] == pytest.approx(0.8, abs=0.01)
    assert spearmanr(true, seen).statistic == pytest.approx(1)


def test_wrong_labels_have_the_highest_held_out_loss() -> None:
    x, y = digits()
    given, wrong = corrupt(y[:600], 0.2)
    model = LogisticRegression(max_iter=100, C=0.1)
    probabilities = cross_val_predict(model, x[:600], given, cv=3, method="predict_proba")
    assert roc_auc_score(wrong, -np.log(probabilities[np.arange(600), given])) > 0.9


# Class imbalance


def test_effective_number_weights_run_from_equal_to_inverse_frequency() -> None:
    counts = np.array([5000.0, 500.0, 50.0])

    def weights(beta: float) -> np.ndarray:
        raw = (1 - beta) / (1 - beta**counts)
        return raw / raw[0]

    np.testing.assert_allclose(weights(0.0), 1)
    np.testing.assert_allclose(weights(1 - 1e-9), counts[0] / counts, rtol=1e-3)
    assert 1 < weights(0.99)[2] < weights(0.9999)[2] < 100


def test_always_the_large_class_is_accurate_and_useless() -> None:
    labels = np.repeat([0, 1], [5000, 100])
    model = DummyClassifier(strategy="most_frequent").fit(labels[:, None], labels)
    predicted = model.predict(labels[:, None])
    assert accuracy_score(labels, predicted) > 0.98
    assert balanced_accuracy_score(labels, predicted) == 0.5
    assert average_precision_score(labels, model.predict_proba(labels[:, None])[:, 1]) < 0.02


def test_on_separable_data_class_weights_fade_with_training() -> None:
    generator = np.random.default_rng(0)
    label = np.repeat([-1.0, 1.0], [50, 5])
    x = np.column_stack([generator.normal(size=(55, 2)) + np.outer(label, [3.0, 2.0]), np.ones(55)])

    def angle(steps: int) -> float:
        """Between the solutions with and without weighting the rare class ten times."""
        found = []
        for weight in (1.0, 10.0):
            w = np.zeros(3)
            each = np.where(label > 0, weight, 1.0)
            for _ in range(steps):
                pull = each * expit(-label * (x @ w))
                w += 0.1 * (pull * label) @ x / pull.sum()  # steps that do not fade with the loss, to get far
            found.append(w / np.linalg.norm(w))
        return float(np.arccos(np.clip(found[0] @ found[1], -1, 1)))

    assert angle(3) > 0.2
    assert angle(300) < 0.25 * angle(3)


def imbalanced(n: int = 6000) -> tuple[np.ndarray, np.ndarray]:
    """Two overlapping classes at about 1 to 20."""
    generator = np.random.default_rng(0)
    labels = (generator.uniform(size=n) < 0.05).astype(int)
    return generator.normal(size=(n, 2)) + labels[:, None], labels


def test_subtracting_the_log_prior_balances_a_trained_model() -> None:
    x, y = imbalanced()
    model = LogisticRegression().fit(x[:3000], y[:3000])
    logits = model.predict_log_proba(x[3000:])
    plain = balanced_accuracy_score(y[3000:], logits.argmax(1))
    adjusted = logits - np.log(np.bincount(y[:3000]) / 3000)
    assert plain < 0.6
    assert balanced_accuracy_score(y[3000:], adjusted.argmax(1)) > plain + 0.1


def test_class_weights_move_predicted_probabilities_off_the_base_rate() -> None:
    x, y = imbalanced()
    plain, weighted = (LogisticRegression(class_weight=how).fit(x[:3000], y[:3000]) for how in (None, "balanced"))
    assert plain.predict_proba(x[3000:])[:, 1].mean() == pytest.approx(y[3000:].mean(), abs=0.02)
    assert weighted.predict_proba(x[3000:])[:, 1].mean() > 4 * y[3000:].mean()


# Fine-tuning


def test_decay_towards_pretrained_weights_beats_decay_to_zero_near_the_source() -> None:
    generator = np.random.default_rng(0)
    source = generator.normal(size=40)
    target = source + 0.1 * generator.normal(size=40)
    x = generator.normal(size=(25, 40))
    y = x @ target + 0.5 * generator.normal(size=25)

    def error(start: np.ndarray, penalty: float) -> float:
        return float(
            ((start + Ridge(alpha=penalty, fit_intercept=False).fit(x, y - x @ start).coef_ - target) ** 2).sum()
        )

    penalties = np.logspace(-3, 4, 30)
    towards_source = min(error(source, penalty) for penalty in penalties)
    assert towards_source < 0.2 * min(error(np.zeros(40), penalty) for penalty in penalties)
    assert towards_source < error(source, 1e-3)  # and better than no decay


def test_a_low_rank_update_fits_less_and_forgets_less() -> None:
    generator = np.random.default_rng(0)
    old = generator.normal(size=(20, 20))
    new = old + 0.5 * generator.normal(size=(20, 20))
    x = generator.normal(size=(15, 20))  # few examples of the new task
    y = x @ new.T

    def errors(rank: int) -> tuple[float, float]:
        a, b = nn.Parameter(0.1 * torch.randn(rank, 20)), nn.Parameter(torch.zeros(20, rank))
        optimizer = torch.optim.Adam([a, b], lr=0.02)
        inputs, targets = (torch.tensor(z, dtype=torch.float32) for z in (x, y))
        frozen = torch.tensor(old, dtype=torch.float32)
        for _ in range(500):
            optimizer.zero_grad()
            ((inputs @ (frozen + b @ a).T - targets) ** 2).mean().backward()
            optimizer.step()
        update = (b @ a).detach().numpy()
        assert np.linalg.matrix_rank(update, tol=1e-4) <= rank
        return float(((x @ (old + update).T - y) ** 2).mean()), float((update**2).sum())

    (fit_low, moved_low), (fit_full, moved_full) = errors(2), errors(20)
    assert fit_low > 10 * fit_full
    assert moved_low < 0.7 * moved_full  # error on the old task, whose inputs are isotropic


def test_adam_without_bias_correction_starts_three_times_too_fast() -> None:
    weights = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = torch.optim.Adam([weights], lr=0.01)
    weights.grad = torch.full((1,), 0.7, dtype=torch.float64)
    optimizer.step()
    corrected = abs(weights.item())
    beta1, beta2 = optimizer.defaults["betas"]
    uncorrected = 0.01 * (1 - beta1) * 0.7 / np.sqrt((1 - beta2) * 0.7**2)
    assert uncorrected / corrected == pytest.approx(3.16, abs=0.01)


def test_statistics_of_small_batches_are_noise() -> None:
    def jitter(batch: int) -> float:
        """How far one input's normalized value moves with the company it is in."""
        norm, probe = nn.BatchNorm1d(1), torch.ones(1, 1)
        outputs = [norm(torch.cat([probe, torch.randn(batch - 1, 1)]))[0, 0] for _ in range(400)]
        return float(torch.stack(outputs).std().detach())

    assert jitter(4) > 3 * jitter(64)
    assert jitter(4) > 0.3


# Language models


def test_the_mean_of_sequence_means_is_not_the_token_mean() -> None:
    logits, targets = 2 * torch.randn(2, 100, 50), torch.randint(50, (2, 100))
    logits[1] = 20 * F.one_hot(targets[1], 50)  # the long sequence is predicted well
    lengths = (5, 100)
    each = [F.cross_entropy(logits[i, :length], targets[i, :length]) for i, length in enumerate(lengths)]
    token_mean = sum(loss * length for loss, length in zip(each, lengths, strict=True)) / sum(lengths)
    padded = targets.clone()
    padded[0, 5:] = -100
    torch.testing.assert_close(F.cross_entropy(logits.flatten(0, 1), padded.flatten()), token_mean)
    assert sum(each) / 2 > 5 * token_mean


def test_perplexity_depends_on_the_tokenizer_and_bits_per_byte_do_not() -> None:
    generator = np.random.default_rng(0)
    text = generator.choice(list("ab"), p=[0.8, 0.2], size=10_000)
    bits = -np.log2(np.where(text == "a", 0.8, 0.2))
    by_letter = 2 ** bits.mean()
    pairs = bits.reshape(-1, 2).sum(1)  # the same model with tokens of two letters
    by_pair = 2 ** pairs.mean()
    assert by_pair > 1.5 * by_letter
    assert pairs.sum() / len(text) == pytest.approx(bits.sum() / len(text))


def test_duplicated_text_makes_validation_loss_optimistic() -> None:
    generator = np.random.default_rng(0)
    passages = [generator.integers(30, size=60) for _ in range(60)]

    def loss(train: list[np.ndarray], held_out: list[np.ndarray]) -> float:
        """Bits a letter of a trigram model with add-0.01 smoothing."""
        counts = np.full((30, 30, 30), 0.01)
        for text in train:
            np.add.at(counts, (text[:-2], text[1:-1], text[2:]), 1)
        p = counts / counts.sum(2, keepdims=True)
        return float(np.mean([-np.log2(p[t[:-2], t[1:-1], t[2:]]).mean() for t in held_out]))

    fresh = [generator.integers(30, size=60) for _ in range(20)]
    assert loss(passages, passages[:20]) < 0.5 * loss(passages, fresh)


def test_neftunes_noise_has_a_norm_that_depends_on_alpha_alone() -> None:
    def norm(length: int, width: int, alpha: float) -> float:
        noise = (2 * torch.rand(length, width) - 1) * alpha / np.sqrt(length * width)
        return float(noise.norm())

    assert norm(20, 64, 5.0) == pytest.approx(norm(500, 256, 5.0), rel=0.05)
    assert norm(20, 64, 10.0) == pytest.approx(2 * norm(20, 64, 5.0), rel=0.05)


# Text, tables and sequences


def test_torchs_transformer_layers_carry_dropout_of_a_tenth() -> None:
    layer = nn.TransformerEncoderLayer(8, 2)
    rates = {module.p for module in layer.modules() if isinstance(module, nn.Dropout)}
    assert rates == {0.1}
    assert layer.self_attn.dropout == 0.1


def test_trees_ignore_monotone_changes_and_networks_do_not() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(400, 4))
    y = (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(int)
    changed = np.exp(3 * x)
    trees = [
        DecisionTreeClassifier(random_state=0).fit(data[:300], y[:300]).predict(data[:300]) for data in (x, changed)
    ]
    assert (trees[0] == trees[1]).all()

    def network(data: np.ndarray) -> float:
        torch.manual_seed(0)
        inputs, labels = torch.tensor(data, dtype=torch.float32), torch.tensor(y)
        model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for _ in range(200):
            optimizer.zero_grad()
            F.cross_entropy(model(inputs[:300]), labels[:300]).backward()
            optimizer.step()
        return float((model(inputs[300:]).argmax(1) == labels[300:]).float().mean())

    assert network(x) > network(changed) + 0.1


def test_overlapping_windows_across_the_split_are_optimistic() -> None:
    generator = np.random.default_rng(0)
    series = np.cumsum(generator.normal(size=600))
    windows = np.lib.stride_tricks.sliding_window_view(series, 20)
    future = generator.integers(2, size=len(windows) // 10 + 1).repeat(10)[: len(windows)]  # nothing to predict
    shuffled = generator.permutation(len(windows))

    def score(train: np.ndarray, test: np.ndarray) -> float:
        return float(KNeighborsClassifier(1).fit(windows[train], future[train]).score(windows[test], future[test]))

    cut = int(0.75 * len(windows))
    assert score(shuffled[:cut], shuffled[cut:]) > 0.7
    assert score(np.arange(cut - 20), np.arange(cut, len(windows))) < 0.65


# Beyond one distribution


def test_selecting_on_one_distribution_can_pick_the_wrong_model_for_another() -> None:
    generator = np.random.default_rng(0)

    def draw(n: int, shortcut: float) -> tuple[np.ndarray, np.ndarray]:
        """A weak honest feature, and a strong one that agrees with the label only as often as `shortcut` says."""
        y = generator.integers(2, size=n)
        sign = 2.0 * y - 1
        agrees = np.where(generator.uniform(size=n) < shortcut, sign, -sign)
        return np.column_stack([sign + generator.normal(size=n), agrees + 0.3 * generator.normal(size=n)]), y

    x, y = draw(2000, 0.95)
    with_shortcut, without = LogisticRegression().fit(x, y), LogisticRegression().fit(x[:, :1], y)
    (near, near_y), (far, far_y) = draw(2000, 0.95), draw(2000, 0.3)
    assert with_shortcut.score(near, near_y) > without.score(near[:, :1], near_y) + 0.05
    assert with_shortcut.score(far, far_y) < without.score(far[:, :1], far_y) - 0.2
