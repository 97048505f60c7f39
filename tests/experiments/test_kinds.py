"""The kinds of experiment: the arms that each makes, the blocks, and what it refuses before anything trains."""

from typing import Any

import pytest

from advisor.errors import AdvisorError
from advisor.experiments.combinations import clashes, factorial_of
from advisor.experiments.kinds import MOST_BLOCKS, other_sizes, own_size, sample_for
from advisor.experiments.plan import Circumstances, DataFacts, plan_run
from advisor.experiments.spec import Spec, parse_spec

BASE: dict[str, Any] = {
    "data": {"builtin": "wine"},
    "model": {"name": "mlp", "arguments": {"width": 16}},
    "baseline": {"lr": 0.01, "epochs": 6},
}
STEPS: dict[str, Any] = {
    "mix": {"techniques": {"mixup": {"alpha": 0.2}}},
    "decay": {"techniques": {"weight_decay": {"strength": 0.1}}},
    "slow": {"lr": 0.001},
}
AVERAGES: dict[str, Any] = {"ema": {"techniques": {"ema": {}}}, "swa": {"techniques": {"swa": {}}}}


def _spec(**changes: Any) -> Spec:
    spec = parse_spec({**BASE, **changes})
    assert isinstance(spec, Spec)
    return spec


def _refusal(**changes: Any) -> str:
    with pytest.raises(AdvisorError) as caught:
        _spec(**changes)
    assert caught.value.exit_status == 2
    return str(caught.value)


