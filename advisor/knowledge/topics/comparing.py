"""The statistics of comparing runs: pairs, intervals, how many, and how selection misleads."""

from advisor.knowledge.model import Rule

RULES = (
    Rule(
        id="practice-noisy-best-epoch",
        topic="comparing runs",
        claim="The best of many noisy validation values is optimistic; select on validation, report on a test "
        "split that nothing selected on, with an interval.",
        scope="small validation sets, many epochs or many settings",
        source="Bouthillier et al. 2021; Cawley & Talbot 2010",
        strength="strong",
        check="test:tests/knowledge/test_claims_comparing.py::test_the_best_of_many_noisy_epochs_is_optimistic",
        findings=("noisy_validation",),
    ),
    Rule(
        id="practice-nll-resolves-sooner",
        topic="comparing runs",
        claim="NLL and ECE tell arms apart with far fewer runs than accuracy does; watch them beside it.",
        scope="classification with few runs",
        source="own check; no single paper",
        strength="moderate",
        check="test:tests/knowledge/test_claims_comparing.py::test_nll_tells_arms_apart_with_fewer_runs_than_accuracy",
    ),
    Rule(
        id="runs-pair-the-blocks",
        topic="comparing runs",
        claim="Train both arms on the same split, initialisation and data order and test the differences: what "
        "the block does to both cancels, and fewer runs suffice by the factor 1 - correlation.",
        scope="any comparison of two recipes",
        source="Bouthillier et al. 2021",
        strength="strong",
        check="test:tests/knowledge/test_claims_comparing.py::test_pairing_blocks_narrows_the_interval",
    ),
    Rule(
        id="runs-three-seeds",
        topic="comparing runs",
        claim="With three pairs the 95 % interval is 2.5 standard deviations of the differences to either side: a "
        "gain of 0.3 points is real only if the differences scatter by less than 0.12 points. With five "
        "pairs the half-width is 1.2, with ten 0.7 standard deviations.",
        scope="paired t interval",
        source="Student 1908",
        strength="strong",
        check="test:tests/knowledge/test_claims_comparing.py::test_a_t_interval_of_three_pairs_is_two_and_a_half_deviations_wide",
    ),
    Rule(
        id="runs-how-many",
        topic="comparing runs",
        claim="To see an effect of one standard deviation of the paired differences with 80 % power takes 10 "
        "pairs, of half a deviation 34. Plan from a pilot's scatter; small effects cannot be had from few "
        "runs.",
        scope="two-sided 5 % paired t test",
        source="Cohen 1988",
        strength="strong",
        check="test:tests/knowledge/test_claims_comparing.py::test_ten_pairs_see_one_deviation_and_thirty_four_see_half_of_one",
    ),
    Rule(
        id="runs-test-set-size",
        topic="comparing runs",
        claim="A test set resolves accuracy only to about sqrt(a (1 - a) / n): at 90 % that is 0.3 points on "
        "10,000 examples and 3 points on 100. More seeds do not remove it; the same test set for both arms "
        "cancels part.",
        scope="accuracy",
        source="Dietterich 1998",
        strength="strong",
        check="test:tests/knowledge/test_claims_comparing.py::test_test_set_size_limits_the_resolution_of_accuracy",
    ),
    Rule(
        id="runs-many-arms",
        topic="comparing runs",
        claim="With twenty arms that do nothing, one is significant at 5 % with 64 % probability. Adjust p-values "
        "and intervals for the number of arms, or confirm the winner on new blocks.",
        scope="several arms against one baseline",
        source="Holm 1979; Dunnett 1955",
        strength="strong",
        check="test:tests/knowledge/test_claims_comparing.py::test_one_of_twenty_null_arms_is_often_significant",
    ),
    Rule(
        id="runs-peeking",
        topic="comparing runs",
        claim="Looking after every run and stopping at the first significant result raises false positives "
        "several-fold. Fix the number of blocks, or use limits that pay for each look.",
        scope="sequential experiments",
        source="Armitage et al. 1969; O'Brien & Fleming 1979",
        strength="strong",
        check="test:tests/knowledge/test_claims_comparing.py::test_stopping_at_the_first_significant_look_raises_false_positives",
    ),
    Rule(
        id="runs-splits-are-not-independent",
        topic="comparing runs",
        claim="Results on resampled splits or folds of one data set share their data; a plain t test on them is "
        "far too sure. Correct the variance for the overlap, as Nadeau and Bengio do.",
        scope="cross-validation, repeated random splits",
        source="Nadeau & Bengio 2003; Dietterich 1998",
        strength="strong",
        check="test:tests/knowledge/test_claims_comparing.py::test_a_plain_t_test_on_resampled_splits_is_too_sure",
    ),
    Rule(
        id="runs-vary-more-than-the-seed",
        topic="comparing runs",
        claim="Initialisation is one source of chance among several: split, data order and augmentation often "
        "weigh as much or more. Vary all of them from block to block, or the conclusion holds for one "
        "split.",
        scope="small and middling data sets",
        source="Bouthillier et al. 2021",
        strength="strong",
        check="test:tests/knowledge/test_claims_comparing.py::test_the_split_varies_results_more_than_the_initialisation",
    ),
    Rule(
        id="runs-equivalent-is-not-undecided",
        topic="comparing runs",
        claim="No significant difference is not equality. Arms are equivalent when the whole interval lies within "
        "the smallest change that matters; otherwise it is undecided and needs more blocks.",
        scope="verdicts",
        source="Schuirmann 1987",
        strength="strong",
        check="test:tests/experiments/test_statistics.py::test_the_verdict_follows_the_interval",
    ),
    Rule(
        id="runs-test-reuse",
        topic="comparing runs",
        claim="Contested. Choosing among many models by the test set overfits it, and adversarially that is easy; "
        "against that, benchmarks that were reused for years kept the order of models. Keep a split that "
        "nothing selected on, and look at it once.",
        scope="long projects, leaderboards",
        source="Dwork et al. 2015; Blum & Hardt 2015 against Recht et al. 2019; Roelofs et al. 2019",
        strength="contested",
        check="test:tests/knowledge/test_claims_comparing.py::test_a_reused_test_set_can_be_climbed_without_learning",
    ),
)
