"""Which course a job takes: one campaign, or several in stages."""

from collections.abc import Callable
from typing import Protocol

from advisor.experiments.evidence import Evidence
from advisor.experiments.spec import Spec
from advisor.jobs.campaign import Campaign, Executor
from advisor.jobs.recipe_job import RecipeJob
from advisor.jobs.request import Request
from advisor.jobs.store import Store
from advisor.jobs.tuned_job import TunedJob


class Course(Protocol):
    """A job from its request to its evidence."""

    def run(self) -> Evidence:
        """Everything, to the end.

        Raises:
            AdvisorError: the request turned out wrong, or the work failed.
            CancelledError: the job was cancelled.
        """
        ...


def course_for(
    job_id: str, request: Request, store: Store, executor: Executor, cancelled: Callable[[], bool]
) -> Course:
    """What carries this request to its evidence."""
    spec = request.spec
    if spec.kind == "recipe":
        return RecipeJob(job_id, request, store, executor, cancelled)
    if isinstance(spec, Spec) and spec.design.tune != "none":
        return TunedJob(job_id, request, store, executor, cancelled)
    return Campaign(job_id, request, store, executor, cancelled)
