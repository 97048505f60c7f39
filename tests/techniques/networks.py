"""The networks on which every technique must work, in narrow forms, and a plain loop over random data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn

from advisor.techniques import TECHNIQUES, Session, Trained, regularize
from advisor.techniques.core import Technique

CLASSES = 4
BATCH = 8


class TextTransformer(nn.Module):
    """Token ids (N, 12) to class logits, with a position table of its own."""

    def __init__(self, width: int = 16, layers: int = 2) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, width)
        self.positions = nn.Parameter(torch.randn(1, 12, width) * 0.02)
        block = nn.TransformerEncoderLayer(width, 2, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(block, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        hidden = self.encoder(self.embedding(tokens) + self.positions)
        return self.head(hidden.mean(1))


class SmallResidual(nn.Module):
    """Convolutions, a residual block, normalization without batch statistics, and a head with a hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 4, stride=4)
        self.block = nn.Sequential(nn.GroupNorm(2, 4), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 1))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(4 * 64, 8), nn.ReLU(), nn.Linear(8, CLASSES))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        hidden = self.stem(images)
        return self.head(hidden + self.block(hidden))


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(3 * 32 * 32, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, CLASSES)
    )


def vit() -> nn.Module:
    models = pytest.importorskip("torchvision.models")
    return models.VisionTransformer(
        image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=CLASSES
    )


def resnet() -> nn.Module:
    return pytest.importorskip("torchvision.models").resnet18(num_classes=CLASSES)


def narrow_resnet() -> nn.Module:
    """torchvision's ResNet-18 with an eighth of the channels."""
    models = pytest.importorskip("torchvision.models")

    class Narrow(models.ResNet):  # type: ignore[misc, name-defined]
        def _make_layer(self, block: Any, planes: int, *rest: Any, **settings: Any) -> nn.Sequential:
            return super()._make_layer(block, planes // 8, *rest, **settings)  # type: ignore[no-any-return]

    model = Narrow(models.resnet.BasicBlock, [2, 2, 2, 2])
    model.fc = nn.Linear(64, CLASSES)
    return model


def convnext() -> nn.Module:
    timm = pytest.importorskip("timm")
    return timm.models.ConvNeXt(depths=(1, 1, 2, 1), dims=(8, 8, 16, 16), num_classes=CLASSES)


def timm_vit() -> nn.Module:
    timm = pytest.importorskip("timm")
    return timm.models.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=16, depth=2, num_heads=2, num_classes=CLASSES
    )


@dataclass(frozen=True)
class Network:
    """A builder with its inputs; `settings` are what a technique needs there beside its defaults."""

    build: Callable[[], nn.Module]
    text: bool = False
    batch_norm: bool = False

    def batch(self, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        generator = torch.Generator().manual_seed(seed)
        labels = torch.randint(CLASSES, (BATCH,), generator=generator)
        if self.text:
            return torch.randint(50, (BATCH, 12), generator=generator), labels
        return torch.rand(BATCH, 3, 32, 32, generator=generator), labels


NETWORKS = {
    "mlp": Network(mlp),
    "vit": Network(vit),
    "small_residual": Network(SmallResidual),
    "resnet18": Network(resnet, batch_norm=True),
    "narrow_resnet": Network(narrow_resnet, batch_norm=True),
    "text": Network(TextTransformer, text=True),
    "timm_convnext": Network(convnext),
    "timm_vit": Network(timm_vit),
}
# Techniques that work on what a network has, or not at all, and say so.
NEEDS = {
    "resnet18": {"lora_dropout"},
    "narrow_resnet": {"lora_dropout"},
    "mlp": {"spatial_dropout", "drop_block", "stochastic_depth"},
    "vit": {"drop_block", "spatial_dropout"},
    "text": {"drop_block", "spatial_dropout"},
    "timm_vit": {"drop_block", "spatial_dropout"},
}
ON_TEXT = {"mixup": {"where": "embedding"}, "input_noise": {"where": "embedding"}}
# Few steps: what would start late starts at once.
QUICK: dict[str, dict[str, Any]] = {
    "swa": {"start": 0.5},
    "distillation": {"teacher_members": 1},
    "seed_ensemble": {"members": 2},
    "mc_dropout": {"passes": 2},
}


def configured(name: str, network: str) -> Technique:
    settings = dict(QUICK.get(name, {}))
    if NETWORKS[network].text:
        settings |= ON_TEXT.get(name, {})
    return TECHNIQUES[name](**settings)


def with_company(names: list[str], network: str) -> list[Technique]:
    """The techniques by name, and dropout beside what asks dropout for its answers."""
    dropping = {"dropout", "spatial_dropout", "drop_block", "stochastic_depth", "lora_dropout"}
    company = ["dropout"] if "mc_dropout" in names and not dropping & set(names) else []
    return [configured(name, network) for name in (*company, *names)]


def open_session(network: str, techniques: list[Technique], *, epochs: int = 2, steps: int = 2) -> Session:
    """A session over a freshly initialised network; the same seed every time."""
    kind = NETWORKS[network]
    torch.manual_seed(0)
    model = kind.build()

    def train_once(name: str, **_: Any) -> Trained:
        torch.manual_seed(1)
        other = kind.build().eval()
        return Trained(other, torch.no_grad()(other))

    return regularize(
        model,
        techniques,
        classes=CLASSES,
        epochs=epochs,
        steps_per_epoch=steps,
        example=kind.batch(0)[0][:2],
        class_counts=[10, 20, 30, 40],
        train_batches=[kind.batch(seed) for seed in range(steps)],
        validation_batches=[kind.batch(100)],
        train_once=train_once,
    )


def train_plainly(network: str, techniques: list[Technique], *, epochs: int = 2, steps: int = 2) -> Session:
    """A plain loop with the techniques to its end. Every loss and every answer must be finite."""
    session = open_session(network, techniques, epochs=epochs, steps=steps)
    optimizer = torch.optim.AdamW(session.param_groups(lr=1e-3), lr=1e-3, weight_decay=0.0)
    losses = []
    for epoch in range(epochs):
        session.model.train()
        session.epoch_start()
        for step in range(steps):
            losses.append(session.step(optimizer, *NETWORKS[network].batch(step)))
        session.epoch_end(train_loss=1.0, train_eval_loss=1.0, validation_loss=1.0 / (1 + epoch), validation_metric=0.5)
        if session.run.stop:
            break
    session.finish()
    answers = session.predict(NETWORKS[network].batch(100)[0])
    assert answers.shape == (BATCH, CLASSES)
    assert torch.stack(losses).isfinite().all()
    assert answers.isfinite().all()
    return session
