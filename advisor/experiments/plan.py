"""The runs of an experiment: seeds, arms and content ids."""

import hashlib

from pydantic import Field

from advisor import __version__
from advisor.contract import Frozen, content_id
from advisor.data.dataset import DataCard
from advisor.errors import AdvisorError
from advisor.experiments.design import Blocks
from advisor.experiments.kinds import sample_for
from advisor.experiments.spec import Spec
from advisor.techniques import build_techniques
from advisor.techniques.core import TargetKind
from advisor.training.command_plan import CommandPlan
from advisor.training.metrics.fits import check_metric
from advisor.training.plan import RunPlan


class DataFacts(Frozen):
    """What is known of the data once it has been loaded."""

    fingerprint: str
    kind: TargetKind
    classes: int | None
    input_shape: tuple[int, ...]
    sizes: dict[str, int]  # train, validation, test
    card: DataCard
    bfloat16: bool = Field(False, description="whether the device multiplies in it faster")
    # What decides the built model beside its spec: the content of its weights, a library's version.
    model: dict[str, str] = Field({})


class Circumstances(Frozen):
    """What decides a result beside the plan itself; part of every run's content id."""

    python: str
    torch: str
    device: str
    threads: int
    dtype: str
    code: str | None
    nonce: str  # empty where finished runs may be reused


def block_seed(design: Blocks, block: int) -> int:
    """The seed of a block: 31 bits of SHA-256 over the campaign's seed and the block's number."""
    number = design.first_block + block
    return int.from_bytes(hashlib.sha256(f"{design.seed}/block/{number}".encode()).digest()[:4], "big") >> 1


def split_seed(spec: Spec, block: int) -> int:
    """The seed of the split: the campaign's own where it is fixed, the block's where it is resampled."""
    return spec.design.seed if spec.design.split == "fixed" else block_seed(spec.design, block)


def check_fits(spec: Spec, facts: DataFacts) -> None:
    """Refuse what cannot work on this data before anything trains.

    Raises:
        AdvisorError: a metric or a technique that does not fit the targets, groups or the shape of the inputs.
    """
    check_metric(spec.metric, facts.kind, grouped=spec.data.groups is not None)
    for name in ("baseline", *spec.arm_names):
        if spec.data_of(name).label_noise and facts.kind != "class":
            raise AdvisorError(f"label_noise changes classes, but the targets are {facts.kind!r}; leave it out.")
        wanted = spec.data_of(name).train_size
        if spec.data.train_size is None and wanted is not None and wanted > facts.sizes["train"]:
            raise AdvisorError(
                f"arm {name!r}: train_size {wanted} is more than the {facts.sizes['train']} examples left for training "
                "after validation and test; lower it or the fractions."
            )
        for technique in build_techniques(spec.arm(name).techniques):
            why = technique.refuse(facts.kind, facts.input_shape)
            if why:
                raise AdvisorError(f"arm {name!r}: {why}.")


def plan_run(
    spec: Spec,
    arm: str,
    block: int,
    facts: DataFacts,
    circumstances: Circumstances,
    *,
    stacked: bool = False,
) -> RunPlan:
    """The plan of one run, with its content id; the precision "auto" is what the device multiplies fast."""
    training = spec.arm(arm)
    if training.precision == "auto":
        training = training.model_copy(update={"precision": "bfloat16" if facts.bfloat16 else "float32"})
    plan = RunPlan(
        run_id="",
        arm=arm,
        block=block,
        block_seed=block_seed(spec.design, block),
        split_seed=split_seed(spec, block),
        data=spec.data_of(arm),
        model=spec.model_of(arm),
        training=training,
        design=spec.design,
        metric=spec.metric,
        device=circumstances.device,
        dtype=circumstances.dtype,
        threads=circumstances.threads,
        stacked=stacked,
        corruptions=spec.corruptions,
        sample=sample_for(spec, block),
        answers=spec.kind == "bias_variance",
    )
    unasked = () if plan.corruptions else ("corruptions",)  # so that earlier runs keep their ids
    decides = plan.model_dump(mode="json", exclude={"run_id", "arm", "block", *unasked})
    # How many blocks there are decides nothing about one of them.
    decides["design"] = plan.design.model_dump(
        mode="json", include={"validation_fraction", "test_fraction", "test_part"}
    )
    run_id = content_id(
        {
            "engine": __version__,
            "plan": decides,
            "data": facts.fingerprint,
            "model": facts.model,
            "circumstances": circumstances.model_dump(mode="json"),
            "separate": arm if circumstances.nonce else "",
        }
    )
    return plan.model_copy(update={"run_id": run_id})


def command_id(plan: CommandPlan, circumstances: Circumstances, patch: str | None, separate: str) -> str:
    """The content id of a run of the user's script: all that decides its result, and nothing of where it runs."""
    where = {"run_id", "arm", "block", "folder", "workspace", "manifest", "timeout_seconds"}
    return content_id(
        {
            "engine": __version__,
            "plan": plan.model_dump(mode="json", exclude=where),
            "patch": patch,
            "circumstances": circumstances.model_dump(mode="json"),
            "separate": separate,
        }
    )
