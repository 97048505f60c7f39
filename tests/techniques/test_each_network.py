"""Every technique alone on every kind of network, in a plain loop, and undone again."""

import pytest
import torch

from advisor.errors import AdvisorError
from advisor.techniques import TECHNIQUES
from tests.techniques.networks import NEEDS, NETWORKS, open_session, train_plainly, with_company


def _refuses(name: str, network: str) -> bool:
    return name in NEEDS.get(network, ()) or (NETWORKS[network].text and "text" not in TECHNIQUES[name].card.modalities)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", TECHNIQUES)
def test_it_trains_or_refuses_with_what_it_looked_for(name: str, network: str) -> None:
    if not _refuses(name, network):
        train_plainly(network, with_company([name], network))
        return
    with pytest.raises(AdvisorError) as refusal:
        train_plainly(network, with_company([name], network))
    assert name in str(refusal.value)
    assert any(word in str(refusal.value) for word in ("looked for", "needs", "works on")), refusal.value


@pytest.mark.parametrize("network", ["mlp", "vit", "text", "resnet18"])
@pytest.mark.parametrize("name", TECHNIQUES)
def test_restore_leaves_the_module_as_it_was_built(name: str, network: str) -> None:
    if _refuses(name, network):
        pytest.skip("it refuses this network")
    torch.manual_seed(0)
    plain = NETWORKS[network].build()
    session = open_session(network, with_company([name], network))
    session.param_groups(lr=1e-3)
    session.epoch_start()
    restored = session.restore()
    assert repr(restored) == repr(plain)
    assert list(restored.state_dict()) == list(plain.state_dict())
    for before, after in zip(plain.modules(), restored.modules(), strict=True):
        for hooks in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks"):
            assert len(getattr(after, hooks)) == len(getattr(before, hooks)), type(after)
    assert [p.requires_grad for p in restored.parameters()] == [p.requires_grad for p in plain.parameters()]
    inputs = NETWORKS[network].batch(0)[0]
    torch.manual_seed(3)
    expected = plain.train()(inputs)
    torch.manual_seed(3)
    assert torch.equal(restored.train()(inputs), expected)
