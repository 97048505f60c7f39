"""Every technique alone on every kind of network, in a plain loop, and undone again."""

import pytest
import torch

from advisor.errors import AdvisorError
from advisor.techniques import TECHNIQUES, Targets, build_techniques
from tests.techniques.networks import CLASSES, NEEDS, NETWORKS, open_session, train_plainly, with_company


def _refuses(name: str, network: str) -> bool:
    return name in NEEDS.get(network, ()) or (NETWORKS[network].text and "text" not in TECHNIQUES[name].card.modalities)


@pytest.mark.parametrize("network", [network for network in NETWORKS if network != "narrow_resnet"])
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


def _one_step(name: str, inputs: torch.Tensor, targets: object) -> torch.Tensor:
    session = open_session("small_residual", with_company([name], "small_residual"))
    optimizer = torch.optim.SGD(session.param_groups(lr=1e-2), lr=1e-2)
    session.model.train()
    session.epoch_start()
    return session.step(optimizer, inputs, targets)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", TECHNIQUES)
def test_a_batch_of_one_trains(name: str) -> None:
    images, labels = NETWORKS["small_residual"].batch(0)
    assert _one_step(name, images[:1], labels[:1]).isfinite()


@pytest.mark.parametrize("name", TECHNIQUES)
def test_images_of_an_odd_size_train(name: str) -> None:
    _, labels = NETWORKS["small_residual"].batch(0)
    images = torch.rand(len(labels), 3, 33, 35, generator=torch.Generator().manual_seed(1))  # 8x8 after the stem
    assert _one_step(name, images, labels).isfinite()


@pytest.mark.parametrize("name", TECHNIQUES)
def test_soft_targets_train_as_they_are(name: str) -> None:
    images, labels = NETWORKS["small_residual"].batch(0)
    soft = torch.full((len(labels), CLASSES), 0.1).scatter_(1, labels[:, None], 1 - 0.1 * (CLASSES - 1))
    assert _one_step(name, images, Targets("class", soft)).isfinite()


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        (torch.zeros(8, 3), r"\(N,\) integers but are \(8, 3\) torch.float32; pass class indices, or a Targets object"),
        (torch.zeros(7, dtype=torch.long), "8 inputs but 7 targets"),
        (Targets("class", torch.full((8, 3), 1 / 3)), r"must be \(N, 4\) probabilities but are \(8, 3\)"),
        (Targets("real", torch.zeros(8)), "the task has class targets but the batch's are real"),
    ],
)
def test_targets_of_another_form_are_refused_with_their_shape(targets: object, words: str) -> None:
    images, _ = NETWORKS["small_residual"].batch(0)
    with pytest.raises(AdvisorError, match=f"(?i){words}"):
        _one_step("label_smoothing", images, targets)


@pytest.mark.parametrize("name", TECHNIQUES)
def test_a_strength_that_is_no_number_is_refused(name: str) -> None:
    for field_name, field in TECHNIQUES[name].parameter_fields().items():
        if isinstance(field.default, float):
            for value in (float("nan"), float("inf")):
                with pytest.raises(AdvisorError, match=f"{field_name}.*but got {value}"):
                    build_techniques({name: {field_name: value}})
