"""LoRA with dropout: what is frozen, what an adapter adds, and how it is taken out again."""

from typing import Any

import pytest
import torch
from torch import nn

from advisor.errors import AdvisorError
from advisor.techniques import regularize
from advisor.techniques.dropout import drop
from advisor.techniques.lora_dropout import LoraDropout, find_layers, low_rank
from advisor.training.engine import train
from tests.techniques.networks import TextTransformer
from tests.techniques.runs import make_run
from tests.training.run_plans import make_plan


def perceptron() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 3))


def test_the_update_is_the_scaled_product_of_its_two_matrices() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs, down, up = (torch.randn(shape, generator=generator) for shape in ((5, 3, 4), (2, 4), (6, 2)))
    torch.testing.assert_close(low_rank(inputs, down, up, 1.5), 1.5 * inputs @ (up @ down).T)


def test_adapters_and_the_last_layer_are_trained_and_nothing_else() -> None:
    model = perceptron()
    LoraDropout(rank=2).model(make_run(model), model)
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert trained == ["0.lora_down", "0.lora_up", "2.lora_down", "2.lora_up", "4.weight", "4.bias"]
    assert model[0].lora_down.shape == (2, 4)
    assert model[0].lora_up.shape == (8, 2)


def test_at_the_start_the_answer_is_the_frozen_models_in_training_too() -> None:
    model, inputs = perceptron(), torch.randn(5, 4)
    expected = model(inputs)
    LoraDropout(probability=0.5).model(make_run(model), model)
    assert torch.equal(model(inputs), expected)


def test_dropout_thins_the_adapters_input_alone() -> None:
    model, inputs = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 2)), torch.randn(5, 6)
    run = make_run(model)
    LoraDropout(probability=0.5, rank=3, alpha=6.0).model(run, model)
    layer = model[0]
    with torch.no_grad():
        layer.lora_up.normal_()
    frozen = nn.functional.linear(inputs, layer.weight, layer.bias)
    update = 2.0 * layer.lora_up @ layer.lora_down
    run.streams.restart()
    kept = drop(inputs, 0.5, torch.rand(inputs.shape, generator=run.generator("lora_dropout")))
    run.streams.restart()
    torch.testing.assert_close(layer.train()(inputs), frozen + kept @ update.T)
    torch.testing.assert_close(layer.eval()(inputs), frozen + inputs @ update.T)


def test_a_training_moves_only_what_is_not_frozen_and_restore_keeps_what_was_learned() -> None:
    model = perceptron()
    model[0].bias.requires_grad = False
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    session = regularize(model, [LoraDropout(rank=2)], classes=3, epochs=1, steps_per_epoch=4)
    optimizer = torch.optim.AdamW(session.param_groups(), lr=0.1)
    inputs, labels = torch.randn(8, 4), torch.randint(3, (8,))
    session.epoch_start()
    for _ in range(4):
        session.step(optimizer, inputs, labels)
    after = model.state_dict()
    assert all(torch.equal(after[name], tensor) == (not name.startswith("4.")) for name, tensor in before.items())
    assert model[0].lora_up.abs().sum() > 0
    session.finish()
    answer = session.predict(inputs)
    restored = session.restore().eval()
    assert list(restored.state_dict()) == list(before)
    torch.testing.assert_close(restored(inputs), answer)
    assert [p.requires_grad for p in model.parameters()] == [True, False] + [True] * 6
    assert not any(module._forward_hooks for module in model.modules())


def test_restore_without_training_gives_the_same_bits() -> None:
    model = perceptron()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    session = regularize(model, [LoraDropout()], classes=3, epochs=1, steps_per_epoch=1)
    session.restore()
    assert {name: torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items()} == dict.fromkeys(
        before, True
    )


def test_attention_projections_get_no_adapter_and_evaluation_takes_no_path_around_them() -> None:
    model = TextTransformer()
    adapted, last = find_layers(model)
    names = {id(module): name for name, module in model.named_modules()}
    assert [names[id(layer)] for layer in adapted] == [
        f"encoder.layers.{at}.{part}" for at in (0, 1) for part in ("linear1", "linear2")
    ]
    assert last is model.head
    tokens = torch.randint(50, (3, 12))
    LoraDropout().model(make_run(model), model)
    with torch.no_grad():
        plain = model.eval()(tokens)
        model.encoder.layers[0].linear1.lora_up.normal_()
        assert not torch.allclose(model(tokens), plain)  # without gradient torch would take its fused path


class LoraLayer:
    """Stands in for peft's: detection is by name and package."""


LoraLayer.__module__ = "peft.tuners.lora.layer"


class PeftLinear(nn.Module, LoraLayer):
    def __init__(self, dropout: nn.Module) -> None:
        super().__init__()
        self.base, self.down, self.up = nn.Linear(6, 6), nn.Linear(6, 2, bias=False), nn.Linear(2, 6, bias=False)
        self.lora_dropout = nn.ModuleDict({"default": dropout})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + self.up(self.down(self.lora_dropout["default"](x)))


def test_pefts_layers_keep_their_adapters_and_get_the_rate() -> None:
    model: Any = nn.Sequential(PeftLinear(nn.Dropout(0.3)), PeftLinear(nn.Identity()), nn.Linear(6, 2))
    run, names = make_run(model), list(model.state_dict())
    LoraDropout(probability=0.4).model(run, model)
    assert model[0].lora_dropout["default"].p == 0.4
    assert (model[1].lora_dropout["default"].train()(torch.ones(100, 6)) == 0).float().mean() == pytest.approx(
        0.4, abs=0.1
    )
    assert list(model.state_dict()) == names
    assert all(parameter.requires_grad for parameter in model.parameters())
    for undo in reversed(run.undo):
        undo()
    assert model[0].lora_dropout["default"].p == 0.3
    assert not any(module._forward_pre_hooks for module in model.modules())


@pytest.mark.parametrize("model", [nn.Linear(4, 2), nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2))])
def test_a_model_with_no_linear_layer_beside_the_last_is_refused(model: nn.Module) -> None:
    with pytest.raises(AdvisorError, match=r"lora_dropout finds no place in .*: looked for LoRA layers of peft"):
        LoraDropout().model(make_run(model), model)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_it_works_under_autocast_and_in_double_precision() -> None:
    model = perceptron().double()
    LoraDropout().model(make_run(model), model)
    assert model(torch.randn(2, 4, dtype=torch.float64)).dtype == torch.float64
    model = perceptron()
    LoraDropout().model(make_run(model), model)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert model[0](torch.randn(2, 4)).dtype == torch.bfloat16


def test_our_loop_trains_with_it_and_repeats_itself() -> None:
    plan = make_plan({"lora_dropout": {"probability": 0.1}})
    digest = train(plan).outcome_digest
    assert digest == train(plan).outcome_digest
    assert digest != train(make_plan({"lora_dropout": {"probability": 0.0}})).outcome_digest
