"""Text classification, time series and audio."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="text-augmentation",
        topic="text and sequences",
        claim="Contested. Swapping, deleting and replacing words helped small classifiers; against that, a "
        "pre-trained model gains next to nothing from it. Prefer unlabelled in-domain text for further "
        "pre-training.",
        scope="text classification",
        source="Wei & Zou 2019 against Longpre et al. 2020",
        strength="contested",
        check="evidence:fine_tuning",
        modalities=("text",),
        size="small",
    ),
    Rule(
        id="text-dropout-is-usual",
        topic="text and sequences",
        claim="Transformers for text carry dropout of 0.1 on attention and residual branches by default, torch's "
        "layers included; look at what the configuration has before adding more.",
        scope="transformers",
        source="Vaswani et al. 2017; Devlin et al. 2019; torch's documentation",
        strength="strong",
        check="test:tests/knowledge/test_claims_practice.py::test_torchs_transformer_layers_carry_dropout_of_a_tenth",
        subjects=("dropout",),
        modalities=("text",),
    ),
    Rule(
        id="sequence-augmentation",
        topic="text and sequences",
        claim="For time series and audio use changes that keep the label: noise, scaling, shifts and windows in "
        "time, masks over time and frequency. Reversing time or changing the rate often changes the label.",
        scope="sensor series, audio",
        source="Park et al. 2019; Iwana & Uchida 2021",
        strength="moderate",
        check="technique:input_noise",
        subjects=("input_noise",),
        modalities=("sequence",),
    ),
    Rule(
        id="sequence-splits-by-time",
        topic="text and sequences",
        claim="Cut a series into training and validation by time and leave a gap as long as the window: "
        "overlapping windows on both sides are duplicates.",
        scope="forecasting, windows of one recording",
        source="Bergmeir & Benitez 2012; Roberts et al. 2017",
        strength="strong",
        check="test:tests/knowledge/test_claims_practice.py::test_overlapping_windows_across_the_split_are_optimistic",
        modalities=("sequence",),
        findings=("validation_below_train", "generalization_gap_from_start"),
    ),
)
