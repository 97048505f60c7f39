"""Language models: epochs, losses over tokens, memorization."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="fine-tuning-language-models-few-epochs",
        topic="language models",
        claim="Language models memorize their fine-tuning set after one to three epochs: stop there, by steps.",
        scope="fine-tuning of pre-trained language models",
        source="Ouyang et al. 2022; Tirumala et al. 2022",
        strength="moderate",
        check="recipe:fine-tuning-is-gentler",
        subjects=("early_stopping",),
        modalities=("text",),
        regime="fine_tuning",
        findings=("overfitting", "memorization"),
    ),
    Rule(
        id="language-models-token-loss",
        topic="language models",
        claim="Average the loss over tokens, not over batches or sequences: with unequal lengths and gradient "
        "accumulation the two differ, and short sequences are overweighted.",
        scope="training and validation of language models",
        source="definition of cross-entropy",
        strength="strong",
        check="test:tests/knowledge/test_claims_practice.py::test_the_mean_of_sequence_means_is_not_the_token_mean",
        modalities=("text",),
        findings=("incomparable_losses",),
    ),
    Rule(
        id="language-models-compare-per-byte",
        topic="language models",
        claim="Perplexities are comparable only under one tokenizer; across tokenizers compare bits per byte.",
        scope="comparing language models",
        source="definition of perplexity",
        strength="strong",
        check="test:tests/knowledge/test_claims_practice.py::test_perplexity_depends_on_the_tokenizer_and_bits_per_byte_do_not",
        modalities=("text",),
        findings=("incomparable_losses",),
    ),
    Rule(
        id="language-models-loss-is-not-quality",
        topic="language models",
        claim="Validation loss can rise after one epoch of instruction tuning while answers go on improving in "
        "people's judgement. Select checkpoints by the task's own measure.",
        scope="instruction tuning",
        source="Ouyang et al. 2022",
        strength="moderate",
        check="recipe:stop-by-the-goal-when-overconfident",
        subjects=("early_stopping",),
        modalities=("text",),
        regime="fine_tuning",
        findings=("overconfidence", "overfitting", "memorization", "wrong_metric"),
    ),
    Rule(
        id="language-models-repeated-data",
        topic="language models",
        claim="In pre-training up to about four passes over the same text are nearly as good as new text; after "
        "that returns fall fast.",
        scope="pre-training with too little text",
        source="Muennighoff et al. 2023",
        strength="moderate",
        check="evidence:fine_tuning",
        modalities=("text",),
        regime="scratch",
        size="small",
    ),
    Rule(
        id="language-models-deduplicate",
        topic="language models",
        claim="Deduplicate text before splitting: repeated passages are memorized first and make validation loss "
        "optimistic.",
        scope="text collections",
        source="Lee et al. 2022",
        strength="strong",
        check="test:tests/knowledge/test_claims_practice.py::test_duplicated_text_makes_validation_loss_optimistic",
        modalities=("text",),
        findings=("memorization", "validation_below_train"),
    ),
    Rule(
        id="neftune-definition",
        topic="language models",
        claim="NEFTune adds uniform noise to the token embeddings in instruction tuning, scaled by alpha / "
        "sqrt(length x width), so that its norm does not depend on either.",
        scope="instruction tuning of language models",
        source="Jain et al. 2024",
        strength="weak",
        check="test:tests/knowledge/test_claims_practice.py::test_neftunes_noise_has_a_norm_that_depends_on_alpha_alone",
        subjects=("input_noise",),
        modalities=("text",),
        regime="fine_tuning",
    ),
)
