"""Where mixup mixes: inputs, hidden states and embeddings; how often; and that nothing is left behind."""

from typing import Any

import pytest
import torch
from torch import nn

from advisor.errors import AdvisorError
from advisor.techniques import regularize
from advisor.techniques.core import Targets
from advisor.techniques.core.blocks import block_outputs
from advisor.techniques.core.mixing import draw_partners
from advisor.techniques.cutmix import CutMix
from advisor.techniques.mixup import Mixup, blend
from advisor.techniques.r_drop import RDrop
from advisor.training.engine import train
from tests.techniques.networks import NETWORKS, SmallResidual, TextTransformer
from tests.techniques.runs import make_run
from tests.training.run_plans import make_plan


def one_hot(labels: list[int], classes: int) -> Targets:
    return Targets.of_labels(torch.tensor(labels), classes, torch.float32)


def test_the_hidden_states_are_what_every_path_passes_and_neither_branches_nor_the_answer():
    model = SmallResidual()
    assert block_outputs(model, torch.rand(2, 3, 32, 32)) == [model.stem, model.head[0], model.head[2]]
    mlp = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2))
    assert block_outputs(mlp, torch.rand(2, 2, 2)) == [mlp[2], mlp[4]]


def test_the_hidden_states_of_a_resnet_are_its_stem_and_its_blocks():
    models = pytest.importorskip("torchvision.models")
    resnet = models.resnet18(num_classes=4)
    blocks = [module for module in resnet.modules() if isinstance(module, models.resnet.BasicBlock)]
    found = block_outputs(resnet, torch.rand(2, 3, 32, 32))
    assert found[0] is resnet.maxpool
    # The last block of a stage gives what the stage gives, and the last stage's is pooled and flattened.
    stages = [resnet.layer1, resnet.layer2, resnet.layer3]
    assert all(module in blocks + stages for module in found[1:-1])
    assert len(found) == 1 + len(blocks)


def test_a_model_without_a_hidden_state_is_refused_with_what_was_looked_for():
    with pytest.raises(AdvisorError, match=r"mixup finds no hidden state in Sequential: looked for a module"):
        regularize(
            nn.Sequential(nn.Flatten(), nn.Linear(4, 2)),
            [Mixup(where="hidden")],
            classes=2, epochs=1, steps_per_epoch=1, example=torch.rand(2, 4),
        )  # fmt: skip
    with pytest.raises(AdvisorError, match=r"needs a table of embeddings: looked for nn\.Embedding"):
        Mixup(where="embedding").model(make_run(nn.Linear(2, 2)), nn.Linear(2, 2))
    with pytest.raises(AdvisorError, match="pass `example="):
        Mixup(where="hidden").model(make_run(nn.Linear(2, 2)), nn.Linear(2, 2))


@pytest.mark.parametrize("network", NETWORKS)
def test_a_partner_of_all_hidden_states_is_the_partner_in_the_answer(network: str):
    """With lam 0 mixing swaps examples, so that the answers are swapped wherever it happens."""
    model, inputs = NETWORKS[network].build().eval(), NETWORKS[network].batch(0)[0]
    plain = model(inputs)
    permutation = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(1))
    places = block_outputs(model, inputs[:2])
    assert len(places) >= 2
    for place in places:
        handle = place.register_forward_hook(lambda module, ins, output: blend(output, permutation, 0.0))
        torch.testing.assert_close(model(inputs), plain[permutation], rtol=1e-4, atol=1e-5)
        handle.remove()


def hidden_session(technique: Mixup, model: nn.Module, example: torch.Tensor, *more: Any) -> Any:
    return regularize(model, [technique, *more], classes=4, epochs=1, steps_per_epoch=9, example=example)


def test_a_linear_network_makes_hidden_mixing_the_same_as_mixing_inputs():
    model = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 5), nn.Linear(5, 4))
    inputs, labels = torch.rand(6, 3), torch.tensor([0, 1, 2, 3, 0, 1])
    hidden = hidden_session(Mixup(alpha=1.0, where="hidden"), model, inputs)
    outputs_of = {}
    for step in range(6):
        hidden.run.step = step
        given, targets = hidden.batch(inputs, labels)
        assert given is inputs
        model.train()
        outputs_of[step] = hidden.forward(given)
        hidden.loss(given, targets, outputs_of[step])
    hidden.restore()
    plain = hidden_session(Mixup(alpha=1.0), model, inputs)
    for step, outputs in outputs_of.items():
        plain.run.step = step
        mixed, _ = plain.batch(inputs, labels)
        torch.testing.assert_close(model(mixed), outputs)


def test_the_place_is_drawn_anew_for_each_step():
    session = hidden_session(Mixup(where="hidden"), SmallResidual(), torch.rand(2, 3, 32, 32))
    places = set()
    for step in range(30):
        session.run.step = step
        session.batch(*NETWORKS["small_residual"].batch(0))
        places.add(session.run.state["mixup"].mixing.place)
    assert places == {0, 1, 2}


def test_evaluation_and_passes_after_the_step_are_not_mixed():
    model = SmallResidual()
    inputs, labels = NETWORKS["small_residual"].batch(0)
    session = hidden_session(Mixup(alpha=1.0, where="hidden"), model, inputs[:2])
    plain = model(inputs)
    given, targets = session.batch(inputs, labels)
    assert torch.equal(model.eval()(inputs), plain)
    with pytest.raises(AdvisorError, match="went by the place to mix"):
        session.loss(given, targets, plain)
    assert not torch.allclose(model.train()(inputs), plain)
    Mixup.step_end(session.techniques[0], session.run)
    assert torch.equal(model(inputs), plain)


