"""Where memory runs out: one more try in smaller batches, a note, then a clear error."""

import errno
import pathlib
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import AdvisorError
from advisor.experiments.evidence import RunResult
from advisor.experiments.spec import Training
from advisor.training.engine import train
from advisor.training.memory import halved, is_out_of_memory, note, with_halving
from advisor.training.plan import RunPlan
from tests.training.run_plans import make_plan

# A network that fits into memory up to `most` examples in training.
NET = """
import torch
from torch import nn

class Net(nn.Linear):
    def __init__(self, most): super().__init__(64, 10); self.most = most
    def forward(self, x):
        if self.training and len(x) > self.most: raise MemoryError("no room")
        return super().forward(x.flatten(1))
"""


def make_result(plan: RunPlan) -> RunResult:
    return RunResult(
        run_id=plan.run_id, arm=plan.arm, block=plan.block, seed=plan.block_seed, test={}, validation={}, train={},
        kept_epoch=0, epochs_run=1, outcome_digest="", rows=(), notes=("from the model",),
    )  # fmt: skip


class Trainer:
    """Runs out of memory in batches larger than `most`, and keeps the plans that it got."""

    def __init__(self, most: int, error: Exception | None = None) -> None:
        self.most, self.error, self.plans = most, error or MemoryError("no room"), list[RunPlan]()

    def __call__(self, plan: RunPlan) -> RunResult:
        self.plans.append(plan)
        if plan.training.batch_size > self.most:
            raise self.error
        return make_result(plan)


def test_a_training_that_fits_is_trained_once_and_has_no_note():
    trainer, plan = Trainer(most=16), make_plan(batch_size=16)
    assert with_halving(plan, trainer) == make_result(plan)
    assert trainer.plans == [plan]


def test_one_that_does_not_fit_starts_again_with_half_the_batch_and_says_so():
    trainer, plan = Trainer(most=8), make_plan(batch_size=16, accumulate=3)
    result = with_halving(plan, trainer)
    first, second = trainer.plans
    assert first == plan
    assert (second.training.batch_size, second.training.accumulate) == (8, 6)
    same = {"batch_size": 16, "accumulate": 3}
    assert second.model_copy(update={"training": second.training.model_copy(update=same)}) == plan
    assert result.notes[0] == "from the model"
    assert result.notes[1].startswith("memory ran out at batch_size 16: trained in batches of 8 with accumulate 6")
    assert (result.run_id, len(result.notes)) == (plan.run_id, 2)


def test_one_that_still_does_not_fit_is_an_error_with_both_sizes_and_what_to_do():
    trainer = Trainer(most=4)
    with pytest.raises(
        AdvisorError, match=r"with batch_size 16 on cpu, and again in batches of 8: no room\. Use a"
    ) as it:
        with_halving(make_plan(batch_size=16), trainer)
    assert it.value.exit_status == 1
    assert len(trainer.plans) == 2


def test_other_errors_pass_through_at_once_also_in_the_second_try():
    trainer = Trainer(most=8, error=RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="mat1"):
        with_halving(make_plan(batch_size=16), trainer)
    assert len(trainer.plans) == 1

    def twice(plan: RunPlan) -> RunResult:
        raise MemoryError if plan.training.batch_size == 16 else ValueError("something else")

    with pytest.raises(ValueError, match="something else"):
        with_halving(make_plan(batch_size=16), twice)


@pytest.mark.parametrize("size", [1, 2, 3, 13])
def test_a_batch_that_cannot_be_cut_evenly_gives_the_first_error_itself(size):
    trainer = Trainer(most=0)
    with pytest.raises(MemoryError, match="no room"):
        with_halving(make_plan(batch_size=size), trainer)
    assert len(trainer.plans) == 1


@given(st.integers(1, 5000), st.integers(1, 40))
def test_a_step_sees_as_many_examples_as_before_in_at_least_twice_as_many_parts(size, accumulate):
    training = Training(batch_size=size, accumulate=accumulate)
    smaller = halved(training)
    if smaller is None:
        assert size < 4 or all(size % part for part in range(2, size // 2 + 1))
        return
    assert smaller.batch_size * smaller.accumulate == size * accumulate
    assert 2 <= smaller.batch_size <= size / 2
    assert size % 2 or smaller.batch_size == size // 2
    assert smaller.model_copy(update={"batch_size": size, "accumulate": accumulate}) == training
    assert f"batches of {smaller.batch_size}" in note(training, smaller)


def test_no_more_parts_are_made_than_a_spec_may_ask_for():
    assert halved(Training(batch_size=64, accumulate=6000)) is None


def wrapped(error: Exception) -> AdvisorError:
    try:
        raise AdvisorError("training the model 'mine:Net' failed", exit_status=1) from error
    except AdvisorError as raised:
        return raised


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you "),
        RuntimeError("[enforce fail] data. DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        wrapped(MemoryError()),
        wrapped(wrapped(RuntimeError("DefaultCPUAllocator: can't allocate memory"))),
    ],
)
def test_a_lack_of_memory_is_known_by_its_type_its_words_or_what_it_was_raised_from(error):
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("shape '[2, 3]' is invalid for input of size 5"),
        AdvisorError(
            "5 images need 9.0 GiB, more than there is: not enough memory"
        ),  # a limit of ours, not the machine's
        ValueError("out of memory"),
        OSError(errno.ENOENT, "No such file"),
        wrapped(ValueError("no")),
    ],
)
def test_other_errors_are_no_lack_of_memory(error):
    assert not is_out_of_memory(error)


def test_what_the_allocator_of_torch_raises_is_known():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50)
    assert is_out_of_memory(caught.value)


def train_net(folder: pathlib.Path, most: int, **changes: Any) -> RunResult:
    (folder / "narrow.py").write_text(NET)
    plan = make_plan(model={"entry": "narrow:Net", "arguments": {"most": most}}, **changes)
    return with_halving(plan, lambda one: train(one, workspace=folder))


def test_a_model_too_large_for_the_batch_trains_to_what_the_halved_plan_gives(tmp_path):
    result = train_net(tmp_path, 8, batch_size=16)
    asked = train_net(tmp_path, 8, batch_size=8, accumulate=2)
    assert asked.notes == ()
    assert len(result.notes) == 1
    assert result.model_copy(update={"notes": ()}) == asked


def test_a_model_too_large_for_half_the_batch_is_refused_with_both_sizes(tmp_path):
    with pytest.raises(AdvisorError, match=r"with batch_size 16 on cpu, and again in batches of 8: no room\. Use a"):
        train_net(tmp_path, 1, batch_size=16)
