"""Techniques that the rules know and this version cannot run: by name, with the names that people use for them."""

from advisor.contract import Frozen


class Advice(Frozen):
    """A technique that is advice only. What there is to say about it stands in the rules that name it as a subject."""

    title: str
    aliases: tuple[str, ...] = ()


ADVICE: dict[str, Advice] = {
    "aug_max": Advice(title="AugMax", aliases=("augmax",)),
    "aug_mix": Advice(title="AugMix", aliases=("augmix",)),
    "cutmix": Advice(title="CutMix", aliases=("cut_mix",)),
    "cutout": Advice(title="Cutout", aliases=("cut_out", "random_erasing")),
    "distillation": Advice(title="Knowledge distillation", aliases=("knowledge_distillation", "kd")),
    "ema": Advice(title="Exponential moving average of the weights", aliases=("exponential_moving_average",)),
    "ensemble": Advice(title="Ensemble", aliases=("ensembles", "deep_ensemble")),
    "feature_distillation": Advice(title="Feature distillation", aliases=("fitnets",)),
    "lora": Advice(title="LoRA adapters", aliases=("adapter", "adapters")),
    "mc_dropout": Advice(title="MC-dropout", aliases=("monte_carlo_dropout",)),
    "rand_augment": Advice(title="RandAugment", aliases=("randaugment",)),
    "sam": Advice(title="Sharpness-aware minimization (SAM)", aliases=("sharpness_aware_minimization",)),
    "self_distillation": Advice(title="Self-distillation", aliases=("born_again", "born_again_networks")),
    "snapshot_ensemble": Advice(title="Snapshot ensemble", aliases=("snapshot_ensembles",)),
    "spatial_dropout": Advice(title="Spatial dropout", aliases=("dropout2d", "spatial_dropout2d")),
    "stochastic_depth": Advice(title="Stochastic depth (DropPath)", aliases=("drop_path", "droppath")),
    "swa": Advice(title="Stochastic weight averaging (SWA)", aliases=("stochastic_weight_averaging",)),
    "temperature_scaling": Advice(title="Temperature scaling", aliases=()),
}


def known_as(name: str) -> str:
    """The name under which the rules know a technique: lower case, underscores, aliases resolved."""
    plain = name.strip().lower().replace("-", "_").replace(" ", "_")
    for known, advice in ADVICE.items():
        if plain in advice.aliases:
            return known
    return plain
