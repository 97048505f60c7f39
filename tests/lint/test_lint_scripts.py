"""Scripts with an anti-pattern are found at their line; look-alikes that do it right are left alone."""

import ast
import textwrap
from pathlib import Path

import pytest

from advisor.lint import LintFinding, apply_patch, lint

DECAY = "weight-decay-exclude-norms"
BEST = "early-stopping-best-checkpoint"
HELD_OUT = "augmentation-not-on-validation"

NET = """
import torch
from torch import nn, optim
import torchvision
from torchvision import transforms, datasets

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)

class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 8)
"""
LOOP = """
import torch
best, bad, patience = float("inf"), 0, 5
for epoch in range(100):
    train_one_epoch(model)
    val_loss = evaluate(model)
    if val_loss < best:
        best, bad = val_loss, 0
        {keep}
    else:
        bad += 1
    if bad >= patience:
        break
"""
AUGMENT = "transforms.Compose([transforms.RandomHorizontalFlip(), transforms.ToTensor()])"

VIOLATIONS = {
    "adamw_on_a_network_with_batch_norm": (
        DECAY,
        "warning",
        NET
        + """
model = Net()
opt = optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
""",
    ),
    "sgd_on_a_torchvision_resnet": (
        DECAY,
        "info",
        NET
        + """
model = torchvision.models.resnet18()
opt = torch.optim.SGD(model.parameters(), 0.1, weight_decay=5e-4)
""",
    ),
    "adamw_with_its_default_decay": (
        DECAY,
        "info",
        NET
        + """
model = Net().to('cuda')
opt = torch.optim.AdamW(params=model.parameters())
""",
    ),
    "decay_from_the_parser_and_parameters_by_name": (
        DECAY,
        "info",
        NET
        + """
import argparse
p = argparse.ArgumentParser()
p.add_argument('--weight-decay', type=float, default=1e-4)
args = p.parse_args()
model = Net()
model = nn.DataParallel(model)
params = [q for q in model.parameters() if q.requires_grad]
opt = optim.Adam(params, lr=1, weight_decay=args.weight_decay)
""",
    ),
    "a_lightning_module_with_layer_norm": (
        DECAY,
        "warning",
        """
import torch
from torch import nn
class Lit(nn.Module):
    def __init__(self):
        self.norm = nn.LayerNorm(4)
    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1, weight_decay=0.1)
""",
    ),
    "a_sequential_model": (
        DECAY,
        "info",
        """
import torch.nn as nn
import torch.optim as optim
model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
opt = optim.RMSprop(filter(lambda p: p.requires_grad, model.parameters()), lr=1, weight_decay=1e-5)
""",
    ),
    "a_timm_model": (
        DECAY,
        "warning",
        """
import timm
from torch.optim import AdamW
net = timm.create_model('efficientnet_b0', pretrained=True)
opt = AdamW(net.parameters(), weight_decay=1e-4)
""",
    ),
    "a_timm_model_chosen_at_run_time": (
        DECAY,
        "warning",
        """
import timm, torch
model = timm.create_model(args.arch, pretrained=True).to("cuda")
opt = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=1e-4)
""",
    ),
    "a_resnet_from_the_users_own_module": (
        DECAY,
        "info",
        """
import torch.optim as optim
from model import ResNet18
model = ResNet18(num_classes=2).to("cuda")
opt = optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
""",
    ),
    "a_transformer_with_adamws_default": (
        DECAY,
        "info",
        """
import torch
from transformers import AutoModelForSequenceClassification
model = AutoModelForSequenceClassification.from_pretrained("distilbert-base-uncased")
model.to("cuda")
opt = torch.optim.AdamW(model.parameters(), lr=2e-5)
""",
    ),
    "a_model_built_step_by_step": (
        DECAY,
        "info",
        """
import torch.nn as nn
import torch.optim as optim
model = nn.Sequential()
model.add_module("conv", nn.Conv2d(1, 4, 3))
model.add_module("norm", nn.BatchNorm2d(4))
decay = 0.01
params = model.parameters()
opt = optim.Adam(params, lr=1e-3, weight_decay=decay)
""",
    ),
    "an_exported_notebook_with_shell_lines": (
        BEST,
        "warning",
        """
!pip install keras
%matplotlib inline
from keras.callbacks import EarlyStopping
stop = EarlyStopping(patience=5)
""",
    ),
    "keras_stop_without_restore": (
        BEST,
        "warning",
        """
from tensorflow.keras.callbacks import EarlyStopping
stop = EarlyStopping(monitor='val_loss', patience=5)
""",
    ),
    "keras_checkpoint_that_keeps_every_epoch": (
        BEST,
        "warning",
        """
from keras.callbacks import EarlyStopping, ModelCheckpoint
callbacks = [
    EarlyStopping(
        patience=5,  # epochs
    ),
    ModelCheckpoint('m.h5'),
]
""",
    ),
    "lightning_stop_with_the_default_checkpoint": (
        BEST,
        "warning",
        """
import pytorch_lightning as pl
from pytorch_lightning.callbacks import EarlyStopping
trainer = pl.Trainer(callbacks=[EarlyStopping(monitor='val_loss')])
""",
    ),
    "transformers_stop_without_the_best_model": (
        BEST,
        "error",
        """
from transformers import EarlyStoppingCallback, TrainingArguments, Trainer
a = TrainingArguments('out', eval_strategy='epoch')
t = Trainer(args=a, callbacks=[EarlyStoppingCallback(3)])
""",
    ),
    "patience_by_hand_that_keeps_nothing": (
        BEST,
        "warning",
        LOOP.format(keep="pass"),
    ),
    "patience_by_hand_that_saves_only_the_end": (
        BEST,
        "warning",
        LOOP.format(keep="pass")
        + """
torch.save(model, 'last.pt')
""",
    ),
    "train_transform_on_the_test_set": (
        HELD_OUT,
        "error",
        NET
        + f"""
t = {AUGMENT}
test_set = datasets.CIFAR10('d', train=False, transform=t)
""",
    ),
    "validation_transform_that_is_random": (
        HELD_OUT,
        "error",
        NET
        + f"""
val_transform = {AUGMENT}
""",
    ),
    "random_entry_under_val": (
        HELD_OUT,
        "error",
        NET
        + f"""
data_transforms = {{'train': {AUGMENT}, 'val': {AUGMENT}}}
""",
    ),
    "random_split_of_an_augmented_set": (
        HELD_OUT,
        "error",
        NET
        + f"""
full = datasets.ImageFolder('d', transform={AUGMENT})
train_set, val_set = torch.utils.data.random_split(full, [8, 2])
""",
    ),
    "keras_generator_that_serves_validation": (
        HELD_OUT,
        "error",
        """
from keras.preprocessing.image import ImageDataGenerator
gen = ImageDataGenerator(rescale=1/255, rotation_range=20, validation_split=0.2)
train = gen.flow_from_directory('d', subset='training')
val = gen.flow_from_directory('d', subset='validation')
""",
    ),
}

