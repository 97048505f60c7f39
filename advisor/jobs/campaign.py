"""The course of one job: look at the data, train the first block, fix the largest number of blocks, then train block
by block until every arm is settled, and judge.

Decisions follow block order and logged events, never the order of finishing, so that a resumed job takes the same
course and ends with the same results.
"""

import math
import os
import platform
import time
from collections.abc import Callable
from typing import Any, Protocol

from advisor import __version__
from advisor.errors import AdvisorError
from advisor.experiments.boundary import looks
from advisor.experiments.budget import Allowance, allowance
from advisor.experiments.evidence import Cost, Evidence, Provenance, RunResult
from advisor.experiments.plan import block_seed
from advisor.jobs.request import Request
from advisor.jobs.store import Store, now
from advisor.jobs.work import Plan, Setting, work_for
from advisor.training.plan import RunPlan
from advisor.training.stack import stack_size
from advisor.words import duration

MAX_DEATHS = 2  # of one run's worker, before the job fails
# From when on the first block's pace is believed, and by how much two blocks must exceed the budget to be refused.
FAIR_SECONDS, FAIR_SHARE, HOPELESS = 10.0, 0.1, 1.5
STACKED_FIRST = 8  # blocks of a stacked arm that are trained before the first look; then all that are left
Message = dict[str, Any]


class Executor(Protocol):
    """Runs tasks somewhere; see `advisor.jobs.local`."""

    workers: int

    def submit(self, task: Message) -> None: ...
    def poll(self, seconds: float) -> list[Message]: ...


class CancelledError(Exception):
    """Somebody asked for the end of the job."""


