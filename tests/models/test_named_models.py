"""What holds for every named model, and what is special about each."""

import copy
import pathlib
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import advisor.models
from advisor.data.facts import InputFacts
from advisor.errors import AdvisorError
from advisor.models import MODELS, ModelTask, default_model
from advisor.models.build import build_named
from advisor.models.registry import DEFAULTS, LIBRARIES
from advisor.models.table_mlp import category_width
from advisor.models.transformer import attend
from advisor.models.vit_tiny import choose_patch_size
from advisor.techniques.core.depth import levels_of
from advisor.techniques.core.places import residual_branches
from advisor.techniques.weight_decay import split_parameters
from advisor.training.muon import hidden_weights

IMAGE = InputFacts("image")
TABLE = InputFacts("table", categories=(4, 30), columns=("age", "income", "sex", "job"))
TEXT = InputFacts("text", vocabulary=20, padding=0)
TOKENS = InputFacts("tokens", vocabulary=11)


@dataclass(frozen=True)
class Example:
    shape: tuple[int, ...]
    facts: InputFacts
    arguments: dict[str, Any]

    def task(self, outputs: int, kind: Any = "class") -> ModelTask:
        return ModelTask(self.shape, outputs, kind, self.facts)

    def inputs(self, examples: int = 4, seed: int = 0) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        if self.facts.vocabulary is not None:
            return torch.randint(1, self.facts.vocabulary, (examples, *self.shape), generator=generator)
        rows = torch.rand(examples, *self.shape, generator=generator)
        for place, levels in enumerate(self.facts.categories, start=self.shape[0] - len(self.facts.categories)):
            rows[:, place] = torch.randint(levels, (examples,), generator=generator).float()
        return rows


SMALL = {"width": 8, "depth": 2}
EXAMPLES = {
    "mlp": Example((3, 8, 8), IMAGE, SMALL),
    "table_mlp": Example((4,), TABLE, SMALL),
    "small_cnn": Example((1, 8, 8), IMAGE, {"width": 4}),
    "resnet": Example((2, 8, 8), IMAGE, SMALL),
    "vit_tiny": Example((3, 8, 8), IMAGE, SMALL),
    "text_cnn": Example((9,), TEXT, {"width": 6, "embedding": 5}),
    "text_transformer": Example((9,), TEXT, SMALL),
    "gpt_mini": Example((7,), TOKENS, SMALL),
}


def make(name: str, outputs: int = 3, kind: Any = "class", **changes: Any) -> nn.Module:
    kind = kind if kind in MODELS[name].kinds else "token"
    outputs = EXAMPLES[name].facts.vocabulary or outputs if kind == "token" else outputs
    torch.manual_seed(0)
    return build_named(name, {**EXAMPLES[name].arguments, **changes}, EXAMPLES[name].task(outputs, kind))


def test_the_folder_equals_the_registry_and_the_examples() -> None:
    folder = pathlib.Path(advisor.models.__file__).parent
    files = {path.stem for path in folder.glob("*.py") if "\nMODEL = NamedModel(" in path.read_text()}
    assert files == set(MODELS) | {f"{library}_model" for library in LIBRARIES}
    assert set(EXAMPLES) == set(MODELS)
    assert all(model.title and model.name == name for name, model in MODELS.items())


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kind", ["class", "multilabel", "real", "token"])
def test_a_model_gives_what_its_kinds_of_targets_need_and_refuses_the_others(name: str, kind: Any) -> None:
    example = EXAMPLES[name]
    if kind not in MODELS[name].kinds:
        with pytest.raises(AdvisorError, match=f"Model '{name}' does not fit {kind} targets; use "):
            build_named(name, {}, example.task(3, kind))
        return
    width = 11 if kind == "token" else 1 if kind == "real" else 3
    model = build_named(name, example.arguments, example.task(width, kind))
    answer = model(example.inputs())
    assert answer.shape == ((4, *example.shape, width) if kind == "token" else (4, width))
    assert answer.isfinite().all()


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_initialised_from_torchs_global_state_alone(name: str) -> None:
    random.seed(1), np.random.seed(1)
    first = make(name)
    state = random.getstate(), np.random.get_state()[1].tolist()
    random.seed(2), np.random.seed(2)
    second = make(name)
    for one, other in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    random.seed(1), np.random.seed(1)
    assert state == (random.getstate(), np.random.get_state()[1].tolist())
    torch.manual_seed(1)
    third = build_named(
        name, EXAMPLES[name].arguments, EXAMPLES[name].task(11, "token" if name == "gpt_mini" else "class")
    )
    assert not torch.equal(next(first.parameters()), next(third.parameters()))