KINDS: dict[str, dict[str, Any]] = {
    "verify": {"arms": STEPS},
    "ablate": {"arms": STEPS},
    "sweep": {"sweep": {"parameter": "lr", "values": [0.003, 0.03]}},
    "bias_variance": {"bias_variance": {"values": [4, 8]}},
    "double_descent": {"double_descent": {"values": [2, 4, 8, 32]}},
    "data_size": {"data_size": {"sizes": [20, 40]}, "arms": {"slow": {"lr": 0.001}}},
    "power": {"arms": STEPS},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_spec_of_each_kind_survives_json_with_its_arms(kind: str) -> None:
    spec = _spec(kind=kind, **KINDS[kind])
    again = Spec.model_validate_json(spec.model_dump_json())
    assert again == spec
    assert again.id == spec.id
    assert again.overlays == spec.overlays


@pytest.mark.parametrize("kind", KINDS)
def test_only_verify_ends_arms_early_and_each_kind_has_blocks_of_its_own(kind: str) -> None:
    spec = _spec(kind=kind, **KINDS[kind])
    assert spec.early == (kind == "verify")
    assert spec.max_blocks == MOST_BLOCKS[kind] * (4 if kind == "bias_variance" else 1)
    assert _spec(kind=kind, **KINDS[kind], design={"max_blocks": 7}).max_blocks == 7


def test_an_ablation_runs_the_recipe_each_step_alone_and_the_recipe_without_it() -> None:
    spec = _spec(kind="ablate", arms=STEPS)
    assert spec.arm_names == ("recipe", "mix", "decay", "slow", "recipe-slow", "recipe-decay", "recipe-mix")
    assert set(spec.arm("recipe").techniques) == {"mixup", "weight_decay"}
    assert spec.arm("recipe").lr == 0.001
    assert spec.arm("recipe-slow").lr == 0.01
    assert set(spec.arm("recipe-mix").techniques) == {"weight_decay"}


def test_a_factorial_ablation_runs_combinations_within_its_limit() -> None:
    many = {**STEPS, "smooth": {"techniques": {"label_smoothing": {"epsilon": 0.1}}}, "long": {"epochs": 8}}
    spec = _spec(kind="ablate", arms=many, ablate={"design": "factorial", "max_arms": 8})
    assert len(spec.arm_names) == 7
    assert _refusal(kind="ablate", arms=many, ablate={"design": "factorial", "max_arms": 4}).count("max_runs is 4") == 1


@pytest.mark.parametrize(
    ("arms", "words"),
    [
        ({**AVERAGES, "slow": {"lr": 0.001}}, ["'ema' and 'swa'", "both average", "factorial"]),
        ({"slow": {"lr": 0.001}, "fast": {"lr": 0.1}}, ["'slow' and 'fast'", "both set lr", "0.001", "0.1"]),
        ({"few": {"model": {"width": 4}}, "many": {"model": {"width": 9}}}, ["both set model.width"]),
        ({"warm": {"warmup_epochs": 3}, "short": {"epochs": 2}}, ["'warm' and 'short'", "warmup_epochs 3"]),
    ],
)
def test_an_ablation_names_both_steps_that_do_not_go_together(arms: dict[str, Any], words: list[str]) -> None:
    said = _refusal(kind="ablate", arms=arms)
    assert all(word in said for word in words), said
    assert said.count("Leave one of them out") == 1


def test_a_factorial_ablation_never_runs_steps_that_do_not_go_together() -> None:
    spec = _spec(kind="ablate", arms={**AVERAGES, "slow": {"lr": 0.001}}, ablate={"design": "factorial"})
    assert list(clashes(spec)) == [("ema", "swa")]
    design = factorial_of(spec)
    assert not design.whole_allowed
    assert all({"ema", "swa"} - set(on) for on in design.arms.values())
    assert {step for on in design.arms.values() for step in on} == {"ema", "swa", "slow"}
    assert set(spec.arm_names) == set(design.arms) - {"baseline"}


def test_equal_settings_in_two_steps_do_not_clash() -> None:
    assert clashes(_spec(kind="ablate", arms={"a": {"lr": 0.1}, "b": {"lr": 0.1, "epochs": 9}})) == {}


def test_a_step_that_is_wrong_by_itself_is_named_alone() -> None:
    said = _refusal(kind="ablate", arms={"good": {"lr": 0.1}, "bad": {"lr": -1}})
    assert said.startswith("arm 'bad' is not valid: lr")


def test_a_sweep_sets_a_parameter_beside_what_the_baseline_has_of_the_technique() -> None:
    baseline = {"lr": 0.01, "techniques": {"ema": {"decay": 0.9}}}
    spec = _spec(
        kind="sweep", baseline=baseline, sweep={"technique": "ema", "parameter": "decay", "values": [0.5, 0.99]}
    )
    assert spec.arm_names == ("decay-0.5", "decay-0.99")
    own = spec.baseline.techniques["ema"]
    assert spec.arm("decay-0.99").techniques == {"ema": {**own, "decay": 0.99}}


def test_a_sweep_of_the_training_keeps_whole_numbers_whole() -> None:
    assert _spec(kind="sweep", sweep={"parameter": "epochs", "values": [2, 4.0]}).arm("epochs-4").epochs == 4
    spec = _spec(kind="sweep", sweep={"parameter": "lr", "values": [1, 1e-5]})
    assert [spec.arm(name).lr for name in spec.arm_names] == [1.0, 1e-5]


@pytest.mark.parametrize(
    ("sweep", "words"),
    [
        ({"parameter": "lr", "values": [0.01, 0.1]}, ["hold 0.01", "the baseline's own lr"]),
        ({"parameter": "lr", "values": [0.1]}, ["sweep.values", "at least 2"]),
        ({"parameter": "lr", "values": [0, 0.1]}, ["sweep.values", "greater than 0"]),
        ({"parameter": "lr", "values": [float("inf"), 0.1]}, ["sweep.values", "finite"]),
        ({"parameter": "lr", "values": [0.1, 0.10000001]}, ["'lr-0.1' 2 times"]),
        ({"parameter": "lr", "values": [0.1, 1000]}, ["'lr-1000'", "100"]),
        ({"parameter": "epochs", "values": [2, 3.5]}, ["'epochs-3.5'", "integer"]),
        ({"parameter": "learning_rate", "values": [0.1, 0.2]}, ["unknown key 'learning_rate'", "lr"]),
        ({"parameter": "optimizer", "values": [0.1, 0.2]}, ["optimizer", "0.1"]),
        ({"technique": "dropout", "parameter": "probability", "values": [0.1, 2]}, ["'probability-2'", "0.95"]),
        ({"technique": "dropout", "parameter": "rate", "values": [0.1, 0.2]}, ["unknown key 'rate'", "probability"]),
        ({"technique": "dropuot", "parameter": "probability", "values": [0.1, 0.2]}, ["'dropuot'", "dropout"]),
    ],
)
def test_a_wrong_sweep_says_which_value_and_why(sweep: dict[str, Any], words: list[str]) -> None:
    said = _refusal(kind="sweep", sweep=sweep)
    assert all(word in said for word in words), said


def test_double_descent_over_the_model_takes_a_grid_around_its_own_size() -> None:
    spec = _spec(kind="double_descent", model={"name": "mlp", "arguments": {"width": 64}})
    assert other_sizes(spec) == (4, 6, 10, 16, 25, 40, 102, 161, 256)
    assert spec.model_of("width-256").arguments["width"] == 256
    assert spec.arm("width-4") == spec.baseline
    spec = _spec(kind="double_descent", model={"name": "mlp"})
    assert [size / own_size(spec, "width") for size in (other_sizes(spec)[0], other_sizes(spec)[-1])] == [1 / 16, 4]


def test_double_descent_over_the_model_counts_the_models_own_size_once() -> None:
    spec = _spec(kind="double_descent", double_descent={"values": [2, 4, 8, 16, 32]})
    assert spec.arm_names == ("width-2", "width-4", "width-8", "width-32")


def test_double_descent_over_epochs_trains_the_baseline_alone() -> None:
    spec = _spec(kind="double_descent", double_descent={"over": "epochs"})
    assert spec.arm_names == ()


def test_sizes_of_the_training_split_follow_from_the_datas_own_where_none_are_given() -> None:
    data = {"builtin": "digits", "train_size": 640}
    spec = _spec(kind="data_size", data=data)
    assert spec.arm_names == ("n-40", "n-80", "n-160", "n-320")
    assert spec.data_of("n-40").train_size == 40
    spec = _spec(kind="double_descent", data=data, double_descent={"over": "train_size"})
    assert other_sizes(spec) == (40, 57, 80, 113, 160, 226, 320, 453)


def test_an_arm_of_data_size_is_trained_at_every_size() -> None:
    spec = _spec(kind="data_size", data_size={"sizes": [40, 20]}, arms={"slow": {"lr": 0.001}})
    assert spec.arm_names == ("slow", "n-20", "slow.n-20", "n-40", "slow.n-40")
    assert (spec.arm("slow.n-20").lr, spec.data_of("slow.n-20").train_size) == (0.001, 20)
    assert (spec.arm("n-20").lr, spec.data_of("n-20").train_size) == (0.01, 20)


def test_bias_and_variance_divide_the_training_split_anew_for_every_group_of_blocks() -> None:
    spec = _spec(kind="bias_variance", bias_variance={"splits": 3})
    parts = [sample_for(spec, block) for block in range(6)]
    assert [(part.group, part.part, part.parts) for part in parts if part] == [
        (0, 0, 3), (0, 1, 3), (0, 2, 3), (1, 0, 3), (1, 1, 3), (1, 2, 3),
    ]  # fmt: skip
    assert sample_for(_spec(arms=STEPS), 4) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "verify", "arms": STEPS, "sweep": {"parameter": "lr", "values": [1, 2]}}, ["belongs to kind: sweep"]),
        ({"kind": "data_size", "double_descent": {}}, ["double_descent belongs", "data_size"]),
        ({"kind": "sweep"}, ["needs sweep: {technique, parameter, values}"]),
        ({"kind": "ablate"}, ["arms is empty"]),
        ({"kind": "power"}, ["arms is empty"]),
        ({"kind": "sweep", "arms": STEPS, "sweep": {"parameter": "lr", "values": [1, 2]}}, ["makes its own", "mix"]),
        ({"kind": "bias_variance", "arms": STEPS}, ["makes its own", "leave arms mix, decay, slow out"]),
        ({"kind": "double_descent", "arms": STEPS}, ["makes its own"]),
        ({"kind": "data_size", "arms": STEPS, "data_size": {"sizes": [20, 40]}}, ["compares one arm", "mix, decay"]),
        ({"kind": "data_size"}, ["data_size: {sizes: [...]}", "train_size"]),
        ({"kind": "data_size", "data_size": {"sizes": [20]}}, ["needs 2 sizes", "[20]"]),
        ({"kind": "data_size", "data_size": {"sizes": [3, 20]}}, ["data_size.sizes.0", "8"]),
        ({"kind": "data_size", "data": {"builtin": "wine", "train_size": 8}}, ["needs 2 sizes", "[]"]),
        ({"kind": "data_size", "data_size": {"sizes": [20, 40]}, "arms": {"a": {"data": {"train_size": 9}}}},
         ["sets the train_size of arm 'a' itself"]),
        ({"kind": "data_size", "data_size": {"sizes": [20, 40]}, "arms": {"n-20": {"lr": 0.1}}}, ["'n-20'", "rename"]),
        ({"kind": "double_descent", "double_descent": {"over": "train_size"}}, ["double_descent: {values", "data:"]),
        ({"kind": "double_descent", "double_descent": {"values": [4, 16]}}, ["needs 4 sizes", "[4]"]),
        ({"kind": "double_descent", "double_descent": {"values": [0, 1, 2, 3]}}, ["double_descent.values.0", "1"]),
        ({"kind": "double_descent", "double_descent": {"argument": "widht"}}, ["'widht'", "nearest first: width"]),
        ({"kind": "double_descent", "double_descent": {"argument": "normalization"}}, ["normalization", "number"]),
        ({"kind": "double_descent", "model": {"entry": "mine:model"}}, ["own width is not known", "arguments"]),
        ({"kind": "double_descent", "double_descent": {"over": "epochs", "values": [1, 2]}}, ["leave values out"]),
        ({"kind": "double_descent", "double_descent": {"over": "epochs"}, "baseline": {"epochs": 4}},
         ["needs 5 epochs", "has 4"]),
        ({"kind": "double_descent", "design": {"max_blocks": 2}}, ["needs 3 blocks", "max_blocks is 2"]),
        ({"kind": "power", "arms": STEPS, "design": {"max_blocks": 2}}, ["needs 3 blocks"]),
        ({"kind": "power", "arms": STEPS, "minimum_effect": 0}, ["set minimum_effect"]),
        ({"kind": "recipe", "arms": STEPS, "design": {"tune": "grid"}}, ["tune: grid belongs to verify", "recipe"]),
        ({"kind": "bias_variance", "design": {"max_blocks": 3}}, ["needs 4 blocks", "one for each of its splits"]),
        ({"kind": "bias_variance", "design": {"split": "resampled"}}, ["split: fixed"]),
        ({"kind": "bias_variance", "bias_variance": {"splits": 1}}, ["bias_variance.splits", "2"]),
        ({"kind": "bias_variance", "bias_variance": {"values": [4], "argument": "depht"}}, ["'depht'", "depth"]),
    ],
)  # fmt: skip
def test_what_makes_no_experiment_is_refused_with_what_to_do(changes: dict[str, Any], words: list[str]) -> None:
    said = _refusal(**changes)
    assert all(word in said for word in words), said


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "verify"])
def test_an_a_a_experiment_is_of_kind_verify(kind: str) -> None:
    assert f"aa: true checks verify, but kind is {kind}" in _refusal(kind=kind, **KINDS[kind], aa=True)


