"""How an expert works: what is checked first, and what is never concluded too soon."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="everything-at-once",
        topic="practice",
        claim="Do not switch on every regularizer at once: they interact, cancel and conflict. Add one, measure it, "
        "then combine what helped, with an ablation.",
        scope="any recipe that is not copied whole from a paper with its ablation",
        source="He et al. 2019, whose ablation adds one trick at a time",
        strength="strong",
        check="lint:everything-at-once",
    ),
    Rule(
        id="conflicting-techniques",
        topic="practice",
        claim="Some techniques do the same work twice or break each other's assumptions; such pairs are compared, "
        "not combined.",
        scope="pairs that a technique names as conflicts",
        source="Wen et al. 2021; Li et al. 2019",
        strength="moderate",
        check="lint:conflicting-techniques",
    ),
    Rule(
        id="arm-differs-in-several-things",
        topic="practice",
        claim="An arm that differs from the baseline in several things tells nothing about any one of them.",
        scope="experiments with a baseline",
        source="Lipton & Steinhardt 2019",
        strength="strong",
        check="lint:arm-differs-in-several-things",
    ),
    Rule(
        id="impossible-setting",
        topic="practice",
        claim="A setting that does not exist or lies outside what is defined (a dropout of 1.5, an unknown technique) "
        "cannot mean what was intended.",
        scope="specs and recipes",
        source="definition of each technique",
        strength="strong",
        check="lint:impossible-setting",
    ),
    Rule(
        id="strength-outside-usual-range",
        topic="practice",
        claim="A strength far outside its usual range is more often a slip of units or of scale than a discovery; "
        "say why, or return to the range.",
        scope="specs and recipes",
        source="the card of each technique",
        strength="moderate",
        check="lint:strength-outside-usual-range",
    ),
    Rule(
        id="unreadable-file",
        topic="practice",
        claim="A file that does not parse was not checked, which is not the same as clean.",
        scope="lint",
        source="definition",
        strength="strong",
        check="lint:unreadable-file",
    ),
    Rule(
        id="practice-train-before-regularizing",
        topic="practice",
        claim="A run that underfits, diverges or has a bad learning rate needs a better fit first; a regularizer makes "
        "it worse. One that still improves needs more training.",
        scope="any training",
        source="Goodfellow et al. 2016",
        strength="strong",
        check="recipe:fit-before-regularizing",
    ),
    Rule(
        id="practice-no-symptom-no-treatment",
        topic="practice",
        claim="Where training and validation stay together there is little for a regularizer to win; spend the effort "
        "on data, model or training length.",
        scope="good fit or a plateau on both splits",
        source="Goodfellow et al. 2016",
        strength="moderate",
        check="recipe:no-symptom-no-treatment",
    ),
    Rule(
        id="practice-comparable-losses",
        topic="practice",
        claim="Training loss logged with dropout, mixing or smoothing, or averaged over the epoch, is not comparable "
        "with validation loss, and the sign of the gap means nothing. Evaluate the training split in evaluation mode.",
        scope="reading curves",
        source="definition of the logged quantities",
        strength="strong",
        check="recipe:compare-losses-first",
        subjects=("dropout", "mixup", "label_smoothing"),
    ),
    Rule(
        id="practice-leakage-and-shift",
        topic="practice",
        claim="Leakage between splits and shift between their distributions look like generalization problems, and no "
        "regularizer cures them.",
        scope="a gap from the first epoch, or validation better than training",
        source="Kaufman et al. 2012; Recht et al. 2019",
        strength="strong",
        check="recipe:check-the-splits-first",
    ),
    Rule(
        id="practice-noisy-best-epoch",
        topic="practice",
        claim="The best of many noisy validation values is optimistic; select on validation, report on a test split "
        "that nothing selected on, with an interval.",
        scope="small validation sets, many epochs or many settings",
        source="Bouthillier et al. 2021; Cawley & Talbot 2010",
        strength="strong",
        check="review: selected validation value against its test value over repeated runs",
    ),
    Rule(
        id="practice-short-trials-mislead",
        topic="practice",
        claim="Effects shrink or turn around with data size and training length: a short verification understates what "
        "needs long training, such as mixing and strong augmentation.",
        scope="verification on fewer epochs or examples than the real run",
        source="Zhang et al. 2018; Brigato et al. 2021; Srivastava et al. 2014",
        strength="moderate",
        check="review: effect by epoch in the evidence of a long run",
        subjects=("mixup", "basic_augmentation", "rand_augment", "dropout"),
    ),
    Rule(
        id="practice-nll-resolves-sooner",
        topic="practice",
        claim="NLL and ECE tell arms apart with far fewer runs than accuracy does; watch them beside it.",
        scope="classification with few runs",
        source="practitioners' experience; no single paper",
        strength="moderate",
        check="review: interval width over effect size for each metric in the same runs",
    ),
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
    ),
    Rule(
        id="fine-tuning-adapters",
        topic="fine-tuning",
        claim="With LoRA the rank limits capacity, and dropout on the adapter is the regularizer to tune first.",
        scope="adapter fine-tuning",
        source="Hu et al. 2022",
        strength="weak",
        check="review: paired arms over rank and adapter dropout",
        subjects=("lora", "dropout"),
    ),
    Rule(
        id="fine-tuning-language-models-few-epochs",
        topic="fine-tuning",
        claim="Language models memorize their fine-tuning set after one to three epochs: stop there, by steps.",
        scope="fine-tuning of pre-trained language models",
        source="Ouyang et al. 2022; Tirumala et al. 2022",
        strength="moderate",
        check="recipe:fine-tuning-is-gentler",
        subjects=("early_stopping",),
    ),
)