@pytest.mark.parametrize("name", MODELS)
def test_gradients_reach_every_parameter_and_copies_and_double_precision_work(name: str) -> None:
    model, inputs = make(name), EXAMPLES[name].inputs(16)
    # Blocks that start as the identity pass nothing back in the first step.
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.GroupNorm)):
            nn.init.ones_(module.weight)
    model(inputs).square().sum().backward()
    untouched = [
        key for key, parameter in model.named_parameters() if parameter.grad is None or not parameter.grad.any()
    ]
    assert untouched == []
    twin = copy.deepcopy(model).double().eval()
    doubled = inputs.double() if inputs.is_floating_point() else inputs
    torch.testing.assert_close(twin(doubled).float(), model.eval()(inputs), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_dropout_is_not_there_unless_asked_for(name: str) -> None:
    assert not any(isinstance(module, nn.Dropout) for module in make(name).modules())
    if "dropout" in MODELS[name].arguments.model_fields:
        drops = [module for module in make(name, dropout=0.5).modules() if isinstance(module, nn.Dropout)]
        assert drops
        assert {module.p for module in drops} == {0.5}


@pytest.mark.parametrize("name", MODELS)
def test_techniques_find_their_places(name: str) -> None:
    model, inputs = make(name), EXAMPLES[name].inputs(2)
    assert len(levels_of(model)) >= 2
    branches = {"resnet": 6, "vit_tiny": 4, "text_transformer": 4, "gpt_mini": 4}
    assert len(residual_branches(model, inputs)) == branches.get(name, 0)
    decayed, spared = split_parameters(model)
    assert decayed
    assert not [key for key in decayed if "norm" in key or "position" in key or "embedding" in key or "tables" in key]
    assert all(key.endswith("weight") for key in decayed)
    shapes = [tuple(parameter.shape) for parameter in hidden_weights(model)]
    assert shapes
    assert all(len(shape) >= 2 for shape in shapes)
    assert set(decayed) | set(spared) == {key for key, _ in model.named_parameters()}


@pytest.mark.parametrize(
    ("name", "reading", "words"),
    [
        ("mlp", "text_cnn", "does not read inputs of kind text; use text_cnn or text_transformer"),
        ("small_cnn", "table_mlp", "does not read inputs of kind table; use mlp or table_mlp"),
        ("text_cnn", "resnet", "does not read inputs of kind image; use mlp or small_cnn or resnet or vit_tiny"),
        ("mlp", "table_mlp", r"codes of 2 columns of categories \(sex, job\) for quantities; use 'table_mlp'"),
    ],
)
def test_inputs_that_a_model_does_not_understand_are_refused_with_models_that_do(
    name: str, reading: str, words: str
) -> None:
    with pytest.raises(AdvisorError, match=words):
        build_named(name, {}, EXAMPLES[reading].task(3))


@pytest.mark.parametrize(
    ("name", "task", "words"),
    [
        ("table_mlp", ModelTask((1, 8, 8), 2), r"needs the columns of a table but one example has shape \(1, 8, 8\)"),
        ("resnet", ModelTask((5,), 2), r"needs images of shape \(channels, height, width\).*\(5,\)"),
        ("vit_tiny", ModelTask((1, 97, 97), 2), "cannot cut images of 97x97 pixels into patches of a size up to 64"),
        ("gpt_mini", ModelTask((1, 8), 5, "token"), r"reads the ids of a text.*\(1, 8\)"),
        ("text_cnn", ModelTask((8,), 2, "class", InputFacts("text")), "a vocabulary of unknown size"),
    ],
)
def test_shapes_that_a_model_cannot_take_are_refused(name: str, task: ModelTask, words: str) -> None:
    with pytest.raises(AdvisorError, match=words):
        build_named(name, {}, task)


def test_each_kind_of_data_has_a_default_that_fits_it() -> None:
    for example in EXAMPLES.values():
        kind = "token" if example.facts.kind == "tokens" else "class"
        task = example.task(11, kind)
        name = default_model(task)
        assert build_named(name, {}, task) is not None
    assert set(DEFAULTS.values()) <= set(MODELS)
    assert default_model(ModelTask((3, 32, 32), 2)) == "resnet"
    assert default_model(ModelTask((5,), 2)) == "mlp"
    assert default_model(ModelTask((9,), 2, "class", TOKENS)) == "text_cnn"


def test_new_arguments_of_the_perceptron_add_layers_and_their_defaults_none() -> None:
    plain = make("mlp")
    assert [type(layer).__name__ for layer in plain] == ["Flatten", "Linear", "ReLU", "Linear", "ReLU", "Linear"]
    full = make("mlp", depth=1, normalization="batch", dropout=0.2)
    assert [type(layer).__name__ for layer in full] == [
        "Flatten", "Linear", "BatchNorm1d", "ReLU", "Dropout", "Linear",
    ]  # fmt: skip


def test_a_table_model_embeds_categories_and_tells_their_levels_apart_without_order() -> None:
    model = make("table_mlp").eval()
    tables = [module for module in model.modules() if isinstance(module, nn.Embedding)]
    assert [tuple(table.weight.shape) for table in tables] == [(4, category_width(4)), (30, category_width(30))]
    rows = EXAMPLES["table_mlp"].inputs(1).repeat(4, 1)
    rows[:, 2] = torch.arange(4)
    assert len({round(value, 6) for value in model(rows)[:, 0].tolist()}) == 4
    moved = rows.clone()
    moved[:, 2] += 0.2
    assert torch.equal(model(moved), model(rows))
    outside = rows.clone()
    outside[:, 2] = 99
    assert torch.equal(model(outside)[0], model(rows)[3])


def test_a_table_model_takes_plain_numbers_with_and_without_frequencies() -> None:
    task = ModelTask((3,), 2, "class", InputFacts("table"))
    assert build_named("table_mlp", {"frequencies": 0, "width": 5}, task)[1].in_features == 3
    assert build_named("table_mlp", {"width": 5, "embedding": 4}, task)[1].in_features == 3 + 3 * 4
    assert [category_width(levels) for levels in (2, 60, 10**6)] == [2, 16, 64]


def test_a_fresh_residual_block_is_the_identity_but_for_its_shortcut() -> None:
    model = make("resnet").eval()
    images = EXAMPLES["resnet"].inputs()
    hidden = model[:3](images)
    torch.testing.assert_close(model[3](hidden), hidden)
    shapes = []
    for stage in model[3:6]:
        hidden = stage(hidden)
        shapes.append(tuple(hidden.shape[1:]))
    assert shapes == [(8, 8, 8), (16, 4, 4), (32, 2, 2)]


def test_group_normalization_makes_an_example_independent_of_its_batch() -> None:
    model = make("resnet", normalization="group")
    for module in model.modules():
        if isinstance(module, nn.GroupNorm):
            nn.init.ones_(module.weight)
    images = EXAMPLES["resnet"].inputs()
    torch.testing.assert_close(model(images)[:1], model(images[:1]))


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (8, 8, 2),
        (16, 16, 2),
        (28, 28, 4),
        (32, 32, 4),
        (64, 64, 8),
        (32, 48, 8),
        (7, 7, 1),
        (27, 27, 9),
        (97, 97, None),
    ],
)
def test_patches_are_the_smallest_that_make_9_to_64(height: int, width: int, expected: int | None) -> None:
    assert choose_patch_size(height, width) == expected


