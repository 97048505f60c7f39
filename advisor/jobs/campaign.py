"""The course of one job: look at the data, train the first block, fix the number of blocks, train the rest, judge.

Decisions follow block order and logged events, never the order of finishing, so that a resumed job takes the same
course and ends with the same results.
"""

import os
import platform
import time
from collections.abc import Callable
from typing import Any, Protocol

from advisor import __version__
from advisor.errors import AdvisorError
from advisor.experiments.assess import assess
from advisor.experiments.budget import blocks_within
from advisor.experiments.evidence import Cost, Evidence, Provenance, RunResult
from advisor.experiments.plan import Circumstances, DataFacts, block_seed, check_fits, plan_run
from advisor.jobs.request import Request
from advisor.jobs.store import Store, now
from advisor.training.plan import RunPlan
from advisor.words import duration

MAX_DEATHS = 2  # of one run's worker, before the job fails
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
        self, job_id: str, request: Request, store: Store, executor: Executor, cancelled: Callable[[], bool]
    ) -> None:
        self.job_id = job_id
        self.request = request
        self.spec = request.spec
        self.arms = ("baseline", *self.spec.arm_names)
        self.store = store
        self.executor = executor
        self.cancelled = cancelled
        self.started, self._clock = now(), time.monotonic()
        self.done: dict[tuple[int, str], tuple[RunResult, float]] = {}
        self.reused = 0
        self.progress = 0.0
        self.blocks = self.spec.design.max_blocks

    def run(self) -> Evidence:
        """Everything, to the end.

        Raises:
            AdvisorError: the request turned out wrong, or the work failed.
            CancelledError: the job was cancelled.
        """
        self._say("looking at the data")
        facts, device = self._look()
        check_fits(self.spec, facts)
        circumstances = Circumstances(
            python=self.request.interpreter.python,
            torch=self.request.interpreter.versions["torch"],
            device=device,
            threads=1,
            dtype="float32",
            code=self.request.code,
            nonce=self.request.nonce,
        )

        def plan(arm: str, block: int) -> RunPlan:
            return plan_run(self.spec, arm, block, facts, circumstances)

        logged = self.store.last_event(self.job_id, "blocks")
        if logged is None:
            self._train([plan(arm, 0) for arm in self.arms], limit=self.spec.budget_seconds)
            logged = blocks_within(
                self.spec.budget_seconds,
                first_block=[seconds for _, seconds in self.done.values()],
                elapsed=self._elapsed(),
                workers=self.executor.workers,
                max_blocks=self.spec.design.max_blocks,
            )
            self.store.log_event(self.job_id, "blocks", logged)
        self.blocks = logged
        self._train([plan(arm, block) for block in range(self.blocks) for arm in self.arms])
        self._say("judging", 1.0)
        return self._evidence(facts, circumstances)

    def _look(self) -> tuple[DataFacts, str]:
        self.executor.submit({"kind": "inspect", "task": "data", "spec": self.spec.model_dump(mode="json")})
        while True:
            for message in self._poll():
                if message["kind"] == "finished":
                    value = message["value"]
                    cuda = value["cuda"] and self.spec.model.entry is not None  # the built-in models are too small
                    return DataFacts.model_validate(value["facts"]), "cuda" if cuda else "cpu"
                if message["kind"] == "died":
                    raise AdvisorError(
                        f"The worker that loaded the data ended with status {message['status']}; its log is in "
                        f"the job's folder. A negative status is a signal: -9 often means too little memory.",
                        exit_status=1,
                    )

    def _train(self, plans: list[RunPlan], limit: float | None = None) -> None:
        """Train what is not finished yet; each result is recorded at once."""
        waiting: dict[str, RunPlan] = {}
        for plan in plans:
            if (plan.block, plan.arm) not in self.done and not self._reuse(plan):
                waiting[f"{plan.block}/{plan.arm}"] = plan
        for name, plan in waiting.items():
            self.executor.submit(self._task(name, plan))
        shares: dict[str, float] = {}
        deaths: dict[str, int] = {}
        while waiting:
            for message in self._poll():
                name = message["task"]
                if message["kind"] == "progress":
                    shares[name] = message["share"]
                elif message["kind"] == "finished":
                    self._record(waiting.pop(name), message)
                    shares.pop(name, None)
                else:
                    deaths[name] = deaths.get(name, 0) + 1
                    if deaths[name] >= MAX_DEATHS:
                        raise AdvisorError(
                            f"The worker of run {name} ended twice with status {message['status']}; its log is in the "
                            "job's folder. A negative status is a signal: -9 often means too little memory.",
                            exit_status=1,
                        )
                    self.executor.submit(self._task(name, waiting[name]))
            self._report_progress(sum(shares.values()))
            if limit is not None and waiting and self._elapsed() > limit:
                raise AdvisorError(
                    f"The budget of {duration(limit)} is too small for two blocks: it ended before the first block of "
                    f"{len(plans)} runs was done. Set a larger budget, or train for fewer epochs."
                )

    def _poll(self) -> list[Message]:
        if self.cancelled():
            raise CancelledError
        messages = self.executor.poll(0.2)
        for message in messages:
            if message["kind"] == "failed":
                where = "" if message["task"] == "data" else f"run {message['task']}: "
                raise AdvisorError(f"{where}{message['error']}", exit_status=message["exit_status"])
        return messages

    def _task(self, name: str, plan: RunPlan) -> Message:
        return {"kind": "train", "task": name, "plan": plan.model_dump(mode="json")}

    def _reuse(self, plan: RunPlan) -> bool:
        found = self.store.find_run(plan.run_id)
        if found is None:
            return False
        result, seconds, trained_by = found
        self.reused += trained_by != self.job_id
        self.done[plan.block, plan.arm] = (result.model_copy(update={"arm": plan.arm, "block": plan.block}), seconds)
        return True

    def _record(self, plan: RunPlan, message: Message) -> None:
        result = RunResult.model_validate(message["value"])
        self.store.save_run(self.job_id, result, message["seconds"])
        self.done[plan.block, plan.arm] = (result, message["seconds"])

    def _report_progress(self, in_flight: float) -> None:
        total = self.blocks * len(self.arms)
        share = min(0.99, (len(self.done) + in_flight) / total)
        left = ""
        if self.progress > 0.05 and len(self.done) > len(self.arms):
            left = f", about {duration(self._elapsed() / max(share, 1e-3) * (1 - share))} left"
        self._say(f"{len(self.done)} of {total} runs done{left}", share)

    def _say(self, message: str, progress: float = 0.0) -> None:
        progress = max(progress, self.progress)  # it only rises, also when the number of blocks is cut
        if progress - self.progress >= 0.005 or progress == 1 or self.progress == 0:
            self.progress = progress
            self.store.update_job(self.job_id, state="running", progress=progress, message=message)

    def _elapsed(self) -> float:
        return time.monotonic() - self._clock

    def _evidence(self, facts: DataFacts, circumstances: Circumstances) -> Evidence:
        runs = [result for result, _ in self.done.values()]
        per_arm = {
            arm: sum(self.done[block, arm][1] for block in range(self.blocks)) / self.blocks for arm in self.arms
        }
        return Evidence(
            spec=self.spec,
            results=assess(self.spec, runs, facts.sizes),
            cost=Cost(
                wall_seconds=self._elapsed(),
                training_seconds=sum(seconds for _, seconds in self.done.values()),
                runs_trained=len(runs) - self.reused,
                runs_reused=self.reused,
                seconds_per_run=per_arm,
                multiplier={arm: per_arm[arm] / max(per_arm["baseline"], 1e-9) for arm in self.arms},
            ),
            provenance=Provenance(
                engine=__version__,
                python=circumstances.python,
                versions=self.request.interpreter.versions,
                device=circumstances.device,
                threads=circumstances.threads,
                dtype=circumstances.dtype,
                machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
                data_fingerprint=facts.fingerprint,
                code_fingerprint=circumstances.code,
                block_seeds=tuple(block_seed(self.spec.design.seed, block) for block in range(self.blocks)),
                started=self.started,
                finished=now(),
            ),
        )
