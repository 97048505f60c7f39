"""The course of a job whose baseline and arms are tuned first: a campaign over each one's settings, then the arms'."""

from typing import Any

from advisor.experiments.evidence import Evidence
from advisor.experiments.tuning import BLOCKS, STRIDE, at_the_edge, best, candidates
from advisor.jobs.stages import StagedJob

COMPARISON_WEIGHT = 2.0  # of the time, against the tuning of one arm


class TunedJob(StagedJob):
    """One job of kind `verify` with `tune: grid`."""

    def run(self) -> Evidence:
        """Everything, to the end.

        Raises:
            AdvisorError: the request turned out wrong, or the work failed.
            CancelledError: the job was cancelled.
        """
        names = ("baseline", *self.spec.arm_names)
        chosen = {name: self._tuned(name, number, len(names) + 1) for number, name in enumerate(names)}
        spec = self.spec.rebased(
            chosen["baseline"],
            arms={name: chosen[name] for name in self.spec.arm_names},
            design=self.spec.design.model_copy(update={"tune": "none"}).model_dump(mode="json"),
        )
        evidence = self.stage(spec, len(names), len(names) + 1)
        settings = "; ".join(f"{name}: {self._said(chosen[name])}" for name in names)
        note = (
            f"tuned on validation data, {len(candidates(self.spec, 'baseline'))} settings each on {BLOCKS} blocks that "
            f"the comparison does not use: {settings}"
        )
        edge = [name for name in names if at_the_edge(self.spec, name, chosen[name])]
        notes = [note]
        if edge:
            notes.append(f"the best lr of {', '.join(edge)} is the last of those tried: start from another lr")
        results = evidence.results.model_copy(update={"notes": (*notes, *evidence.results.notes)})
        return self.closing(evidence).model_copy(update={"results": results})

    def _tuned(self, name: str, number: int, stages: int) -> dict[str, Any]:
        """The overlay of the best setting."""
        settings = candidates(self.spec, name)
        arms = {f"setting-{place}": overlay for place, overlay in enumerate(settings) if place}
        design = self.spec.design.model_copy(
            update={"max_blocks": BLOCKS, "looks": "last", "first_block": STRIDE, "tune": "none"}
        )
        spec = self.spec.rebased(settings[0], arms=arms, aa=True, design=design.model_dump(mode="json"))
        weight = 1.0 if number < stages - 2 else 1.0 / COMPARISON_WEIGHT
        evidence = self.stage(spec, number, stages, weight=weight)
        names = ["baseline", *arms]
        return settings[names.index(best(self.spec, evidence.results.runs, names))]

    def _said(self, overlay: dict[str, Any]) -> str:
        """The setting against the given baseline, in words."""
        return ", ".join(self.spec.rebased({}, arms={"chosen": overlay}, aa=True).changes("chosen")) or "as given"