def test_attention_agrees_with_torchs_own() -> None:
    generator = torch.Generator().manual_seed(0)
    query, key, value = torch.randn(3, 2, 4, 6, 8, generator=generator)
    causal = torch.ones(6, 6, dtype=torch.bool).tril()
    torch.testing.assert_close(attend(query, key, value), functional.scaled_dot_product_attention(query, key, value))
    torch.testing.assert_close(
        attend(query, key, value, causal), functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    )
    nothing = attend(query, key, value, torch.zeros(6, 6, dtype=torch.bool))
    torch.testing.assert_close(nothing, value.mean(2, keepdim=True).expand_as(value))


@pytest.mark.parametrize("name", ["text_cnn", "text_transformer"])
def test_padding_after_a_text_changes_nothing(name: str) -> None:
    model = make(name).eval()
    ids = EXAMPLES[name].inputs()
    ids[:, 5:] = 0
    torch.testing.assert_close(model(ids[:, :5]), model(ids))
    assert model(torch.zeros_like(ids)).isfinite().all()
    changed = ids.clone()
    changed[:, 4] = (changed[:, 4] % 19) + 1
    assert not torch.allclose(model(changed), model(ids))


def test_a_text_shorter_than_the_widest_kernel_is_read_too() -> None:
    assert make("text_cnn", kernels=[1, 8])(torch.ones(2, 3, dtype=torch.long)).isfinite().all()