class Campaign:
    """One job from its request to its evidence. The store is written by this object alone."""

    def __init__(
        self,
        job_id: str,
        request: Request,
        store: Store,
        executor: Executor,
        cancelled: Callable[[], bool],
        *,
        stage: str = "",
        part: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        """`stage`, `part`: its name among several campaigns of one job, and its part of the job's progress."""
        self.stage, self.part = stage, part
        self.job_id = job_id
        self.request = request
        self.spec = request.spec
        self.work = work_for(job_id, request)
        self.arms = ("baseline", *self.spec.arm_names)
        self.store = store
        self.executor = executor
        self.cancelled = cancelled
        self.started, self._clock = now(), time.monotonic()
        self.done: dict[tuple[int, str], tuple[RunResult, float]] = {}
        self.reused = 0
        self.progress = 0.0
        self.blocks = self.spec.max_blocks  # at most
        self.going = self.spec.arm_names  # the arms that are not settled
        self.waiting: dict[str, list[Plan]] = {}  # submitted tasks
        self.shares: dict[str, float] = {}  # of a task's runs that are done
        self.deaths: dict[str, int] = {}  # of a task's workers

    def run(self) -> Evidence:
        """Everything, to the end.

        Raises:
            AdvisorError: the request turned out wrong, or the work failed.
            CancelledError: the job was cancelled.
        """
        self._say("looking at the data")
        setting = self.work.begin(self._looked())
        first_block = [self.work.plan(arm, 0) for arm in self.arms]
        rehearsals = self.work.rehearsals
        logged = self.store.last_event(self.job_id, f"{self.stage}blocks")
        if logged is None:
            known = self._expected_seconds()
            # What is stacked is cheapest together, and how long it takes is known.
            self._train(
                [*(plan for plan in first_block if plan.arm not in known), *rehearsals], limit=self.spec.budget_seconds
            )
            self.work.check_first_block([result for result, _ in self.done.values()])
            logged = self._allow(known).model_dump(mode="json")
            self.store.log_event(self.job_id, f"{self.stage}blocks", logged)
        allowed = Allowance.model_validate(logged)
        self.blocks = allowed.horizon
        self._train(rehearsals)
        blocks = self._follow(allowed, setting.stacked)
        self._say("judging", 1.0)
        return self._evidence(setting, blocks)

    def _follow(self, allowed: Allowance, stacked: tuple[str, ...]) -> int:
        """Train block by block, dropping arms that are settled, to the last block or the end of the time.

        Looks come in block order, and see only blocks that are whole: the order of finishing decides nothing.

        Returns:
            The number of blocks that count.
        """
        if not self.spec.early:
            self._train(self._until(allowed.horizon, stacked))
            return allowed.horizon
        blocks = min(looks(allowed.horizon))
        left = allowed.left - (blocks - 1) * allowed.of_block(self.arms)
        while True:
            self._train(self._until(blocks, stacked), ahead=self._until(min(blocks + 1, allowed.horizon), stacked))
            settled = self.work.settled(self._runs(blocks), allowed.horizon)
            self.going = tuple(arm for arm in self.going if arm not in settled)
            left -= allowed.of_block(("baseline", *self.going))
            if not self.going or blocks == allowed.horizon or left < 0:
                return blocks
            blocks += 1

    def _until(self, blocks: int, stacked: tuple[str, ...]) -> list[Plan]:
        """The runs up to so many blocks; of stacked arms more, because more at once are cheaper."""
        many = min(self.blocks, STACKED_FIRST if blocks <= STACKED_FIRST else self.blocks)
        return [
            self.work.plan(arm, block)
            for block in range(many)
            for arm in ("baseline", *self.going)
            if block < blocks or arm in stacked
        ]

    def _runs(self, blocks: int) -> list[RunResult]:
        """The results of the first so many blocks."""
        return [result for (block, _), (result, _) in self.done.items() if block < blocks]

    def _looked(self) -> Message:
        """What a look at the data found; what was timed for it counts as it was found the first time."""
        looked = self._ask(self.work.look)
        timed = self.store.last_event(self.job_id, f"{self.stage}timed")
        if timed is None:
            timed = looked.get("timed", {})
            self.store.log_event(self.job_id, f"{self.stage}timed", timed)
        return looked | {"timed": timed}

    def _expected_seconds(self) -> dict[str, float]:
        """Seconds of a run of each arm for which the work can tell before the first."""
        task = self.work.probe
        if task is None:
            return {}
        self._say("measuring how long a run takes")
        return self.work.expected_seconds(self._ask(task))

    def _allow(self, known: dict[str, float]) -> Allowance:
        try:
            return allowance(
                {arm: known[arm] if arm in known else self.done[0, arm][1] for arm in self.arms},
                budget_seconds=self.spec.budget_seconds,
                elapsed=self._elapsed(),
                workers=self.executor.workers,
                max_blocks=self.spec.max_blocks,
                done=not known,
            )
        except AdvisorError as error:
            failed = [f" Run {result.arm!r} failed: {result.failure}" for result, _ in self.done.values()
                      if result.failure]  # fmt: skip
            raise AdvisorError(f"{error}{''.join(failed)}", exit_status=error.exit_status) from None

    def _ask(self, task: Message | None) -> Message:
        """The value of a task that is no run."""
        if task is None:
            return {}
        self.executor.submit(task)
        deaths = 0
        while True:
            for message in self._poll():
                if message["kind"] == "finished":
                    value: Message = message["value"]
                    return value
                if message["kind"] == "died":
                    deaths += 1
                    if deaths < MAX_DEATHS:
                        self.executor.submit(task)
                        continue
                    raise AdvisorError(
                        f"The worker that looked at the {task['task']} ended twice with status {message['status']}; "
                        "its log is in the job's folder. A negative status is a signal: -9 often means too little "
                        "memory.",
                        exit_status=1,
                    )

    def _train(self, plans: list[Plan], ahead: list[Plan] | None = None, limit: float | None = None) -> None:
        """Train what is not finished yet; each result is recorded at once. `ahead`: for workers without work."""
        self._submit(plans)
        wanted = {(plan.block, plan.arm) for plan in plans}
        begun = self._elapsed()
        while wanted - self.done.keys():
            while ahead and len(self.waiting) < self.executor.workers:
                self._submit([ahead.pop(0)])
            for message in self._poll():
                name = message["task"]
                if message["kind"] == "progress":
                    self.shares[name] = message["share"] * len(self.waiting[name])
                elif message["kind"] == "finished":
                    self._record(self.waiting.pop(name), message)
                    self.shares.pop(name, None)
                else:
                    self.deaths[name] = self.deaths.get(name, 0) + 1
                    if self.deaths[name] >= MAX_DEATHS:
                        raise AdvisorError(
                            f"The worker of run {name} ended twice with status {message['status']}; its log is in the "
                            "job's folder. A negative status is a signal: -9 often means too little memory.",
                            exit_status=1,
                        )
                    self.executor.submit(self._task(name, self.waiting[name]))
            self._report_progress(sum(self.shares.values()))
            if limit is not None and self.waiting:
                trained = len(plans) - len(wanted - self.done.keys()) + sum(self.shares.values())
                if not trained:  # workers still import what they need
                    begun = self._elapsed()
                self._check_pace(limit, begun, trained, len(plans))

    def _submit(self, plans: list[Plan]) -> None:
        """Those of these runs that are neither finished nor under way."""
        under_way = {(plan.block, plan.arm) for group in self.waiting.values() for plan in group}
        new = [plan for plan in plans if (plan.block, plan.arm) not in self.done.keys() | under_way]
        for group in self._groups([plan for plan in new if not self._reuse(plan)]):
            name = f"{group[0].block}/{group[0].arm}"
            self.waiting[name] = group
            self.executor.submit(self._task(name, group))

    def _check_pace(self, limit: float, begun: float, trained: float, runs: int) -> None:
        """Refuse once it is plain that two blocks do not fit; `trained`: runs of the first block, also in part."""
        elapsed = self._elapsed()
        if elapsed > limit:
            raise AdvisorError(
                f"The budget of {duration(limit)} is too small for two blocks: it ended before the first block of "
                f"{runs} runs was done. Set a larger budget, or train for fewer epochs."
            )
        if trained == 0 or elapsed - begun < max(FAIR_SECONDS, FAIR_SHARE * limit):
            return
        block = (elapsed - begun) / trained * runs
        if begun + 2 * block > HOPELESS * limit:
            raise AdvisorError(
                f"The budget of {duration(limit)} is too small for two blocks: by the pace of its first epochs one "
                f"block of {runs} runs takes about {duration(block)}. Set budget: {math.ceil(2.4 * block)}s or more, "
                "or train for fewer epochs."
            )

    def _groups(self, plans: list[Plan]) -> list[list[Plan]]:
        """The runs that one task trains: stacks of one arm's, and else each on its own."""
        stacked: dict[str, list[Plan]] = {}
        groups = []
        for plan in plans:
            if isinstance(plan, RunPlan) and plan.stacked:
                stacked.setdefault(plan.arm, []).append(plan)
            else:
                groups.append([plan])
        if stacked:
            size = stack_size(max(map(len, stacked.values())), len(stacked), self.executor.workers)
            for own in stacked.values():
                groups += [own[start : start + size] for start in range(0, len(own), size)]
        return groups

    def _poll(self) -> list[Message]:
        if self.cancelled():
            raise CancelledError
        messages = self.executor.poll(0.2)
        for message in messages:
            if message["kind"] == "failed":
                where = "" if message["task"] in ("data", "probe") else f"run {message['task']}: "
                raise AdvisorError(f"{where}{message['error']}", exit_status=message["exit_status"])
        return messages

    def _task(self, name: str, plans: list[Plan]) -> Message:
        if isinstance(plans[0], RunPlan) and plans[0].stacked:
            return {"kind": "stack", "task": name, "plans": [plan.model_dump(mode="json") for plan in plans]}
        return {"kind": self.work.kind, "task": name, "plan": plans[0].model_dump(mode="json")}

    def _reuse(self, plan: Plan) -> bool:
        found = self.store.find_run(plan.run_id)
        if found is None:
            return False
        result, seconds, trained_by = found
        if result.failure and trained_by != self.job_id:
            return False  # what failed for another job may work now
        self.reused += trained_by != self.job_id
        self.done[plan.block, plan.arm] = (result.model_copy(update={"arm": plan.arm, "block": plan.block}), seconds)
        return True

    def _record(self, plans: list[Plan], message: Message) -> None:
        values = message["value"] if isinstance(message["value"], list) else [message["value"]]
        seconds = message["seconds"] / len(plans)
        for plan, value in zip(plans, values, strict=True):
            result = RunResult.model_validate(value)
            self.store.save_run(self.job_id, result, seconds)
            self.done[plan.block, plan.arm] = (result, seconds)

    def _report_progress(self, in_flight: float) -> None:
        left = sum((block, arm) not in self.done for block in range(self.blocks) for arm in ("baseline", *self.going))
        total = len(self.done) + left
        share = min(0.99, (len(self.done) + in_flight) / total)
        time_left = ""
        if self.progress > 0.05 and len(self.done) > len(self.arms):
            time_left = f", at most {duration(self._elapsed() / max(share, 1e-3) * (1 - share))} left"
        self._say(f"{len(self.done)} of at most {total} runs done{time_left}", share)

    def _say(self, message: str, progress: float = 0.0) -> None:
        progress = max(progress, self.progress)  # it only rises, also when the number of blocks is cut
        if progress - self.progress >= 0.005 or progress == 1 or self.progress == 0:
            self.progress = progress
            start, end = self.part
            whole = start + (end - start) * progress
            self.store.update_job(self.job_id, state="running", progress=whole, message=f"{self.stage}{message}")

    def _elapsed(self) -> float:
        return time.monotonic() - self._clock

    def _seconds(self, arms: tuple[str, ...]) -> float:
        """Mean seconds of the first arm's runs in blocks where all of these arms finished; NaN where there are none."""
        blocks = [
            block
            for block in range(self.blocks)
            if all((block, arm) in self.done and not self.done[block, arm][0].failure for arm in arms)
        ]
        return sum(self.done[block, arms[0]][1] for block in blocks) / len(blocks) if blocks else math.nan

    def _evidence(self, setting: Setting, blocks: int) -> Evidence:
        per_arm = {arm: seconds for arm in self.arms if math.isfinite(seconds := self._seconds((arm,)))}
        multiplier = {
            arm: self._seconds((arm, "baseline")) / max(self._seconds(("baseline", arm)), 1e-9) for arm in self.arms
        }
        return Evidence(
            kind=self.spec.kind,
            spec=self.spec,
            results=self.work.results(self._runs(blocks), self.blocks),
            cost=Cost(
                wall_seconds=self._elapsed(),
                training_seconds=sum(seconds for _, seconds in self.done.values()),
                runs_trained=len(self.done) - self.reused,
                runs_reused=self.reused,
                seconds_per_run=per_arm,
                multiplier={arm: ratio for arm, ratio in multiplier.items() if math.isfinite(ratio)},
            ),
            provenance=Provenance(
                engine=__version__,
                python=self.request.interpreter.python,
                versions=self.request.interpreter.versions,
                device=setting.device,
                threads=1,
                dtype=setting.dtype,
                precision=setting.precision,
                stacked=setting.stacked,
                machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
                data_fingerprint=setting.data,
                code_fingerprint=self.request.code,
                block_seeds=tuple(block_seed(self.spec.design, block) for block in range(blocks)),
                started=self.started,
                finished=now(),
            ),
        )
