"""What people call the techniques: names and aliases, and which of them this version cannot run."""

from advisor.contract import Frozen
from advisor.techniques import TECHNIQUES


class Advice(Frozen):
    """A technique by the name that the rules use; what there is to say stands in the rules about it."""

    title: str
    aliases: tuple[str, ...] = ()


NAMES: dict[str, Advice] = {
    "augmax": Advice(title="AugMax", aliases=("aug_max",)),
    "augmix": Advice(title="AugMix", aliases=("aug_mix",)),
    "auto_augment": Advice(title="AutoAugment", aliases=("autoaugment",)),
    "basic_augmentation": Advice(
        title="Basic augmentation", aliases=("augmentation", "data_augmentation", "random_crop", "horizontal_flip")
    ),
    "class_balance": Advice(
        title="Class-balanced weights", aliases=("class_weights", "class_balanced_loss", "effective_number")
    ),
    "cutmix": Advice(title="CutMix", aliases=("cut_mix",)),
    "cutout": Advice(title="Cutout", aliases=("cut_out", "random_erasing", "random_erase")),
    "distillation": Advice(title="Knowledge distillation", aliases=("knowledge_distillation", "kd")),
    "drop_block": Advice(title="DropBlock", aliases=("dropblock",)),
    "dropout": Advice(title="Dropout"),
    "early_stopping": Advice(title="Early stopping", aliases=("early_stop",)),
    "ema": Advice(
        title="Exponential moving average of the weights", aliases=("exponential_moving_average", "weight_ema")
    ),
    "feature_distillation": Advice(title="Feature distillation", aliases=("fitnets", "hint_distillation")),
    "focal_loss": Advice(title="Focal loss", aliases=("focal",)),
    "gradual_unfreezing": Advice(title="Gradual unfreezing", aliases=("unfreezing", "progressive_unfreezing")),
    "input_noise": Advice(title="Input noise", aliases=("gaussian_noise", "jitter", "noise_injection", "neftune")),
    "l2_sp": Advice(title="L2-SP (decay towards the pre-trained weights)", aliases=("l2sp",)),
    "label_smoothing": Advice(title="Label smoothing", aliases=("smoothing",)),
    "llrd": Advice(
        title="Layer-wise learning-rate decay",
        aliases=("layer_wise_learning_rate_decay", "layerwise_lr_decay", "layer_decay", "discriminative_fine_tuning"),
    ),
    "logit_adjustment": Advice(title="Logit adjustment", aliases=("prior_correction",)),
    "lora_dropout": Advice(
        title="Dropout on LoRA adapters", aliases=("lora", "adapter", "adapters", "adapter_dropout")
    ),
    "max_norm": Advice(title="Max-norm constraint", aliases=("maxnorm", "max_norm_constraint")),
    "mc_dropout": Advice(title="MC-dropout", aliases=("monte_carlo_dropout",)),
    "mixup": Advice(title="MixUp", aliases=("mix_up", "manifold_mixup", "hidden_mixup")),
    "model_soup": Advice(title="Model soup", aliases=("model_soups", "soup")),
    "r_drop": Advice(title="R-Drop", aliases=("rdrop",)),
    "randaugment": Advice(title="RandAugment", aliases=("rand_augment",)),
    "sam": Advice(title="Sharpness-aware minimization (SAM)", aliases=("sharpness_aware_minimization",)),
    "seed_ensemble": Advice(title="Ensemble", aliases=("ensemble", "ensembles", "deep_ensemble", "deep_ensembles")),
    "self_distillation": Advice(title="Self-distillation", aliases=("born_again", "born_again_networks")),
    "snapshot_ensemble": Advice(title="Snapshot ensemble", aliases=("snapshot_ensembles", "snapshots")),
    "spatial_dropout": Advice(
        title="Spatial dropout", aliases=("dropout2d", "spatial_dropout2d", "channel_dropout", "feature_dropout")
    ),
    "stochastic_depth": Advice(title="Stochastic depth (DropPath)", aliases=("drop_path", "droppath", "layer_drop")),
    "swa": Advice(title="Stochastic weight averaging (SWA)", aliases=("stochastic_weight_averaging",)),
    "temperature_scaling": Advice(title="Temperature scaling", aliases=("temperature", "platt_scaling")),
    "test_time_augmentation": Advice(title="Test-time augmentation", aliases=("tta",)),
    "trivialaugment": Advice(title="TrivialAugment", aliases=("trivial_augment", "trivialaugmentwide")),
    "weight_decay": Advice(title="Weight decay", aliases=("l2", "l2_regularization", "adamw_decay")),
}
_BY_ALIAS = {alias: name for name, known in NAMES.items() for alias in known.aliases}

# What the rules know and the registry does not run.
ADVICE: dict[str, Advice] = {name: known for name, known in NAMES.items() if name not in TECHNIQUES}


def known_as(name: str) -> str:
    """The name under which the registry and the rules know a technique: lower case, underscores, aliases resolved."""
    plain = name.strip().lower().replace("-", "_").replace(" ", "_")
    return _BY_ALIAS.get(plain, plain)