def test_a_language_model_sees_no_later_token_and_every_earlier_one() -> None:
    model = make("gpt_mini").eval()
    ids = EXAMPLES["gpt_mini"].inputs(1)
    for place in range(7):
        changed = ids.clone()
        changed[0, place] = (ids[0, place] + 1) % 11
        differs = (model(changed) - model(ids)).abs().amax(-1)[0] > 0
        assert differs.tolist() == [False] * place + [True] * (7 - place)
    torch.testing.assert_close(model(ids[:, :4]), model(ids)[:, :4])


def test_a_tied_head_is_the_embedding_itself() -> None:
    tied, free = make("gpt_mini"), make("gpt_mini", tied=False)
    assert tied.head.weight is tied.embedding.weight
    assert free.head.weight is not free.embedding.weight


@pytest.mark.parametrize("name", MODELS)
def test_every_model_can_learn_a_few_examples_by_heart(name: str) -> None:
    wide = {"width": 32} if "width" in MODELS[name].arguments.model_fields else {}
    model = make(name, **wide)
    inputs = EXAMPLES[name].inputs(12)
    labels = inputs.roll(-1, 1) if name == "gpt_mini" else torch.arange(12) % 3
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    loss = torch.tensor(torch.inf)
    for _ in range(150):
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(inputs).flatten(0, -2), labels.flatten())
        if loss < 0.1:
            break
        loss.backward()
        optimizer.step()
    # The first tokens of two texts may agree and their next ones not, so that loss stays there.
    assert loss < (0.8 if name == "gpt_mini" else 0.1)


def test_convolutions_of_texts_are_those_of_torch() -> None:
    from advisor.models.text_cnn import window_conv1d

    torch.manual_seed(0)
    ours = window_conv1d()(6, 5, 4, padding=3)
    theirs = torch.nn.Conv1d(6, 5, 4, padding=3)
    theirs.load_state_dict(ours.state_dict())
    texts = torch.randn(3, 9, 6).transpose(1, 2)
    torch.testing.assert_close(ours(texts), theirs(texts))
    assert isinstance(ours, torch.nn.Conv1d), "techniques look for layers by kind"
