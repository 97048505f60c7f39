"""Codes of categories in the last columns of a table: kept whole by whatever changes the inputs."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from advisor.data.facts import InputFacts
from advisor.errors import AdvisorError
from advisor.models.build import build_named
from advisor.models.task import ModelTask
from advisor.techniques import TECHNIQUES, regularize
from advisor.techniques.core import Targets, Technique
from advisor.techniques.core.codes import join_codes, split_codes
from advisor.techniques.cutmix import CutMix
from advisor.techniques.input_noise import InputNoise
from advisor.techniques.mixup import Mixup, mix
from tests.techniques.runs import make_run

LEVELS = (40, 7)


def make_rows(count: int = 24, seed: int = 0) -> torch.Tensor:
    """(count, 5): three numbers, then two codes."""
    generator = torch.Generator().manual_seed(seed)
    codes = [torch.randint(0, levels, (count, 1), generator=generator).float() for levels in LEVELS]
    return torch.cat([torch.randn(count, 3, generator=generator), *codes], 1)


def make_targets(count: int = 24) -> Targets:
    return Targets.of_labels(torch.arange(count) % 3, 3, torch.float32)


def change(technique: Technique, rows: torch.Tensor, **facts: Any) -> tuple[torch.Tensor, Targets]:
    run = make_run(nn.Linear(5, 3), outputs=3, input_shape=(5,), **facts)
    return technique.batch(run, rows, make_targets(len(rows)))


@settings(max_examples=60, deadline=None)
@given(lam=st.floats(0, 1), seed=st.integers(0, 1000))
def test_mixed_numbers_lie_between_and_codes_are_those_of_the_larger_share(lam, seed):
    rows = make_rows(12, seed)
    partners = torch.randperm(12, generator=torch.Generator().manual_seed(seed))
    mixed, targets = mix(rows, make_targets(12), partners, lam, category_columns=2)
    larger = rows if lam >= 0.5 else rows[partners]
    assert torch.equal(mixed[:, 3:], larger[:, 3:])
    assert torch.equal(mixed[:, :3], lam * rows[:, :3] + (1 - lam) * rows[partners, :3])
    own = make_targets(12).values
    assert torch.equal(targets.values, lam * own + (1 - lam) * own[partners])


@pytest.mark.parametrize("technique", [Mixup(alpha=8.0), InputNoise(sigma=1.0), InputNoise(sigma=1.0, unit="range")])
def test_codes_come_out_as_the_rows_of_the_batch_had_them_and_numbers_do_not(technique):
    rows = make_rows()
    changed, _ = change(technique, rows, category_columns=2)
    had = {tuple(row) for row in rows[:, 3:].tolist()}
    assert {tuple(row) for row in changed[:, 3:].tolist()} <= had
    assert not torch.equal(changed[:, :3], rows[:, :3])
    plain, _ = change(technique, rows)
    assert not torch.equal(plain[:, 3:], plain[:, 3:].round())


def test_noise_leaves_every_code_in_its_place_and_takes_a_table_of_codes_alone():
    rows = make_rows()
    changed, _ = change(InputNoise(sigma=1.0), rows, category_columns=2)
    assert torch.equal(changed[:, 3:], rows[:, 3:])
    whole, _ = change(InputNoise(sigma=1.0), rows, category_columns=5)
    assert torch.equal(whole, rows)


def test_an_example_that_is_stacked_for_two_passes_gets_one_partners_codes_in_both():
    rows = make_rows(8)
    partners = torch.randperm(8)
    mixed, _ = mix(torch.cat([rows, rows]), make_targets(16), torch.cat([partners, partners + 8]), 0.2, 2)
    assert torch.equal(mixed[:8], mixed[8:])


def test_only_rows_have_columns_of_codes():
    images = torch.rand(4, 3, 8, 8)
    numbers, codes = split_codes(images, 2)
    assert numbers is images
    assert codes is None
    assert join_codes(numbers, codes) is images
    rows = make_rows()
    assert torch.equal(join_codes(*split_codes(rows, 2)), rows)


@pytest.mark.parametrize("technique", [Mixup(alpha=8.0), Mixup(alpha=8.0, where="hidden"), InputNoise(sigma=1.0)])
def test_a_model_of_tables_looks_up_whole_codes_of_its_batch_only(technique):
    rows = make_rows()
    facts = InputFacts("table", categories=LEVELS, columns=tuple("abcde"))
    torch.manual_seed(0)
    model = build_named("table_mlp", {"width": 16}, ModelTask((5,), 3, "class", facts))
    session = regularize(
        model, [technique], classes=3, epochs=1, steps_per_epoch=6, example=rows[:2], category_columns=2
    )
    seen: list[torch.Tensor] = []
    handle = model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0][:, 3:].clone()))
    optimizer = torch.optim.SGD(session.param_groups(), lr=0.01)
    model.train()
    session.epoch_start()
    for _ in range(6):
        session.step(optimizer, rows, torch.arange(24) % 3)
    handle.remove()
    assert len(seen) == 6
    had = {tuple(row) for row in rows[:, 3:].tolist()}
    assert all(tuple(row) in had for codes in seen for row in codes.tolist())


def test_cutmix_takes_no_tables_at_all():
    assert "needs images" in (CutMix().refuse("class", (5,)) or "")


@pytest.mark.parametrize("name", list(TECHNIQUES))
def test_every_technique_either_refuses_rows_or_hands_on_whole_codes(name):
    technique = TECHNIQUES[name]()
    if technique.refuse("class", (5,)) is not None or type(technique).batch is Technique.batch:
        return
    rows = make_rows()
    changed, _ = change(technique, rows, category_columns=2, class_counts=(8, 8, 8))
    had = {tuple(row) for row in rows[:, 3:].tolist()}
    assert {tuple(row) for row in changed[:, 3:].tolist()} <= had


@pytest.mark.parametrize("columns", [-1, 6])
def test_more_codes_than_columns_are_refused(columns):
    with pytest.raises(AdvisorError, match=f"category_columns {columns} does not fit rows of"):
        regularize(
            nn.Linear(5, 3), [], classes=3, epochs=1, steps_per_epoch=1, example=make_rows()[:2],
            category_columns=columns,
        )  # fmt: skip
