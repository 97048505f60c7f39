"""What the runs of a job are: trainings by our loop, or runs of the user's own script. A campaign knows no more."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from advisor.errors import AdvisorError
from advisor.experiments.assess import assess, rule_for
from advisor.experiments.assess_command import assess_command, script_courses, script_rule
from advisor.experiments.command_spec import CommandSpec, spell
from advisor.experiments.evidence import Results, RunResult
from advisor.experiments.pairing import courses, pair
from advisor.experiments.plan import Circumstances, DataFacts, block_seed, check_fits, command_id, plan_run
from advisor.experiments.spec import Spec
from advisor.experiments.tree import changed, copy_tree, fingerprint, manifest
from advisor.files import write_atomic
from advisor.jobs.home import home, job_folder
from advisor.jobs.request import Request, patched
from advisor.techniques import build_techniques
from advisor.training.command_plan import CommandPlan
from advisor.training.plan import RunPlan
from advisor.training.probe import StackProbe
from advisor.training.stack import stacks

PROBED_STACK = 8  # runs
REPEAT = "baseline (repeat)"  # no arm can be called so
Plan = RunPlan | CommandPlan
Message = dict[str, Any]


class Setting(NamedTuple):
    """Where runs happen, for the evidence."""

    device: str
    dtype: str
    data: str  # fingerprint
    precision: str = ""  # that "auto" stands for
    stacked: tuple[str, ...] = ()  # arms whose runs are trained together


class Work(Protocol):
    """One form of spec, as a campaign sees it."""

    kind: str  # of its tasks

    @property
    def look(self) -> Message | None:
        """The task whose value `begin` needs, or None."""
        ...

    def begin(self, looked: dict[str, Any]) -> Setting:
        """Before the first run.

        Raises:
            AdvisorError: what was asked for cannot work.
        """
        ...

    @property
    def probe(self) -> Message | None:
        """After `begin`: the task that measures what `expected_seconds` needs, or None."""
        ...

    def expected_seconds(self, probed: Message) -> dict[str, float]:
        """How long a run takes, for the arms of which it is known before the first."""
        ...

    def plan(self, arm: str, block: int) -> Plan:
        """One run."""
        ...

    @property
    def rehearsals(self) -> list[Plan]:
        """Runs beside the blocks, done with the first one."""
        ...

    def check_first_block(self, runs: Sequence[RunResult]) -> None:
        """Look at the first block and the rehearsals.

        Raises:
            AdvisorError: going on is pointless.
        """
        ...

    def settled(self, runs: Sequence[RunResult], horizon: int) -> set[str]:
        """The arms that need no more blocks after these, which are whole for every other arm."""
        ...

    def results(self, runs: Sequence[RunResult], horizon: int) -> Results:
        """The judgement over all runs, rehearsals included, where at most `horizon` blocks were planned."""
        ...


class TrainingWork:
    """Trainings by our own loop."""

    kind = "train"

    def __init__(self, spec: Spec, request: Request) -> None:
        self.spec = spec
        self.request = request

    @property
    def look(self) -> Message | None:
        """Load the data once."""
        return {"kind": "inspect", "task": "data", "spec": self.spec.model_dump(mode="json")}

    def begin(self, looked: dict[str, Any]) -> Setting:
        """Refuse what does not fit the data."""
        self.facts = DataFacts.model_validate(looked["facts"] | looked["timed"])
        check_fits(self.spec, self.facts)
        cuda = looked["cuda"] and self.spec.model.entry is not None  # the built-in models are too small
        self.circumstances = Circumstances(
            python=self.request.interpreter.python,
            torch=self.request.interpreter.versions["torch"],
            device="cuda" if cuda else "cpu",
            threads=1,
            dtype="float32",
            code=self.request.code,
            nonce=self.request.nonce,
        )
        return Setting(
            device=self.circumstances.device,
            dtype=self.circumstances.dtype,
            data=self.facts.fingerprint,
            precision="bfloat16" if self.facts.bfloat16 else "float32",
            stacked=tuple(arm for arm in self._arms if self._stacked(arm)),
        )

    @property
    def probe(self) -> Message | None:
        """A stack of the first arm that is stacked; None where none is."""
        arm = next((arm for arm in self._arms if self._stacked(arm)), None)
        if arm is None:
            return None
        plans = [self.plan(arm, block) for block in range(PROBED_STACK)]
        return {"kind": "probe", "task": "probe", "plans": [plan.model_dump(mode="json") for plan in plans]}

    def expected_seconds(self, probed: Message) -> dict[str, float]:
        """Those of stacked arms, from the step costs on the cards: their techniques train nothing besides."""
        probe = StackProbe.model_validate(probed)
        expected = {}
        for arm in self._arms:
            if self._stacked(arm):
                training = self.spec.arm(arm)
                costs = [technique.card.step_cost for technique in build_techniques(training.techniques)]
                expected[arm] = probe.run_seconds(training.epochs, math.prod(costs))
        return expected

    @property
    def _arms(self) -> tuple[str, ...]:
        return ("baseline", *self.spec.arm_names)

    def _stacked(self, arm: str) -> bool:
        return stacks(self.spec.model_of(arm), self.spec.arm(arm), self.facts.input_shape)

    def plan(self, arm: str, block: int) -> Plan:
        """One training."""
        return plan_run(self.spec, arm, block, self.facts, self.circumstances, stacked=self._stacked(arm))

    @property
    def rehearsals(self) -> list[Plan]:
        """None: our loop obeys its seed."""
        return []

    def check_first_block(self, runs: Sequence[RunResult]) -> None:
        """Nothing to look at: a training that fails ends the job."""

    def settled(self, runs: Sequence[RunResult], horizon: int) -> set[str]:
        """Arms that are decided, equivalent or hopeless."""
        rule = rule_for(self.spec, horizon, self.facts.sizes)
        ways = courses(pair(runs, self.spec.arm_names), self.spec.metric, rule, aa=self.spec.aa)
        return {name for name, course in ways.items() if course.settled}

    def results(self, runs: Sequence[RunResult], horizon: int) -> Results:
        """The judgement."""
        return assess(self.spec, runs, self.facts.sizes, rule_for(self.spec, horizon, self.facts.sizes))


class CommandWork:
    """Runs of the user's own script."""

    kind = "command"
    look = None
    probe = None

    def __init__(self, spec: CommandSpec, request: Request, job_id: str) -> None:
        assert request.workspace is not None
        self.spec = spec
        self.request = request
        self.folder = job_folder(job_id)
        self.workspace = Path(request.workspace)

    def begin(self, looked: dict[str, Any]) -> Setting:
        """Note the tree's files, which must stay as they were when the job was submitted, and make patched copies."""
        files = self._files()
        (self.folder / "runs").mkdir(parents=True, exist_ok=True)
        self._trees: dict[str, tuple[Path, str | None]] = {}
        for arm in ("baseline", *self.spec.arm_names):
            patch = self.request.patches.get(arm)
            self._trees[arm] = self._tree(arm, patch, files)
        return Setting("the script's own", "the script's own", "not known: the script loads its data")

    def _files(self) -> dict[str, str]:
        known = self.folder / "tree.json"
        if self.request.code is None:
            return {}
        if not known.exists():
            files = manifest(self.workspace, home().resolve())
            if files is None or fingerprint(files) != self.request.code:
                raise AdvisorError(
                    f"The files in {str(self.workspace)!r} changed while the job was starting; start it again."
                )
            write_atomic(known, json.dumps(files, sort_keys=True))
        found: dict[str, str] = json.loads(known.read_text(encoding="utf-8"))
        other = changed(found, self.workspace)
        if other:
            raise AdvisorError(
                f"{', '.join(map(repr, other[:5]))} changed since job {self.folder.name} was started; put "
                f"{'it' if len(other) == 1 else 'them'} back, or start another job with regadvisor verify."
            )
        return found

    def _tree(self, arm: str, patch: str | None, files: dict[str, str]) -> tuple[Path, str | None]:
        if patch is None:
            return self.workspace, str(self.folder / "tree.json") if files else None
        target = self.folder / "trees" / arm
        listed = self.folder / "trees" / f"{arm}.json"
        if not listed.exists():
            copy_tree(files, self.workspace, target, patched(arm, patch, self.workspace))
            copied = manifest(target, home().resolve()) or {}
            # What was linked is the workspace's, and no part of the copy.
            own = {name: digest for name, digest in copied.items() if not (target / name).is_symlink()}
            write_atomic(listed, json.dumps(own, sort_keys=True))
        return target, str(listed)

    def expected_seconds(self, probed: Message) -> dict[str, float]:
        """Only the script can tell."""
        return {}

    def plan(self, arm: str, block: int) -> Plan:
        """One run."""
        spec = self.spec
        values = spec.arm("baseline" if arm == REPEAT else arm)
        tree, listed = self._trees["baseline" if arm == REPEAT else arm]
        plan = CommandPlan(
            run_id="",
            arm=arm,
            block=block,
            block_seed=block_seed(spec.design, block),
            command=spec.command,
            log=spec.log,
            report=spec.report,
            select=spec.select,
            values={key: spell(value) for key, value in values.items() if key not in {"patch", "cwd"}},
            cwd=str(values.get("cwd", ".")),
            environment=spec.environment,
            passed=self.request.passed,
            python=self.request.interpreter.path,
            timeout_seconds=spec.timeout_seconds,
            folder=str(self.folder / "runs"),
            workspace=str(tree),
            manifest=listed,
        )
        separate = arm if self.request.nonce or arm == REPEAT else ""
        patch = self.request.patches.get("baseline" if arm == REPEAT else arm)
        return plan.model_copy(update={"run_id": command_id(plan, self._circumstances(), patch, separate)})

    def _circumstances(self) -> Circumstances:
        versions = self.request.interpreter.versions
        return Circumstances(
            python=f"{self.request.interpreter.python} {sorted(versions.items())}",
            torch=versions.get("torch", ""),
            device="",
            threads=0,
            dtype="",
            code=self.request.code,
            nonce=self.request.nonce,
        )

    @property
    def rehearsals(self) -> list[Plan]:
        """The baseline's first block once more: does the script obey its seed?"""
        return [self.plan(REPEAT, 0)]

    def check_first_block(self, runs: Sequence[RunResult]) -> None:
        """Nothing can be compared with a baseline that fails whenever it runs."""
        baseline = [run for run in runs if run.block == 0 and run.arm in {"baseline", REPEAT}]
        if baseline and all(run.failure for run in baseline):
            raise AdvisorError(
                f"The baseline failed twice, so there is nothing to compare with: {baseline[0].failure}", exit_status=1
            )

    def settled(self, runs: Sequence[RunResult], horizon: int) -> set[str]:
        """Arms that are decided, equivalent or hopeless."""
        pairs = pair(runs, self.spec.arm_names)
        ways = script_courses(self.spec, pairs, script_rule(self.spec, horizon))
        return {name for name, course in ways.items() if course.settled}

    def results(self, runs: Sequence[RunResult], horizon: int) -> Results:
        """The judgement."""
        repeat = next(run for run in runs if run.arm == REPEAT)
        counted = [run for run in runs if run.arm != REPEAT]
        rule = script_rule(self.spec, horizon)
        return assess_command(self.spec, counted, repeat, rule, reusable=self.request.code is not None)


def work_for(job_id: str, request: Request) -> Work:
    """The work that this request asks for."""
    if isinstance(request.spec, CommandSpec):
        return CommandWork(request.spec, request, job_id)
    return TrainingWork(request.spec, request)
