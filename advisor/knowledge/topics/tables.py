"""Tables: trees, networks, and how to judge them on few rows."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="tables-trees-as-baseline",
        topic="tables",
        claim="Contested. On middling tables boosted trees beat neural networks with little tuning; against that, "
        "networks with a searched cocktail of regularizers beat them on many tables. Train the trees first: "
        "if the network loses to them, regularization is not the question.",
        scope="tables up to some ten thousand rows",
        source="Grinsztajn et al. 2022; Shwartz-Ziv & Armon 2022 against Kadra et al. 2021",
        strength="contested",
        check="evidence:tables",
        modalities=("table",),
    ),
    Rule(
        id="tables-cocktails",
        topic="tables",
        claim="For a network on a table several regularizers together, chosen for each data set from a dozen, do "
        "better than any one everywhere: decay, dropout, averaging, mixing, early stopping. Search them "
        "jointly with an honest budget.",
        scope="multilayer perceptrons on tables",
        source="Kadra et al. 2021",
        strength="moderate",
        check="evidence:tables",
        subjects=("weight_decay", "dropout", "swa", "mixup", "snapshot_ensemble"),
        modalities=("table",),
        findings=("overfitting",),
    ),
    Rule(
        id="tables-uninformative-features",
        topic="tables",
        claim="Networks suffer from features that say nothing, trees hardly: drop or select them (inside the "
        "training split) before adding regularizers.",
        scope="tables with many columns",
        source="Grinsztajn et al. 2022",
        strength="moderate",
        check="evidence:tables",
        modalities=("table",),
        findings=("overfitting",),
    ),
    Rule(
        id="tables-scale-the-features",
        topic="tables",
        claim="Networks need standardized or quantile-transformed features; trees do not care about any monotone "
        "change. A bad scale looks like underfitting.",
        scope="numeric columns",
        source="Gorishniy et al. 2021; Grinsztajn et al. 2022",
        strength="strong",
        check="test:tests/knowledge/test_claims_practice.py::test_trees_ignore_monotone_changes_and_networks_do_not",
        modalities=("table",),
        findings=("underfitting", "bad_learning_rate"),
    ),
    Rule(
        id="tables-cross-validate",
        topic="tables",
        claim="On a few thousand rows one hold-out split is too noisy to choose by: use repeated "
        "cross-validation, with everything fitted inside the folds, and average the folds' models.",
        scope="up to some ten thousand rows",
        source="Kohavi 1995; Cawley & Talbot 2010",
        strength="strong",
        check="test:tests/knowledge/test_claims_comparing.py::test_cross_validation_scatters_less_than_one_holdout",
        subjects=("seed_ensemble",),
        modalities=("table",),
        size="small",
        findings=("noisy_validation",),
    ),
)
