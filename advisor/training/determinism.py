"""Settings under which the same plan gives the same bits, whatever ran in the process before."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

# What MKL reads before its first product: without it a product of the same matrices may be rounded otherwise where they
# begin at another multiple of 64 bytes in memory, as they do in another row of a stack. It costs no time.
MKL_MODE = "AUTO,STRICT"


@contextlib.contextmanager
def deterministic(threads: int) -> Iterator[None]:
    """Fix threads and algorithms while a run lasts, and put back what was there.

    The process's global random state is left as the run left it: nothing of ours reads it unseeded.
    """
    import torch

    # cuBLAS reads it when its first handle is made; without it some products are not repeatable.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    os.environ.setdefault("MKL_CBWR", MKL_MODE)  # a worker has it from its start
    threads_before = torch.get_num_threads()
    mode_before = torch.get_deterministic_debug_mode()
    cudnn_before = torch.backends.cudnn.benchmark
    fill_before = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    torch.set_num_threads(threads)
    # The same as use_deterministic_algorithms(True, warn_only=True), without importing the compiler for it.
    torch.set_deterministic_debug_mode("warn")
    torch.backends.cudnn.benchmark = False
    # Writing NaN into every fresh tensor would only help to find reads of unwritten memory, and costs time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.set_num_threads(threads_before)
        torch.set_deterministic_debug_mode(mode_before)
        torch.backends.cudnn.benchmark = cudnn_before
        torch.utils.deterministic.fill_uninitialized_memory = fill_before  # type: ignore[attr-defined]
