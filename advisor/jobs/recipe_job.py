"""The course of a job that decides on a recipe: one campaign for each decision, and one that confirms."""

import time
from collections.abc import Callable

from advisor.errors import AdvisorError
from advisor.experiments.evidence import Cost, Evidence
from advisor.experiments.finding import Findings
from advisor.experiments.kinds import Recipe, merged
from advisor.experiments.recipe_trial import StepDecision, decision, judge_trial, not_tested, share, stage
from advisor.experiments.spec import Spec
from advisor.jobs.campaign import Campaign, Executor
from advisor.jobs.request import Request
from advisor.jobs.store import Store

LEAST_SECONDS = 1.0


class RecipeCampaign:
    """One job of kind `recipe` from its request to its evidence."""

    def __init__(
        self, job_id: str, request: Request, store: Store, executor: Executor, cancelled: Callable[[], bool]
    ) -> None:
        assert isinstance(request.spec, Spec)
        self.job_id, self.request, self.spec = job_id, request, request.spec
        self.store, self.executor, self.cancelled = store, executor, cancelled
        self._clock = time.monotonic()
        self._done: list[Evidence] = []

    def run(self) -> Evidence:
        """Everything, to the end.

        Raises:
            AdvisorError: the request turned out wrong, or the work failed.
            CancelledError: the job was cancelled.
        """
        order = (self.spec.recipe or Recipe()).order
        decisions = self._in_sequence() if order == "sequence" else self._in_parallel()
        stages = [evidence.results for evidence in self._done]
        kept = [decided.step for decided in decisions if decided.kept]
        confirmation = None
        if kept:
            arms = {"recipe": merged([self.spec.arms[step] for step in kept])}
            number = len(self.spec.arms)
            spec = stage(self.spec, number, kept=(), arms=arms, alpha=self.spec.design.alpha, confirm=True)
            confirmation = self._campaign(spec, number).results
        trial = judge_trial(self.spec, order, decisions, stages, confirmation)
        if not self._done:
            raise AdvisorError("No step of the recipe could be tested: " + " ".join(trial.sentences))
        last = self._done[-1]
        found = Findings(sentences=trial.sentences, recipe=trial)
        return last.model_copy(
            update={
                "kind": "recipe",
                "spec": self.spec,
                "results": last.results.model_copy(update={"findings": found}),
                "cost": self._cost(),
                "provenance": last.provenance.model_copy(update={"started": self._done[0].provenance.started}),
            }
        )

    def _in_sequence(self) -> list[StepDecision]:
        decisions: list[StepDecision] = []
        for number, step in enumerate(self.spec.arms):
            kept = [decided.step for decided in decisions if decided.kept]
            alpha = share(self.spec, decisions)
            try:
                spec = stage(self.spec, number, kept=kept, arms={step: self.spec.arms[step]}, alpha=alpha)
            except AdvisorError as error:
                decisions.append(not_tested(step, error, kept=kept))
                continue
            evidence = self._campaign(spec, number)
            decisions.append(decision(step, evidence.results.arms[0], kept=kept, alpha=alpha))
        return decisions

    def _in_parallel(self) -> list[StepDecision]:
        alpha = self.spec.design.alpha
        spec = stage(self.spec, 0, kept=(), arms=self.spec.arms, alpha=alpha)
        return [decision(arm.name, arm, kept=(), alpha=alpha) for arm in self._campaign(spec, 0).results.arms]

    def _campaign(self, spec: Spec, number: int) -> Evidence:
        """One stage, within its part of the time that is left; how long that is, is kept for when the job resumes."""
        steps = len(self.spec.arms) if (self.spec.recipe or Recipe()).order == "sequence" else 1
        place = min(number, steps)
        name = f"stage {number} "
        budget = self.store.last_event(self.job_id, f"{name}budget")
        if budget is None:
            left = self.spec.budget_seconds - (time.monotonic() - self._clock)
            budget = f"{max(LEAST_SECONDS, left / (steps + 1 - place)):.0f}s"
            self.store.log_event(self.job_id, f"{name}budget", budget)
        request = self.request.model_copy(update={"spec": spec.model_copy(update={"budget": budget})})
        campaign = Campaign(
            self.job_id, request, self.store, self.executor, self.cancelled, stage=name,
            part=(place / (steps + 1), (place + 1) / (steps + 1)),
        )  # fmt: skip
        self._done.append(campaign.run())
        return self._done[-1]

    def _cost(self) -> Cost:
        costs = [evidence.cost for evidence in self._done]
        return costs[-1].model_copy(
            update={
                "wall_seconds": time.monotonic() - self._clock,
                "training_seconds": sum(cost.training_seconds for cost in costs),
                "runs_trained": sum(cost.runs_trained for cost in costs),
                "runs_reused": sum(cost.runs_reused for cost in costs),
            }
        )


def campaign_for(
    job_id: str, request: Request, store: Store, executor: Executor, cancelled: Callable[[], bool]
) -> Campaign | RecipeCampaign:
    """What carries this request to its evidence."""
    kind = RecipeCampaign if request.spec.kind == "recipe" else Campaign
    return kind(job_id, request, store, executor, cancelled)