def test_the_own_size_is_the_argument_given_or_the_models_default() -> None:
    assert own_size(_spec(arms=STEPS), "width") == 16
    assert own_size(_spec(arms=STEPS), "depth") == own_size(_spec(arms=STEPS, model={"name": "mlp"}), "depth")
    assert own_size(_spec(arms=STEPS, model={"entry": "mine:model", "arguments": {"hidden": 9}}), "hidden") == 9


def _run_id(spec: Spec, arm: str, block: int = 0) -> str:
    known: dict[str, Any] = {"fingerprint": "wine", "kind": "class", "bfloat16": False, "model": {}}
    facts = DataFacts.model_construct(**known)
    here = Circumstances(python="3", torch="2", device="cpu", threads=1, dtype="float32", code="", nonce="")
    return plan_run(spec, arm, block, facts, here).run_id


def test_all_kinds_but_bias_and_variance_share_the_runs_of_the_baseline() -> None:
    verify = _run_id(_spec(arms=STEPS), "baseline", 1)
    for kind, changes in KINDS.items():
        assert (_run_id(_spec(kind=kind, **changes), "baseline", 1) == verify) == (kind != "bias_variance"), kind


def test_the_same_arm_is_the_same_run_whatever_the_kind_calls_it() -> None:
    verify = _spec(arms={**STEPS, "fast": {"lr": 0.03}, "few": {"data": {"train_size": 20}}})
    for kind, arm, same in [("ablate", "mix", "mix"), ("sweep", "lr-0.03", "fast"), ("power", "slow", "slow"),
                            ("data_size", "n-20", "few"), ("data_size", "slow", "slow")]:  # fmt: skip
        assert _run_id(_spec(kind=kind, **KINDS[kind]), arm) == _run_id(verify, same), (kind, arm)
