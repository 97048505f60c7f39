"""What is done where memory runs out: the same training once more in batches of half the size, with a note."""

from __future__ import annotations

import errno
import gc
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from advisor.errors import AdvisorError

if TYPE_CHECKING:
    from advisor.experiments.evidence import RunResult
    from advisor.experiments.spec import Training
    from advisor.training.plan import RunPlan

# What allocators write that raise no type of their own, in small letters.
SIGNS = ("not enough memory", "can't allocate memory", "cannot allocate memory", "out of memory", "alloc_failed")
SMALLEST_BATCH = 2  # of which batch normalization still has a variance
MOST_PARTS = 10_000  # what a spec allows


def with_halving(plan: RunPlan, train_plan: Callable[[RunPlan], RunResult]) -> RunResult:
    """The result of `train_plan(plan)`, and where memory runs out of it for the halved plan, from the start.

    Raises:
        AdvisorError: memory ran out in the halved training too (exit status 1). What else is raised passes through,
            and so does the first lack of memory where the batch cannot be halved.
    """
    try:
        return train_plan(plan)
    except Exception as error:
        smaller = halved(plan.training)
        if smaller is None or not is_out_of_memory(error):
            raise
    # Only here, where nothing holds the error any more, is the memory of the first try given back.
    _release()
    try:
        result = train_plan(plan.model_copy(update={"training": smaller}))
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise AdvisorError(
            f"Memory ran out while training arm {plan.arm!r} with batch_size {plan.training.batch_size} on "
            f"{plan.device}, and again in batches of {smaller.batch_size}: {first_line(error)}. Use a smaller model, "
            "smaller examples or a lower train_size, or free memory that other programs hold.",
            exit_status=1,
        ) from error
    return result.model_copy(update={"notes": (*result.notes, note(plan.training, smaller))})


def halved(training: Training) -> Training | None:
    """The same training with half the batch size and double `accumulate`; None where that cannot be.

    An optimizer step still sees the same examples in the same order. Two things change beside rounding: batch
    normalization takes its statistics from the smaller batch, and techniques that mix within a batch find partners in
    it. A batch size that is odd is cut by its smallest divisor instead; one without any cannot be.
    """
    size = training.batch_size
    for parts in range(2, size // SMALLEST_BATCH + 1):
        if size % parts == 0:
            accumulate = training.accumulate * parts
            if accumulate > MOST_PARTS:
                return None
            return training.model_copy(update={"batch_size": size // parts, "accumulate": accumulate})
    return None


def note(training: Training, smaller: Training) -> str:
    """What a person must know of a result that was reached with the halved training."""
    return (
        f"memory ran out at batch_size {training.batch_size}: trained in batches of {smaller.batch_size} with "
        f"accumulate {smaller.accumulate}, so that steps stay the same; batch-norm statistics and partners for mixing "
        "come from the smaller batches"
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether it says that memory ran out, or was raised from an error that says so."""
    return any(_says_so(one) for one in _chain(error))


def first_line(error: BaseException) -> str:
    """What the first error of the chain says, in one line; its type where it says nothing."""
    first = list(_chain(error))[-1]
    return (str(first).splitlines() or [""])[0][:200] or type(first).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__


def _says_so(error: BaseException) -> bool:
    torch = sys.modules.get("torch")  # who has not imported it cannot have raised its errors
    if isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError)):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in SIGNS)


def _release() -> None:
    """Give back what cycles of references and the allocator of the device still hold."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