def test_a_second_pass_of_the_same_step_is_mixed_alike():
    session = hidden_session(Mixup(alpha=1.0, where="hidden"), SmallResidual(), torch.rand(2, 3, 32, 32))
    given, _ = session.batch(*NETWORKS["small_residual"].batch(0))
    assert torch.equal(session.forward(given), session.forward(given))


def test_tokens_are_mixed_behind_their_embedding_but_positions_are_not():
    class WithPositions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.positions, self.head = nn.Embedding(9, 4), nn.Embedding(6, 4), nn.Linear(4, 4)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return self.head(self.tokens(ids) + self.positions(torch.arange(ids.shape[1])))

    model, ids = WithPositions(), torch.randint(9, (6, 6))  # as many tokens as examples
    session = regularize(
        model, [Mixup(alpha=1.0, where="embedding")], outputs=4, kind="token", epochs=1, steps_per_epoch=1
    )
    given, targets = session.batch(ids, torch.randint(4, (6, 6)))
    assert torch.equal(given, ids)
    assert targets.partner is not None
    permutation = session.run.state["mixup"].mixing.permutation
    mixed = blend(model.tokens.weight[ids], permutation, targets.lam)
    expected = model.head(mixed + model.positions.weight)
    outputs = session.forward(ids)
    torch.testing.assert_close(outputs, expected)
    assert session.loss(given, targets, outputs).isfinite()
    assert "token ids; use where: embedding" in (Mixup().refuse("token", (6,)) or "")


def test_embeddings_of_something_else_than_the_inputs_are_an_error_and_no_silent_mixing():
    model = nn.Sequential(nn.Flatten(0), nn.Embedding(9, 4), nn.Linear(4, 4))
    session = regularize(model, [Mixup(where="embedding")], classes=4, epochs=1, steps_per_epoch=1)
    optimizer = torch.optim.SGD(session.param_groups(), lr=0.1)
    with pytest.raises(AdvisorError, match=r"saw no nn\.Embedding look up the batch's inputs"):
        session.step(optimizer, torch.randint(9, (4, 1)), torch.tensor([0, 1, 2, 3]))


def test_probability_is_the_share_of_mixed_batches():
    technique, inputs = Mixup(alpha=1.0, probability=0.3), torch.rand(8, 2)
    run = make_run(nn.Linear(2, 2))
    changed = 0
    for step in range(400):
        run.step = step
        mixed, _ = technique.batch(run, inputs, one_hot([0, 1] * 4, 2))
        changed += not torch.equal(mixed, inputs)
    assert 0.22 < changed / 400 < 0.38
    assert Mixup(probability=0.0).batch(run, inputs, one_hot([0, 1] * 4, 2))[0] is inputs


def test_the_copies_of_a_stacked_batch_are_mixed_alike_whoever_stacks():
    run = make_run(nn.Linear(2, 2), seed=3)
    run.copies = 3
    partners = draw_partners(run, run.generator("mixup"), 12)
    assert torch.equal(partners[:4] + 4, partners[4:8])
    model, ids = TextTransformer(), torch.randint(50, (4, 12))
    session = regularize(model, [RDrop(), Mixup(alpha=1.0, where="embedding")], classes=4, epochs=1, steps_per_epoch=1)
    given, _ = session.batch(ids, torch.tensor([0, 1, 2, 3]))
    assert len(given) == 8
    first, second = session.forward(given).chunk(2)
    torch.testing.assert_close(first, second)


def test_a_batch_is_mixed_once_only():
    with pytest.raises(AdvisorError, match="'cutmix' and 'mixup' conflict: both mix each batch"):
        regularize(SmallResidual(), [CutMix(), Mixup()], classes=4, epochs=1, steps_per_epoch=1)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")  # the tracer's own looking about
@pytest.mark.parametrize(("network", "where"), [("small_residual", "hidden"), ("text", "embedding")])
def test_a_compiled_model_mixes_in_the_same_places(network: str, where: Any) -> None:
    losses = []
    for compiled in (False, True):
        torch.manual_seed(0)
        model, kind = NETWORKS[network].build(), NETWORKS[network]
        session = hidden_session(Mixup(alpha=1.0, where=where, probability=0.7), model, kind.batch(0)[0][:2])
        if compiled:
            torch._dynamo.reset()
            session.forward = torch.compile(session.model, backend="eager")
        optimizer = torch.optim.SGD(session.param_groups(), lr=0.1)
        session.model.train()
        losses.append(torch.stack([session.step(optimizer, *kind.batch(step)) for step in range(12)]))
    torch.testing.assert_close(*losses)


@pytest.mark.parametrize(("network", "where"), [("small_residual", "hidden"), ("text", "embedding")])
def test_mixing_inside_the_model_never_waits_for_the_device(network: str, where: Any) -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode

    model, kind = NETWORKS[network].build(), NETWORKS[network]
    session = hidden_session(Mixup(where=where), model, kind.batch(0)[0][:2])
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        optimizer = torch.optim.SGD(session.param_groups(), lr=0.1)
        session.model.train()
        assert session.step(optimizer, *(mode.from_tensor(tensor) for tensor in kind.batch(0))).shape == ()


@pytest.mark.parametrize("where", ["input", "hidden"])
def test_alpha_zero_is_the_baseline_bit_for_bit_wherever_it_mixes(where: str):
    assert train(make_plan({"mixup": {"alpha": 0.0, "where": where}})) == train(make_plan())
    assert train(make_plan({"mixup": {"alpha": 1.0, "where": where}})) != train(make_plan())


def test_restore_takes_the_hooks_out():
    model = SmallResidual()
    session = hidden_session(Mixup(where="hidden"), model, torch.rand(2, 3, 32, 32))
    assert sum(len(module._forward_hooks) for module in model.modules()) == 3
    session.restore()
    assert not any(module._forward_hooks for module in model.modules())
