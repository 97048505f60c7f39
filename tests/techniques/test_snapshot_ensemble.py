"""The learning rate of the cycles, the snapshots at their ends, and their averaged predictions."""

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from advisor.techniques import Session, build_techniques, regularize
from advisor.techniques.core import Targets
from advisor.techniques.snapshot_ensemble import SnapshotEnsemble, cycle_at, cyclic_cosine
from tests.techniques.runs import make_run
from tests.techniques.test_ema import batches, convolutional


def test_the_learning_rate_is_that_of_the_paper() -> None:
    steps, cycles = 12, 3
    for t in range(1, steps + 1):
        length = math.ceil(steps / cycles)
        expected = (math.cos(math.pi * ((t - 1) % length) / length) + 1) / 2
        assert cyclic_cosine(t - 1, steps, cycles) == pytest.approx(expected)


@pytest.mark.parametrize(("steps", "cycles"), [(10, 3), (7, 7), (100, 6), (5, 1)])
def test_cycles_cover_all_steps_and_differ_by_one_step_at_most(steps: int, cycles: int) -> None:
    spans = list(dict.fromkeys(cycle_at(step, steps, cycles) for step in range(steps)))
    assert len(spans) == cycles
    assert spans[0][0] == 0
    assert spans[-1][1] == steps
    assert all(before[1] == after[0] for before, after in itertools.pairwise(spans))
    lengths = [end - begin for begin, end in spans]
    assert max(lengths) - min(lengths) <= 1


def test_after_the_planned_steps_the_learning_rate_stays_low() -> None:
    assert cyclic_cosine(50, 10, 2) == cyclic_cosine(9, 10, 2) < 0.1


def test_one_cycle_leaves_the_schedule_alone() -> None:
    run = make_run(nn.Linear(1, 1), epochs=2, steps_per_epoch=2)
    assert SnapshotEnsemble(cycles=1).schedule(run, 0.3) == 0.3
    assert SnapshotEnsemble(cycles=1).schedule(run, None) is None
    assert SnapshotEnsemble(cycles=2).schedule(run, None) == 1.0


def trained(cycles: int, watch: Callable[[Session], None]) -> Session:
    model = convolutional()
    session = regularize(model, [SnapshotEnsemble(cycles=cycles)], classes=3, epochs=2, steps_per_epoch=3)
    optimizer = torch.optim.SGD(session.param_groups(), lr=0.1)
    for _ in range(2):
        session.model.train()
        session.epoch_start()
        for batch in batches(3):
            session.step(optimizer, *batch)
            watch(session)
        session.epoch_end(validation_loss=1.0)
    session.finish()
    return session


def test_predictions_are_the_mean_over_the_ends_of_the_cycles() -> None:
    inputs = batches(1)[0][0]
    answers: list[torch.Tensor] = []

    def watch(session: Session) -> None:
        if session.run.step in (2, 4, 6):
            answers.append(session.model.eval()(inputs).detach().softmax(1))
            session.model.train()

    session = trained(3, watch)
    before = {name: tensor.clone() for name, tensor in session.model.state_dict().items()}
    places = [parameter.data_ptr() for parameter in session.model.parameters()]
    predicted = session.predict(inputs)
    torch.testing.assert_close(predicted.exp(), torch.stack(answers).mean(0))
    assert not torch.allclose(predicted.exp(), answers[-1])
    assert all(torch.equal(tensor, before[name]) for name, tensor in session.model.state_dict().items())
    assert [parameter.data_ptr() for parameter in session.model.parameters()] == places
    assert torch.equal(session.predict(inputs), predicted)


@pytest.mark.parametrize("kind", ["multilabel", "real"])
def test_other_kinds_of_targets_are_averaged_in_their_own_way(kind: str) -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    session = regularize(model, [SnapshotEnsemble(cycles=2)], kind=kind, outputs=2, epochs=1, steps_per_epoch=2)
    optimizer = torch.optim.SGD(session.param_groups(), lr=0.5)
    inputs, targets = torch.randn(4, 3), torch.rand(4, 2)
    session.epoch_start()
    answers = []
    for _ in range(2):
        session.step(optimizer, inputs, Targets(kind, targets))
        answers.append(model(inputs).detach())
    session.finish()
    first, last = answers
    expected = (first + last) / 2 if kind == "real" else ((first.sigmoid() + last.sigmoid()) / 2).logit()
    torch.testing.assert_close(session.predict(inputs), expected)


def test_there_are_no_more_cycles_than_steps() -> None:
    session = trained(100, lambda _: None)
    assert len(session.run.state["snapshot_ensemble"]) == 5


def test_early_stopping_is_refused_beside_it() -> None:
    with pytest.raises(Exception, match="the cycles need all planned epochs"):
        build_techniques({"snapshot_ensemble": {}, "early_stopping": {}})
