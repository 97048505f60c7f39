"""The test examples under every corruption that fits them, the same for all arms and blocks on one split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from advisor.data.dataset import Dataset
from advisor.data.preparation import Preparation, Standardized
from advisor.data.splits import split
from advisor.data.table_encoder import TableColumns
from advisor.data.text import Vocabulary
from advisor.techniques.core.image_batch import from_unit, to_unit
from advisor.techniques.core.streams import derive_seed
from advisor.training.loop import Part
from advisor.training.plan import RunPlan
from advisor.training.robustness.forms import forms_of
from advisor.training.robustness.registry import SEVERITIES, Corruption, corruptions_of
from advisor.training.robustness.table_faults import Columns
from advisor.training.robustness.typos import MISSPELLED

if TYPE_CHECKING:
    import torch

MOST_EXAMPLES = 1000  # of the test split
KEPT_BYTES = 2**27  # of corrupted inputs that are kept for the next run; more are made anew
NUMBERS_AT_ONCE = 2**24  # of images that are damaged together
Version = tuple[str, Part]  # a label, such as "shot_noise/3"


class CorruptedTest:
    """At most `MOST_EXAMPLES` of a data set's test examples, damaged; drawn and seeded by the split's seed alone."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.corruptions = corruptions_of(forms_of(dataset))
        self._kept: tuple[int, list[Version]] | None = None

    def clean(self, plan: RunPlan, test: Part) -> Part:
        """The examples that are damaged, as they are, in the order of the split."""
        index = self._chosen(plan, test).to(test.inputs.device)
        groups = None if test.groups is None else test.groups.index_select(0, index)
        inputs, targets = test.inputs.index_select(0, index), test.targets.index_select(0, index)
        return replace(test, inputs=inputs, targets=targets, groups=groups)

    def versions(self, plan: RunPlan, test: Part, input_range: tuple[float, float]) -> Iterator[Version]:
        """The examples of `clean` under each corruption in each severity.

        test: the whole split as the model gets it. input_range: the values between which pixels lie.
        """
        if self._kept is not None and self._kept[0] == plan.split_seed:
            return iter(self._kept[1])
        self._kept = None
        clean = self.clean(plan, test)
        made = self._encoded(plan, test, clean) if self._is_encoded else self._images(plan, clean, input_range)
        size = clean.inputs.numel() * clean.inputs.element_size() * len(self.corruptions) * len(SEVERITIES)
        if size > KEPT_BYTES:
            return made
        self._kept = (plan.split_seed, list(made))
        return iter(self._kept[1])

    @property
    def _is_encoded(self) -> bool:
        return isinstance(self.dataset.preparation, (Standardized, TableColumns, Vocabulary))

    def _chosen(self, plan: RunPlan, test: Part) -> torch.Tensor:
        """(n,) places in the test split, which the source may have sorted."""
        import torch

        generator = torch.Generator().manual_seed(derive_seed(plan.split_seed, "corrupted examples", 0))
        return torch.randperm(len(test), generator=generator)[:MOST_EXAMPLES].sort().values

    def _images(self, plan: RunPlan, clean: Part, input_range: tuple[float, float]) -> Iterator[Version]:
        """Made one after another, as they are asked for."""
        import torch

        images = to_unit(clean.inputs.contiguous(), input_range)
        rows = max(1, NUMBERS_AT_ONCE // images[0].numel())
        for label, corruption, severity in _each(self.corruptions):
            generator = _generator(plan, corruption, severity, images.device)
            damaged = torch.cat(
                [corruption.damage(some, corruption.setting(severity), generator) for some in torch.split(images, rows)]
            )
            inputs = from_unit(damaged, input_range).to(memory_format=torch.channels_last)
            yield label, replace(clean, inputs=inputs)

    def _encoded(self, plan: RunPlan, test: Part, clean: Part) -> Iterator[Version]:
        """Damaged as the source has them, and encoded by what the training split alone has fitted."""
        import torch

        dataset = self.dataset
        dtype = torch.int64 if isinstance(dataset.preparation, Vocabulary) else torch.float64
        splits = split(dataset, plan.design, plan.split_seed, plan.data.train_size)
        train = torch.from_numpy(splits.train)
        chosen = torch.from_numpy(splits.test)[self._chosen(plan, test)]
        known, raw = dataset.inputs[train].to(dtype), dataset.inputs[chosen].to(dtype)
        told = {} if dtype == torch.int64 else {"columns": _columns(dataset, known)}
        labels, damaged = [], []
        for label, corruption, severity in _each(self.corruptions):
            generator = _generator(plan, corruption, severity, raw.device)
            labels.append(label)
            damaged.append(corruption.damage(raw, corruption.setting(severity), generator, **told))
        preparation, values = _readable(dataset.preparation, known, torch.cat(damaged))
        targets = torch.cat([dataset.targets[train], *[dataset.targets[chosen]] * len(labels)])
        prepared = preparation.fit(
            torch.cat([known, values]), targets, dataset.kind, dataset.outputs, np.arange(len(known), dtype=np.int64)
        )
        for number, label in enumerate(labels):
            start = len(known) + number * len(raw)
            inputs, _ = prepared.part(np.arange(start, start + len(raw), dtype=np.int64), clean.inputs.dtype)
            yield label, replace(clean, inputs=inputs.to(clean.inputs.device))


def _each(corruptions: tuple[Corruption, ...]) -> Iterator[tuple[str, Corruption, int]]:
    for corruption in corruptions:
        for severity in SEVERITIES:
            yield f"{corruption.name}/{severity}", corruption, severity


def _generator(plan: RunPlan, corruption: Corruption, severity: int, device: torch.device) -> torch.Generator:
    import torch

    seed = derive_seed(plan.split_seed, f"corruption {corruption.name}", severity)
    return torch.Generator(device).manual_seed(seed)


def _columns(dataset: Dataset, known: torch.Tensor) -> Columns:
    """What the columns are. known: (N, F) the training rows."""
    import torch

    words = dataset.preparation.levels if isinstance(dataset.preparation, TableColumns) else ((),) * known.shape[1]
    levels = torch.tensor([len(own) for own in words], dtype=torch.int64)
    there = ~known.isnan()
    count = there.sum(0).clamp(min=1)
    mean = known.nan_to_num().sum(0) / count
    spread = ((known - mean).nan_to_num().square().sum(0) / count).sqrt()
    return Columns(levels, spread.where(levels == 0, 0.0))


def _readable(preparation: Preparation, known: torch.Tensor, values: torch.Tensor) -> tuple[Preparation, torch.Tensor]:
    """The preparation and the values (M, ...) in a form that it takes. known: the raw training examples.

    A misspelled word becomes one more that training never has. Where a table has no way to tell what is missing, it
    is the median of the training split, which is also what an encoder puts in where training lacks nothing.
    """
    if isinstance(preparation, Vocabulary):
        if not preparation.words:
            return preparation, values
        more = replace(preparation, words=(*preparation.words, ""))
        return more, values.masked_fill(values == MISSPELLED, len(preparation.words))
    if isinstance(preparation, Standardized):
        return preparation, values.where(~values.isnan(), known.nanquantile(0.5, 0))
    return preparation, values