CLEAN = {
    "groups_already_split": NET
    + """
model = Net()
opt = optim.AdamW([{'params': a, 'weight_decay': 0.05}, {'params': b, 'weight_decay': 0.0}])
""",
    "no_decay": NET
    + """
model = Net()
opt = optim.AdamW(model.parameters(), weight_decay=0)
opt2 = optim.SGD(model.parameters(), lr=0.1)
""",
    "no_norms": NET
    + """
model = Plain()
opt = optim.AdamW(model.parameters(), weight_decay=0.05)
""",
    "only_the_head": NET
    + """
model = torchvision.models.resnet18()
opt = optim.AdamW(model.fc.parameters(), weight_decay=0.05)
""",
    "only_weights_with_two_dimensions": NET
    + """
model = Net()
opt = optim.AdamW([p for p in model.parameters() if p.ndim > 1], weight_decay=0.05)
""",
    "a_stranger_in_a_file_with_a_plain_network": NET
    + """
def make(model):
    return optim.AdamW(model.parameters(), weight_decay=0.05)
""",
    "another_librarys_adamw": """
from mylib import AdamW
from torch import nn
model = nn.Sequential(nn.BatchNorm1d(4))
opt = AdamW(model.parameters(), weight_decay=0.05)
""",
    "a_decay_that_cannot_be_known": NET
    + """
model = Net()
opt = optim.AdamW(model.parameters(), weight_decay=config['wd'])
""",
    "arguments_that_are_hidden": NET
    + """
model = Net()
opt = optim.AdamW(model.parameters(), **options)
""",
    "keras_restores": """
from keras.callbacks import EarlyStopping
stop = EarlyStopping(patience=5, restore_best_weights=True)
""",
    "keras_saves_the_best": """
from keras.callbacks import EarlyStopping, ModelCheckpoint
c = [EarlyStopping(patience=5), ModelCheckpoint('m.h5', save_best_only=True)]
""",
    "keras_own_callback_keeps_weights": """
import keras
from keras.callbacks import EarlyStopping
class Keep(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.weights = self.model.get_weights()
stop = EarlyStopping()
""",
    "lightning_monitors": """
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
c = [EarlyStopping(monitor='val_loss'), ModelCheckpoint(monitor='val_loss')]
""",
    "transformers_loads_the_best": """
from transformers import EarlyStoppingCallback, TrainingArguments
a = TrainingArguments('out', load_best_model_at_end=True)
c = EarlyStoppingCallback(3)
""",
    "patience_by_hand_that_copies": LOOP.format(keep="kept = copy.deepcopy(model.state_dict())"),
    "patience_by_hand_that_saves": LOOP.format(keep="torch.save(model.state_dict(), 'best.pt')"),
    "an_imported_early_stopper": """
from tools import EarlyStopping
early_stopping = EarlyStopping(patience=3)
for epoch in range(9):
    count += 1
    early_stopping(val_loss, model)
    if early_stopping.early_stop:
        break
""",
    "a_retry_counter": """
import requests
while True:
    retry_count += 1
    if retry_count > 5:
        break
""",
    "deterministic_validation": NET
    + f"""
train_transform = {AUGMENT}
val_transform = transforms.Compose([transforms.Resize(8), transforms.CenterCrop(8)])
a = datasets.CIFAR10('d', train=True, transform=train_transform)
b = datasets.CIFAR10('d', train=False, transform=val_transform)
""",
    "test_time_augmentation_on_purpose": NET
    + f"""
tta_test_transform = {AUGMENT}
""",
    "a_folder_called_test_bed_for_training": NET
    + f"""
train_set = datasets.ImageFolder('test_bed/train', transform={AUGMENT})
""",
    "a_split_whose_validation_gets_its_own_transform": NET
    + f"""
full = datasets.ImageFolder('d', transform={AUGMENT})
train_set, val_set = torch.utils.data.random_split(full, [8, 2])
val_set.dataset.transform = plain
""",
    "a_flip_that_is_switched_off": NET
    + """
val_transform = transforms.Compose([transforms.RandomHorizontalFlip(p=0)])
""",
    "keras_generators_kept_apart": """
from keras.preprocessing.image import ImageDataGenerator
train_gen = ImageDataGenerator(rotation_range=20)
test_gen = ImageDataGenerator(rescale=1/255)
train = train_gen.flow_from_directory('train')
val = test_gen.flow_from_directory('val')
""",
    "an_empty_module_of_constants": """
VALUE = 3
""",
}


