"""Fine-tuning of pre-trained models."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="fine-tuning-is-gentler",
        topic="fine-tuning",
        claim="Fine-tuning differs from training from scratch: fewer epochs, smaller learning rates in the lower "
        "layers, less weight decay, early stopping by steps.",
        scope="pre-trained models",
        source="Howard & Ruder 2018; Mosbach et al. 2021",
        strength="moderate",
        check="recipe:fine-tuning-is-gentler",
        subjects=("weight_decay", "early_stopping"),
        regime="fine_tuning",
    ),
    Rule(
        id="fine-tuning-adapters",
        topic="fine-tuning",
        claim="With LoRA the rank limits capacity, and dropout on the adapter is the regularizer to tune first: "
        "QLoRA used 0.1 up to 13B parameters and 0.05 above.",
        scope="adapter fine-tuning",
        source="Hu et al. 2022; Dettmers et al. 2023",
        strength="weak",
        check="lint:strength-outside-usual-range",
        subjects=("lora_dropout",),
        regime="fine_tuning",
    ),
    Rule(
        id="llrd-definition",
        topic="fine-tuning",
        claim="Layer-wise learning-rate decay (LLRD) multiplies the rate by a factor below 1 for each layer away "
        "from the head: general features near the input move least. Factors of 0.75 to 0.9 are usual for "
        "transformers.",
        scope="fine-tuning",
        source="Howard & Ruder 2018; Clark et al. 2020; He et al. 2022",
        strength="moderate",
        check="technique:llrd",
        subjects=("llrd",),
        modalities=("image", "text"),
        regime="fine_tuning",
    ),
    Rule(
        id="gradual-unfreezing-definition",
        topic="fine-tuning",
        claim="Gradual unfreezing trains the head first and thaws one layer group after the other, from the top "
        "down, so that the random head does not wreck the features below.",
        scope="fine-tuning on small data",
        source="Howard & Ruder 2018",
        strength="moderate",
        check="technique:gradual_unfreezing",
        subjects=("gradual_unfreezing", "llrd"),
        modalities=("image", "text"),
        regime="fine_tuning",
        size="small",
    ),
    Rule(
        id="lora-dropout-definition",
        topic="fine-tuning",
        claim="LoRA trains a low-rank update beside frozen weights; its dropout acts on the adapter's input alone.",
        scope="adapter fine-tuning",
        source="Hu et al. 2022",
        strength="strong",
        check="technique:lora_dropout",
        subjects=("lora_dropout", "dropout"),
        regime="fine_tuning",
    ),
    Rule(
        id="lora-limits-the-update",
        topic="fine-tuning",
        claim="A LoRA update has at most rank r, so that it fits the new task less closely and keeps more of the "
        "old one than full fine-tuning; where the new task is far away, that is too little capacity.",
        scope="adapter fine-tuning",
        source="Hu et al. 2022; Biderman et al. 2024",
        strength="strong",
        check="test:tests/knowledge/test_claims_practice.py::test_a_low_rank_update_fits_less_and_forgets_less",
        subjects=("lora_dropout",),
        regime="fine_tuning",
    ),
    Rule(
        id="fine-tuning-pretrain-before-regularizing",
        topic="fine-tuning",
        claim="On a few thousand examples a pre-trained model gains more than any regularizer added to training "
        "from scratch; take it first. On images far from natural ones, such as medical ones, the gain can "
        "be small.",
        scope="small data with a related pre-trained model at hand",
        source="Kornblith et al. 2019; Raghu et al. 2019",
        strength="strong",
        check="evidence:fine_tuning",
        subjects=("llrd", "gradual_unfreezing"),
        modalities=("image", "text"),
        size="small",
        findings=("overfitting",),
    ),
    Rule(
        id="fine-tuning-head-first",
        topic="fine-tuning",
        claim="Train the head on frozen features first, then fine-tune all: a random head distorts the features, "
        "which costs most on data from another distribution.",
        scope="fine-tuning judged out of distribution",
        source="Kumar et al. 2022",
        strength="moderate",
        check="evidence:fine_tuning",
        subjects=("gradual_unfreezing",),
        regime="fine_tuning",
    ),
    Rule(
        id="fine-tuning-seeds-scatter",
        topic="fine-tuning",
        claim="Fine-tuning on small text sets scatters widely over seeds, and some runs fail outright. Use a "
        "small learning rate with warm-up, Adam with bias correction and more steps; without the correction "
        "the first step is 3.2 times as large.",
        scope="BERT-like models on up to some thousand sentences",
        source="Mosbach et al. 2021; Zhang et al. 2021; Dodge et al. 2020",
        strength="strong",
        check="test:tests/knowledge/test_claims_practice.py::test_adam_without_bias_correction_starts_three_times_too_fast",
        modalities=("text",),
        regime="fine_tuning",
        size="small",
        findings=("instability", "noisy_validation"),
    ),
    Rule(
        id="fine-tuning-small-batches-and-batch-norm",
        topic="fine-tuning",
        claim="Batch statistics of a few images are noise. With small batches freeze pre-trained batch norms "
        "(evaluation mode) or use group normalization.",
        scope="networks with batch normalization, batches below about 16",
        source="Wu & He 2018; Wu & Johnson 2021",
        strength="strong",
        check="test:tests/knowledge/test_claims_practice.py::test_statistics_of_small_batches_are_noise",
        modalities=("image",),
        regime="fine_tuning",
        findings=("instability",),
    ),
)
