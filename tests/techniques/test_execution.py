"""How a step may be executed: without copies to the host, in bfloat16, compiled, channels-last, and distributed."""

import os
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch

from advisor.techniques import TECHNIQUES, Session
from tests.techniques.networks import CLASSES, NETWORKS, SmallResidual, open_session, with_company

NETWORK = "small_residual"


def _steps(session: Session, steps: int = 2, **optimizer: Any) -> list[torch.Tensor]:
    built = torch.optim.SGD(session.param_groups(lr=1e-2), lr=1e-2, **optimizer)
    session.model.train()
    session.epoch_start()
    return [session.step(built, *NETWORKS[NETWORK].batch(step)) for step in range(steps)]


@pytest.mark.parametrize("name", TECHNIQUES)
def test_a_step_never_waits_for_the_device(name: str) -> None:
    """A fake tensor has no values: whatever asks for one raises."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    session = open_session(NETWORK, with_company([name], NETWORK))
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        built = torch.optim.SGD(session.param_groups(lr=1e-2), lr=1e-2)
        session.model.train()
        session.epoch_start()
        inputs, labels = (mode.from_tensor(tensor) for tensor in NETWORKS[NETWORK].batch(0))
        session.run.step = 1
        loss = session.step(built, inputs, labels)
    assert loss.shape == ()
    assert isinstance(loss, torch._subclasses.fake_tensor.FakeTensor)


@pytest.mark.parametrize("name", TECHNIQUES)
def test_it_trains_under_autocast(name: str) -> None:
    session = open_session(NETWORK, with_company([name], NETWORK))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = _steps(session)
    assert torch.stack(losses).isfinite().all()
    assert {parameter.dtype for parameter in session.model.parameters()} == {torch.float32}


@pytest.mark.parametrize("name", TECHNIQUES)
def test_a_channels_last_model_gives_the_same_losses(name: str) -> None:
    plain = _steps(open_session(NETWORK, with_company([name], NETWORK)))
    session = open_session(NETWORK, with_company([name], NETWORK))
    session.model.to(memory_format=torch.channels_last)
    torch.testing.assert_close(_steps(session), plain, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")  # the tracer's own looking about
@pytest.mark.parametrize("name", TECHNIQUES)
def test_a_compiled_model_gives_the_same_losses(name: str) -> None:
    """The graph is captured and run as it is: what a backend makes of it is the backend's."""
    plain = _steps(open_session(NETWORK, with_company([name], NETWORK)))
    session = open_session(NETWORK, with_company([name], NETWORK))
    torch._dynamo.reset()
    session.forward = torch.compile(session.model, backend="eager")
    torch.testing.assert_close(_steps(session), plain)


def test_two_processes_train_the_same_weights(tmp_path: Path) -> None:
    """DistributedDataParallel over gloo, each process with batches of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    torch.multiprocessing.spawn(_one_of_two, args=(port, str(tmp_path)), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert set(first) == set(TECHNIQUES)
    for name, weights in first.items():
        for key, value in weights.items():
            assert value.isfinite().all(), (name, key)
            assert torch.equal(value, second[name][key]), (name, key)


def _one_of_two(rank: int, port: int, folder: str) -> None:
    import torch.distributed

    from advisor.techniques import Trained, regularize

    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", rank=rank, world_size=2, timeout=timedelta(seconds=60))
    results = {}
    batches = NETWORKS[NETWORK]
    for name in TECHNIQUES:
        torch.manual_seed(0)

        def train_once(asking: str, **_: Any) -> Trained:
            torch.manual_seed(1)
            other = SmallResidual().eval()
            return Trained(other, torch.no_grad()(other))

        session = regularize(
            SmallResidual(),
            with_company([name], NETWORK),
            classes=CLASSES,
            epochs=2,
            steps_per_epoch=2,
            example=batches.batch(0)[0][:2],
            class_counts=[1, 2, 3, 4],
            train_once=train_once,
        )
        session.forward = torch.nn.parallel.DistributedDataParallel(session.model, find_unused_parameters=True)
        optimizer = torch.optim.SGD(session.param_groups(lr=1e-2), lr=1e-2)
        session.model.train()
        session.epoch_start()
        for step in range(2):
            session.step(optimizer, *batches.batch(10 * rank + step))
        results[name] = {key: value.clone() for key, value in session.model.state_dict().items()}
    torch.save(results, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()
