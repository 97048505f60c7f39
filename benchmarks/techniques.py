"""What each technique costs a training step, side by side with the baseline's step in one run.

    python benchmarks/techniques.py [--rounds 15] [--only mixup cutmix] [--threads 2] [--clock wall]

ResNet-18 at 32 pixels, batch 128, SGD; `--clock cpu` counts processor time, which other work on the machine disturbs
less. Steps of baseline and technique alternate; printed is the median over rounds of
their ratio with its quartiles, beside the `step_cost` that the technique's card states; LoRA, which a ResNet has no
place for, is measured on a small ViT. The second part compares
augmentation of whole batches with the same on single images through PIL.
"""

import argparse
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch

from advisor.techniques import TECHNIQUES, Session, Trained, regularize
from advisor.techniques.core import Technique

Build = Callable[[], torch.nn.Module]
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
clock = CLOCKS["wall"]
BATCH, PIXELS, CLASSES = 128, 32, 10
TOLERANCE = 0.2
# Networks that a technique trains besides are no part of a step; each teacher costs its forward pass.
SETTINGS: dict[str, dict[str, Any]] = {
    "seed_ensemble": {"members": 2},
}
# What must be in both arms, and the one technique that has no place in a ResNet.
COMPANY = {"mc_dropout": ("dropout",)}
ON_A_VIT = ("lora_dropout",)


def main() -> None:
    parser = argparse.ArgumentParser(description="Cost of each technique's step.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", nargs="*", default=list(TECHNIQUES))
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    arguments = parser.parse_args()
    global clock
    clock = CLOCKS[arguments.clock]
    torch.set_num_threads(arguments.threads)
    warnings.simplefilter("ignore")
    print(
        f"{platform.machine()}, {os.cpu_count()} processors, {arguments.threads} threads, Python "
        f"{platform.python_version()}, torch {torch.__version__}, {arguments.clock} time, n = {arguments.rounds} rounds"
    )
    print(f"{'technique':22} {'ratio':>6}  {'quartiles':13} {'card':>5}")
    off = []
    for name in arguments.only:
        ratios = step_ratios(TECHNIQUES[name](**SETTINGS.get(name, {})), arguments.rounds)
        low, median, high = statistics.quantiles(ratios, n=4)
        stated = TECHNIQUES[name].card.step_cost
        fits = abs(stated / median - 1) <= TOLERANCE
        off += [] if fits else [name]
        print(f"{name:22} {median:6.2f}  {low:.2f} to {high:.2f}  {stated:5.2f}{'' if fits else '  OFF'}", flush=True)
    print(f"cards off by more than {TOLERANCE:.0%}: {', '.join(off) or 'none'}")
    for name, ours, theirs in augmentations():
        if name in arguments.only:
            compare_with_pil(name, ours, theirs, arguments.rounds)


def step_ratios(technique: Technique, rounds: int) -> list[float]:
    """Time of the technique's step over the baseline's, pair by pair."""
    images, labels = torch.rand(BATCH, 3, PIXELS, PIXELS), torch.randint(CLASSES, (BATCH,))
    company = [TECHNIQUES[name]() for name in COMPANY.get(technique.name, ())]
    build = small_vit if technique.name in ON_A_VIT else small_resnet
    baseline = stepper(company, images, labels, build)
    arm = stepper([*company, technique], images, labels, build)
    for _ in range(2):
        baseline(), arm()
    pairs = [(timed(baseline), timed(arm)) for _ in range(rounds)]
    return [theirs / own for own, theirs in pairs]


def small_resnet() -> torch.nn.Module:
    from torchvision.models import resnet18

    return resnet18(num_classes=CLASSES)


def small_vit() -> torch.nn.Module:
    from torchvision.models import VisionTransformer

    return VisionTransformer(
        image_size=PIXELS, patch_size=4, num_layers=6, num_heads=3, hidden_dim=192, mlp_dim=768, num_classes=CLASSES
    )


def stepper(
    techniques: list[Technique], images: torch.Tensor, labels: torch.Tensor, build: Build
) -> Callable[[], object]:
    """A function that trains one step."""
    session = open_session(techniques, images, labels, build)
    optimizer = torch.optim.SGD(session.param_groups(lr=0.01), lr=0.01, momentum=0.9)
    session.model.train()
    session.epoch_start()
    session.run.step = 1
    return lambda: session.step(optimizer, images, labels)


def open_session(
    techniques: list[Technique], images: torch.Tensor, labels: torch.Tensor, build: Build = small_resnet
) -> Session:
    torch.manual_seed(0)

    def train_once(name: str, **_: Any) -> Trained:
        other = build().eval()
        return Trained(other, torch.no_grad()(other))

    return regularize(
        build(),
        techniques,
        classes=CLASSES,
        epochs=100,
        steps_per_epoch=10,
        example=images[:2],
        class_counts=[100 + 10 * k for k in range(CLASSES)],
        train_batches=[(images, labels)],
        validation_batches=[(images, labels)],
        train_once=train_once,
    )


def timed(call: Callable[[], object]) -> float:
    began = clock()
    call()
    return clock() - began


def augmentations() -> list[tuple[str, Technique, Any]]:
    """Techniques with the same changes as torchvision makes them on a PIL image."""
    from torchvision.transforms import v2

    pairs: list[tuple[str, Any]] = [
        ("basic_augmentation", v2.Compose([v2.RandomCrop(PIXELS, padding=4), v2.RandomHorizontalFlip()])),
        ("randaugment", v2.RandAugment(num_ops=2, magnitude=9)),
        ("trivialaugment", v2.TrivialAugmentWide()),
        ("augmix", v2.AugMix()),
    ]
    settings = {"basic_augmentation": {"shift": 4, "flip": True}}
    return [(name, TECHNIQUES[name](**settings.get(name, {})), theirs) for name, theirs in pairs if name in TECHNIQUES]


def compare_with_pil(name: str, technique: Technique, theirs: Any, rounds: int) -> None:
    from torchvision.transforms.v2.functional import to_pil_image

    images, labels = torch.rand(BATCH, 3, PIXELS, PIXELS), torch.randint(CLASSES, (BATCH,))
    pictures = [to_pil_image(image) for image in images]
    session = open_session([technique], images, labels)

    def ours() -> None:
        session.run.step += 1
        session.batch(images, labels)

    def one_by_one() -> None:
        for picture in pictures:
            theirs(picture)

    ours(), one_by_one()
    ratios = [timed(one_by_one) / timed(ours) for _ in range(rounds)]
    low, median, high = statistics.quantiles(ratios, n=4)
    print(f"{name:22} on a batch {median:.1f} times as fast as on PIL images ({low:.1f} to {high:.1f}; bar: 3)")


if __name__ == "__main__":
    main()
