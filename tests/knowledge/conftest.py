"""One thread for each test of a claim: the problems are small, and waiting for threads costs more than the sums."""

from collections.abc import Iterator

import pytest
import torch
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)