def lint_text(tmp_path: Path, text: str) -> list[LintFinding]:
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return lint(path)


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_is_found_once_with_its_rule_and_severity(name: str, tmp_path: Path) -> None:
    rule, severity, text = VIOLATIONS[name]
    found = lint_text(tmp_path, text)
    assert [(finding.rule_id, finding.severity) for finding in found] == [(rule, severity)]
    assert 1 <= found[0].line <= found[0].end_line <= len(text.splitlines())


@pytest.mark.parametrize("name", CLEAN)
def test_a_script_that_does_it_right_is_left_alone(name: str, tmp_path: Path) -> None:
    assert lint_text(tmp_path, CLEAN[name]) == []


@pytest.mark.parametrize(
    "name", [name for name, case in VIOLATIONS.items() if "keras_stop" in name or "keras_check" in name]
)
def test_the_keras_patch_applies_parses_and_cures(name: str, tmp_path: Path) -> None:
    text = VIOLATIONS[name][2]
    (finding,) = lint_text(tmp_path, text)
    assert finding.patch is not None
    patched = apply_patch(text, finding.patch)
    assert "restore_best_weights=True" in patched
    assert lint_text(tmp_path, patched) == []


@pytest.mark.parametrize(
    "name",
    [
        "adamw_on_a_network_with_batch_norm",
        "sgd_on_a_torchvision_resnet",
        "a_lightning_module_with_layer_norm",
        "a_timm_model",
    ],
)
def test_the_weight_decay_patch_applies_parses_and_cures(name: str, tmp_path: Path) -> None:
    text = VIOLATIONS[name][2]
    (finding,) = lint_text(tmp_path, text)
    assert finding.patch is not None
    patched = apply_patch(text, finding.patch)
    ast.parse(patched)
    assert lint_text(tmp_path, patched) == []


def test_the_patched_groups_train_the_same_parameters_without_decay_on_norms(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    text = """
import torch
from torch import nn
model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.1)
"""
    (finding,) = lint_text(tmp_path, text)
    assert finding.patch is not None
    names: dict[str, object] = {}
    exec(apply_patch(text, finding.patch), names)  # our own two lines, to see what the optimizer makes of them
    optimizer, model = names["optimizer"], names["model"]
    assert isinstance(optimizer, torch.optim.AdamW)
    assert isinstance(model, torch.nn.Module)
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert {name: decay[id(p)] for name, p in model.named_parameters()} == {
        "0.weight": 0.1, "0.bias": 0.0, "1.weight": 0.0, "1.bias": 0.0,
    }  # fmt: skip


def test_no_patch_where_the_script_counts_on_one_parameter_group(tmp_path: Path) -> None:
    text = (
        NET + "model = Net()\nopt = optim.AdamW(model.parameters(), weight_decay=0.05)\nopt.param_groups[0]['lr'] = 1"
    )
    (finding,) = lint_text(tmp_path, text)
    assert finding.patch is None


def test_a_patch_refuses_another_text(tmp_path: Path) -> None:
    (finding,) = lint_text(tmp_path, VIOLATIONS["keras_stop_without_restore"][2])
    assert finding.patch is not None
    with pytest.raises(Exception, match="does not fit"):
        apply_patch("something = 'else'\n" * 5, finding.patch)
