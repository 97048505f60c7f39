"""The course of a job that decides on a recipe: one campaign for each decision, and one that confirms."""

from advisor.errors import AdvisorError
from advisor.experiments.evidence import Evidence
from advisor.experiments.finding import Findings
from advisor.experiments.kinds import Recipe, merged
from advisor.experiments.recipe_trial import StepDecision, decision, judge_trial, not_tested, share, stage
from advisor.jobs.stages import StagedJob


class RecipeJob(StagedJob):
    """One job of kind `recipe` from its request to its evidence."""

    def run(self) -> Evidence:
        """Everything, to the end.

        Raises:
            AdvisorError: the request turned out wrong, or the work failed.
            CancelledError: the job was cancelled.
        """
        order = (self.spec.recipe or Recipe()).order
        decisions = self._in_sequence() if order == "sequence" else self._in_parallel()
        decided = [evidence.results for evidence in self.done]
        kept = [decided.step for decided in decisions if decided.kept]
        confirmation = None
        if kept:
            number = len(self.spec.arms)
            spec = stage(
                self.spec, number, kept=(), arms={"recipe": merged([self.spec.arms[step] for step in kept])},
                alpha=self.spec.design.alpha, confirm=True,
            )  # fmt: skip
            stages = number + 1 if order == "sequence" else 2
            confirmation = self.stage(spec, stages - 1, stages).results
        trial = judge_trial(self.spec, order, decisions, decided, confirmation)
        if not self.done:
            raise AdvisorError("No step of the recipe could be tested: " + " ".join(trial.sentences))
        last = self.closing(self.done[-1])
        found = Findings(sentences=trial.sentences, recipe=trial)
        return last.model_copy(update={"results": last.results.model_copy(update={"findings": found})})

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
            evidence = self.stage(spec, number, len(self.spec.arms) + 1)
            decisions.append(decision(step, evidence.results.arms[0], kept=kept, alpha=alpha))
        return decisions

    def _in_parallel(self) -> list[StepDecision]:
        alpha = self.spec.design.alpha
        spec = stage(self.spec, 0, kept=(), arms=self.spec.arms, alpha=alpha)
        return [decision(arm.name, arm, kept=(), alpha=alpha) for arm in self.stage(spec, 0, 2).results.arms]
