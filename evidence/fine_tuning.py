"""Pre-training against regularizing on little data, for images and text, and passes over the same text.

1. Images: the 12x12 pixels in the middle of Fashion-MNIST at 14x14. A block deals the ten classes into five to
   pre-train on (3000 images) and five to learn (200 training, 200 validation and 3000 test images); AdamW at 0.01 with
   a cosine, batches of 50, 40 epochs on the classes to learn. Pre-trained networks are tuned at 0.002 or 0.01,
   whichever is better on validation.
   - Vision transformer (2 blocks of width 24, patches of 3x3): from scratch less a small convolutional network from
     scratch; with shift, mirror and mixup over 120 epochs less plain over 40; and pre-trained for 6 epochs, then tuned
     over 40, less the former.
   - Convolutional network, pre-trained for 5 epochs on images with random contrast, brightness and noise: tuned less
     from scratch with the one of five regularizers (or none) that is best on validation.
   - The same network tuned with the head first: the head alone for 20 epochs on the features as they are, then all for
     20, less all for 40; judged on test images with the contrast, brightness and noise that pre-training saw and the
     200 images lack (other distribution), and on plain ones. And gradual unfreezing, one level every 5 epochs.
2. Text from a generator: four classes prefer words of their own; 150 meanings with three words each of which one is
   rare; 16 words a text; 100 training, 200 validation and 2000 test texts. A small convolutional classifier learns each
   text five times over, as it is or once as it is and four times with a pair of words swapped, a tenth deleted and a
   tenth replaced by others of the same meaning, over 15 epochs at 0.01; from random embeddings, or from embeddings
   that learned to tell a word from the mean of the others on 4000 further texts without labels.
3. A language model (2 blocks of width 32, characters of tinyshakespeare, 300 steps of 16x32 characters): 4 and 16
   passes over a quarter and a sixteenth of the text less one pass over all of it, at equal steps; the difference of the
   loss on held-out text in per cent of the loss.

Learning rates of 0.01 are those of 0.002, 0.005, 0.01 and (for text) 0.02 at which the plain networks from scratch do
best on validation, or nearly so, in blocks that are not used here.

Tolerance: a claim of an effect agrees if the whole 95 % interval has the claimed sign, and disagrees if it has the
other. "Next to nothing" (2) agrees if the interval lies within 1 point of 0. "Nearly as good" (3) agrees if the loss is
less than 1 % higher in the whole interval, "fall fast" if it is more than 1 % higher after 16 passes than after 4.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from common import Claim, Data, Options, Parts, Recipe, Trained, contrast, fashion_mnist, main, paired, split, train
from torch import nn
from torch.nn import functional

from advisor.data.facts import InputFacts
from advisor.models.gpt_mini import GptMiniArguments, build_gpt_mini
from advisor.models.small_cnn import SmallCnnArguments, build_small_cnn
from advisor.models.task import ModelTask
from advisor.models.text_cnn import TextCnnArguments, build_text_cnn
from advisor.models.vit_tiny import VitTinyArguments, build_vit_tiny
from advisor.techniques import build_techniques

IMAGE_SEEDS, TEXT_SEEDS, MODEL_SEEDS = 5, 8, 5
CLASSES = 5
IMAGE_TASK = ModelTask((1, 12, 12), CLASSES)
RECIPE = Recipe(epochs=40, batch_size=50, lr=0.01)
TUNING_RATES = (0.002, 0.01)
SCRATCH: dict[str, dict[str, Any]] = {
    "weight_decay": {"strength": 0.1},
    "label_smoothing": {"epsilon": 0.1},
    "mixup": {"alpha": 0.3},
    "cutout": {"size": 0.5},
    "basic_augmentation": {"shift": 1, "flip": True},
}
HEAVY = {"basic_augmentation": {"shift": 1, "flip": True}, "mixup": {"alpha": 0.8}}

Arms = dict[str, list[float]]
Make = Callable[[], nn.Module]


def convolutional() -> nn.Module:
    """Three convolutions, from 8 channels up."""
    return build_small_cnn(SmallCnnArguments(width=8), IMAGE_TASK)


def transformer() -> nn.Module:
    """Two blocks over 16 patches."""
    return build_vit_tiny(VitTinyArguments(width=24, depth=2, heads=4, patch_size=3), IMAGE_TASK)


def deal(data: Data, seed: int) -> tuple[Data, Data]:
    """The examples of five classes drawn and those of the other five; each numbered anew from 0."""
    order = torch.randperm(2 * CLASSES, generator=torch.Generator().manual_seed(seed))
    number = order.argsort()[data.targets]
    source, target = (torch.nonzero(each).flatten() for each in (number < CLASSES, number >= CLASSES))
    return Data(data.inputs[source], number[source]), Data(data.inputs[target], number[target] - CLASSES)


def distort(images: torch.Tensor) -> torch.Tensor:
    """Each image with a contrast of 0.3 to 1, a brightness of its own, and noise of 0.15."""
    contrast_of = 0.3 + 0.7 * torch.rand(len(images), 1, 1, 1)
    return contrast_of * images + (1 - contrast_of) * torch.rand(len(images), 1, 1, 1) + 0.15 * torch.randn_like(images)


def distorted(data: Data, seed: int) -> Data:
    """The examples distorted once and for all."""
    torch.manual_seed(seed)
    return Data(distort(data.inputs), data.targets)


def tuned_from(trained: Trained) -> Make:
    """Starts from these weights with a new head: the last linear layer as it is initialised."""

    def make() -> nn.Module:
        model = copy.deepcopy(trained.session.model)
        head_of(model).reset_parameters()
        return model

    return make


def head_of(model: nn.Module) -> nn.Linear:
    """The last linear layer."""
    return [module for module in model.modules() if isinstance(module, nn.Linear)][-1]


def head_first(make: Make, parts: Parts, recipe: Recipe, seed: int) -> Trained:
    """Half of the epochs for the head on the features as they are, then half for all."""
    halved = replace(recipe, epochs=max(1, recipe.epochs // 2))
    torch.manual_seed(seed)
    model = make().eval()
    body = nn.Sequential(*list(model.children())[:-1])
    with torch.no_grad():
        named = (parts.train, parts.validation, parts.test)
        features = Parts(*(Data(body(data.inputs), data.targets) for data in named))
    head = train(lambda: copy.deepcopy(head_of(model)), features, halved, seed).session.model
    head_of(model).load_state_dict(head.state_dict())
    return train(lambda: model, parts, halved, seed)


def measure_images(source: Parts, parts: Parts, seed: int, options: Options) -> dict[str, float]:
    """Test accuracy of every arm of one seed."""
    recipe = replace(RECIPE, epochs=options.epochs(RECIPE.epochs))

    def run(make: Make, techniques: dict[str, dict[str, Any]] | None = None, *, longer: int = 1) -> Trained:
        chosen = replace(recipe, epochs=options.epochs(longer * RECIPE.epochs))
        return train(make, parts, replace(chosen, techniques=build_techniques(techniques or {})), seed)

    def best_of(candidates: list[Trained]) -> Trained:
        return max(candidates, key=lambda trained: trained.accuracy(parts.validation))

    def tuned(make: Make, techniques: dict[str, dict[str, Any]] | None = None) -> Trained:
        chosen = replace(recipe, techniques=build_techniques(techniques or {}))
        return best_of([train(make, parts, replace(chosen, lr=rate), seed) for rate in TUNING_RATES])

    def pretrained(make: Make, epochs: int, change: Callable[[torch.Tensor], torch.Tensor] | None = None) -> Make:
        return tuned_from(train(make, source, replace(RECIPE, epochs=options.epochs(epochs), change=change), seed))

    scratch = [run(convolutional), *(run(convolutional, {name: given}) for name, given in SCRATCH.items())]
    start = pretrained(convolutional, 5, distort)
    together, unfreezing = tuned(start), tuned(start, {"gradual_unfreezing": {"epochs_per_block": 5}})
    first = best_of([head_first(start, parts, replace(recipe, lr=rate), seed) for rate in TUNING_RATES])
    other = distorted(parts.test, seed)
    return {
        "transformer": run(transformer).accuracy(parts.test),
        "transformer, heavy": run(transformer, HEAVY, longer=3).accuracy(parts.test),
        "transformer, pre-trained": tuned(pretrained(transformer, 6)).accuracy(parts.test),
        "convolutions": scratch[0].accuracy(parts.test),
        "convolutions, regularized": best_of(scratch).accuracy(parts.test),
        "all at once": together.accuracy(parts.test),
        "head first": first.accuracy(parts.test),
        "all at once, other distribution": together.accuracy(other),
        "head first, other distribution": first.accuracy(other),
        "unfreezing, other distribution": unfreezing.accuracy(other),
    }


MEANINGS, WORDS, LENGTH, TOPICS = 150, 3, 16, 4
VOCABULARY = MEANINGS * WORDS + 1  # the last id stands for a word that was deleted
SHARES = torch.tensor([0.6, 0.3, 0.1])


class Language:
    """Draws texts: three words in ten come from the class, the others from what all classes share."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.shared = torch.randn(MEANINGS, generator=self.generator).exp()
        self.own = (1.5 * torch.randn(TOPICS, MEANINGS, generator=self.generator)).exp()

    def texts(self, count: int) -> Data:
        """As many of each class."""
        labels = torch.arange(count) % TOPICS
        own = torch.multinomial(self.own[labels], LENGTH, replacement=True, generator=self.generator)
        shared = torch.multinomial(self.shared, count * LENGTH, replacement=True, generator=self.generator)
        from_class = torch.rand(count, LENGTH, generator=self.generator) < 0.3
        meanings = own.where(from_class, shared.view(count, LENGTH))
        return Data(self.words(meanings), labels)

    def words(self, meanings: torch.Tensor) -> torch.Tensor:
        """A word for each meaning; the third of a meaning's words is rare."""
        drawn = torch.multinomial(SHARES, meanings.numel(), replacement=True, generator=self.generator)
        return meanings * WORDS + drawn.view(meanings.shape)

    def changed(self, texts: torch.Tensor) -> torch.Tensor:
        """A tenth of the words replaced by others of the same meaning, a pair swapped, a tenth deleted."""
        texts = texts.clone()
        replaced, deleted = torch.rand(2, *texts.shape, generator=self.generator) < 0.1
        texts = self.words(texts // WORDS).where(replaced, texts)
        rows, (here, there) = torch.arange(len(texts)), torch.randint(LENGTH, (2, len(texts)), generator=self.generator)
        texts[rows, here], texts[rows, there] = texts[rows, there], texts[rows, here]
        return texts.masked_fill(deleted, VOCABULARY - 1)


def classifier() -> nn.Module:
    """Convolutions over one to three words."""
    facts = InputFacts("text", vocabulary=VOCABULARY)
    task = ModelTask((LENGTH,), TOPICS, facts=facts)
    return build_text_cnn(TextCnnArguments(embedding=32, width=32, kernels=(1, 2, 3)), task)


def learned_embeddings(texts: torch.Tensor, epochs: int, seed: int) -> torch.Tensor:
    """Embeddings from telling each word by the mean of the other words of its text (Mikolov et al. 2013)."""
    torch.manual_seed(seed)
    embedding, output = nn.Embedding(VOCABULARY, 32), nn.Linear(32, VOCABULARY)
    optimizer = torch.optim.Adam([*embedding.parameters(), *output.parameters()], lr=0.01)
    for _ in range(epochs):
        for batch in texts[torch.randperm(len(texts))].split(100):
            vectors = embedding(batch)
            others = (vectors.sum(1, keepdim=True) - vectors) / (LENGTH - 1)
            loss = functional.cross_entropy(output(others).flatten(0, 1), batch.flatten())
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return embedding.weight.detach()


def measure_texts(seed: int, options: Options) -> dict[str, float]:
    """Test accuracy of the four arms of one seed."""
    language = Language(seed)
    few = language.texts(100)
    validation, test = language.texts(200), language.texts(2000)
    unlabelled = language.texts(400 if options.quick else 4000).inputs
    vectors = learned_embeddings(unlabelled, options.epochs(3), seed)
    deviation = float(vectors.std())

    def pretrained() -> nn.Module:
        model = classifier()
        with torch.no_grad():
            model.embedding.weight.copy_(vectors / deviation)  # as wide as embeddings are initialised
        return model

    same = few.inputs.repeat(5, 1)
    changed = torch.cat([few.inputs, language.changed(few.inputs.repeat(4, 1))])
    recipe = Recipe(epochs=options.epochs(15), batch_size=50, lr=0.01)
    values = {}
    for start, make in (("scratch", classifier), ("pre-trained", pretrained)):
        for kind, inputs in (("as they are", same), ("changed", changed)):
            parts = Parts(Data(inputs, few.targets.repeat(5)), validation, test)
            values[f"{start}, {kind}"] = train(make, parts, recipe, seed).accuracy(test)
    return values


@dataclass(frozen=True)
class Characters:
    """A text as the numbers of its characters, its last tenth held out."""

    ids: torch.Tensor
    kinds: int

    @staticmethod
    def read(options: Options) -> Characters:
        """Tinyshakespeare."""
        text = (options.data / "text" / "tinyshakespeare.txt").read_text(encoding="utf-8")
        number = {character: place for place, character in enumerate(sorted(set(text)))}
        return Characters(torch.tensor([number[character] for character in text]), len(number))

    def loss_after(self, passes: int, seed: int, *, steps: int, held_out: int = 32_000) -> float:
        """Held-out loss in nats for each character after so many passes, of the same steps in all."""
        batch, length = 16, 32
        end = len(self.ids) * 9 // 10
        size = steps * batch * length // passes
        first = int(torch.randint(end - size - 1, (), generator=torch.Generator().manual_seed(seed)))
        windows = self._windows(first, size, length)
        torch.manual_seed(seed)
        model = build_gpt_mini(
            GptMiniArguments(width=32, depth=2, heads=4), ModelTask((length,), self.kinds, kind="token")
        )
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        order = torch.cat([torch.randperm(len(windows)) for _ in range(passes)])
        for rows in order.split(batch)[:steps]:
            optimizer.zero_grad()
            _loss(model, windows[rows]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            return float(_loss(model.eval(), self._windows(end, held_out, length)))

    def _windows(self, first: int, size: int, length: int) -> torch.Tensor:
        """(N, length + 1): pieces side by side, each with the character that follows."""
        return self.ids[first : first + size // length * length + 1].unfold(0, length + 1, length)


def _loss(model: nn.Module, windows: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(model(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten())


def gather(seeds: Sequence[int], block: Callable[[int], dict[str, float]]) -> Arms:
    """Each arm's values, seed by seed."""
    blocks = [block(seed) for seed in seeds]
    return {name: [values[name] for values in blocks] for name in blocks[0]}


def measure(options: Options) -> list[Claim]:
    """All claims."""
    return [*image_claims(options), *text_claims(options), *model_claims(options)]


def image_claims(options: Options) -> list[Claim]:
    """The claims on images."""
    found = fashion_mnist(options.data, side=14)
    data = Data(found.inputs[:, :, 1:13, 1:13].contiguous(), found.targets)
    seeds = options.seeds(IMAGE_SEEDS)

    def block(seed: int) -> dict[str, float]:
        source, target = deal(data, seed)
        before = split(source, seed, train=200 if options.quick else 3000, validation=200, test=200)
        parts = split(target, seed, train=200, validation=200, test=300 if options.quick else 3000)
        return measure_images(before, parts, seed, options)

    arms = gather(seeds, block)

    def compare(rule: str, statement: str, treated: str, control: str, *subjects: str, **limits: float) -> Claim:
        return Claim(
            statement=statement, subjects=subjects, rule_ids=(rule,), metric="accuracy difference in points",
            seeds=seeds, **(limits or {"above": 0.0}), **paired(arms, treated, control),
        )  # fmt: skip

    little = "On 200 images"
    return [
        compare(
            "vit-small-data", f"{little} from scratch a vision transformer is worse than a convolutional network",
            "transformer", "convolutions", below=0.0,
        ),
        compare(
            "vit-small-data",
            f"{little} from scratch a vision transformer is better with heavy augmentation and three times the epochs",
            "transformer, heavy", "transformer", "basic_augmentation", "mixup",
        ),
        compare(
            "vit-small-data",
            f"{little} tuning a vision transformer that was pre-trained on 3000 images of other classes is better than "
            "heavy augmentation and three times the epochs from scratch",
            "transformer, pre-trained", "transformer, heavy", "basic_augmentation", "mixup",
        ),
        compare(
            "fine-tuning-pretrain-before-regularizing",
            f"{little} tuning a convolutional network that was pre-trained on 3000 images of other classes is better "
            "than the best of five regularizers from scratch",
            "all at once", "convolutions, regularized", *SCRATCH,
        ),
        compare(
            "fine-tuning-head-first",
            "Training the head first, then all, is better than all at once on images of another distribution",
            "head first, other distribution", "all at once, other distribution",
        ),
        Claim(
            statement="Training the head first, then all, gains more on images of another distribution than on plain "
            "ones",
            subjects=(),
            rule_ids=("fine-tuning-head-first",),
            metric="difference of gains in points",
            seeds=seeds,
            above=0.0,
            **contrast(
                arms, "head first, other distribution", "all at once, other distribution", "head first", "all at once"
            ),
        ),
        compare(
            "fine-tuning-head-first",
            "Gradual unfreezing is better than all at once on images of another distribution",
            "unfreezing, other distribution", "all at once, other distribution", "gradual_unfreezing",
        ),
    ]  # fmt: skip


def text_claims(options: Options) -> list[Claim]:
    """The claims on texts of the generator."""
    seeds = options.seeds(TEXT_SEEDS)
    arms = gather(seeds, lambda seed: measure_texts(seed, options))

    def compare(statement: str, treated: str, control: str, above: float = 0.0, below: float = math.inf) -> Claim:
        return Claim(
            statement=statement, subjects=(), rule_ids=("text-augmentation",), metric="accuracy difference in points",
            seeds=seeds, above=above, below=below, **paired(arms, treated, control),
        )  # fmt: skip

    return [
        compare(
            "Swapping, deleting and replacing words helps a small classifier on 100 generated texts (Wei & Zou)",
            "scratch, changed", "scratch, as they are",
        ),
        compare(
            "Swapping, deleting and replacing words gains next to nothing once embeddings are pre-trained "
            "(Longpre et al.)",
            "pre-trained, changed", "pre-trained, as they are", above=-1.0, below=1.0,
        ),
        compare(
            "Embeddings pre-trained on unlabelled texts of the same kind help more than changing words",
            "pre-trained, as they are", "scratch, changed",
        ),
    ]  # fmt: skip


def model_claims(options: Options) -> list[Claim]:
    """The claims on repeated text."""
    text = Characters.read(options)
    seeds = options.seeds(MODEL_SEEDS)
    length = {"steps": 16, "held_out": 3200} if options.quick else {"steps": 300}

    def block(seed: int) -> dict[str, float]:
        return {str(passes): text.loss_after(passes, seed, **length) for passes in (1, 4, 16)}

    losses = gather(seeds, block)
    once = losses["1"]
    relative = {
        f"{name} passes": [100 * loss / base for loss, base in zip(values, once, strict=True)]
        for name, values in losses.items()
    }

    def compare(statement: str, treated: str, control: str, above: float = -math.inf, below: float = math.inf) -> Claim:
        return Claim(
            statement=statement, subjects=(), rule_ids=("language-models-repeated-data",),
            metric="held-out loss in per cent of that after one pass", seeds=seeds, above=above, below=below,
            **paired(relative, treated, control),
        )  # fmt: skip

    return [
        compare(
            "At equal steps a small language model is nearly as good after 4 passes over a quarter of the text as "
            "after one pass over all of it",
            "4 passes", "1 passes", below=1.0,
        ),
        compare(
            "At equal steps a small language model is clearly worse after 16 passes than after 4",
            "16 passes", "4 passes", above=1.0,
        ),
    ]  # fmt: skip


if __name__ == "__main__":
    main(__file__, __doc__, measure)
