"""Jobs of several campaigns, one after another: what they share."""

import time
from collections.abc import Callable

from advisor.experiments.evidence import Cost, Evidence
from advisor.experiments.spec import Spec
from advisor.jobs.campaign import Campaign, Executor
from advisor.jobs.request import Request
from advisor.jobs.store import Store

LEAST_SECONDS = 1.0


class StagedJob:
    """A job that asks one question after another. Each stage gets its part of the time that is left."""

    def __init__(
        self, job_id: str, request: Request, store: Store, executor: Executor, cancelled: Callable[[], bool]
    ) -> None:
        assert isinstance(request.spec, Spec)
        self.job_id, self.request, self.spec = job_id, request, request.spec
        self.store, self.executor, self.cancelled = store, executor, cancelled
        self.done: list[Evidence] = []
        self._clock = time.monotonic()

    def stage(self, spec: Spec, number: int, stages: int, weight: float = 1.0) -> Evidence:
        """The evidence of stage `number` of so many.

        weight: how much of the time this one may take, against one of those after it. How long that was is kept, so
        that a resumed job takes the same course.
        """
        name = f"stage {number + 1} of {stages}: "
        budget = self.store.last_event(self.job_id, f"{name}budget")
        if budget is None:
            left = self.spec.budget_seconds - (time.monotonic() - self._clock)
            budget = f"{max(LEAST_SECONDS, left * weight / (stages - number - 1 + weight)):.0f}s"
            self.store.log_event(self.job_id, f"{name}budget", budget)
        request = self.request.model_copy(update={"spec": spec.model_copy(update={"budget": budget})})
        campaign = Campaign(
            self.job_id, request, self.store, self.executor, self.cancelled, stage=name,
            part=(number / stages, (number + 1) / stages),
        )  # fmt: skip
        self.done.append(campaign.run())
        return self.done[-1]

    def closing(self, last: Evidence) -> Evidence:
        """The evidence of the last stage as that of the whole job: its spec, all its runs and all its time."""
        costs = [evidence.cost for evidence in self.done]
        cost: Cost = last.cost.model_copy(
            update={
                "wall_seconds": time.monotonic() - self._clock,
                "training_seconds": sum(cost.training_seconds for cost in costs),
                "runs_trained": sum(cost.runs_trained for cost in costs),
                "runs_reused": sum(cost.runs_reused for cost in costs),
            }
        )
        provenance = last.provenance.model_copy(update={"started": self.done[0].provenance.started})
        return last.model_copy(
            update={"kind": self.spec.kind, "spec": self.spec, "cost": cost, "provenance": provenance}
        )
