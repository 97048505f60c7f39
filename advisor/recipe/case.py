"""The case that a recipe is for: what is known of the task, what the curves show, what lint found."""

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.diagnosis.model import Diagnosis, Finding, Kind
from advisor.lint.model import LintFinding
from advisor.recipe.model import Task

# Symptoms that regularization treats; all others ask for something else first.
TREATABLE: tuple[Kind, ...] = ("overfitting", "overconfidence", "memorization", "label_noise")
TINY_EXAMPLES = 1000
TINY_EXAMPLES_PER_CLASS = 100
RESIDUAL_MODELS = ("resnet", "vit", "transformer", "convnext", "swin", "deit", "bert", "gpt")
TRANSFORMER_MODELS = ("vit", "transformer", "swin", "deit", "bert", "gpt", "t5", "llama")
CONVOLUTIONAL_MODELS = ("cnn", "resnet", "convnext", "efficientnet", "mobilenet", "densenet", "vgg")


@dataclass(frozen=True)
class Case:
    """Task, diagnosis and lint together, with the questions that conditions ask of them."""

    task: Task
    diagnosis: Diagnosis | None = None
    lint: tuple[LintFinding, ...] = ()

    def finding(self, *kinds: Kind) -> Finding | None:
        """The most probable finding of these kinds, or None."""
        found = [f for f in self.diagnosis.findings if f.kind in kinds] if self.diagnosis else []
        return max(found, key=lambda finding: finding.probability, default=None)

    def shows(self, *kinds: Kind) -> bool:
        """Whether any finding of these kinds was reported."""
        return self.finding(*kinds) is not None

    @property
    def symptom(self) -> Finding | None:
        """The most probable symptom that regularization treats."""
        return self.finding(*TREATABLE)

    @property
    def judged(self) -> bool:
        """Whether curves were seen and could be judged."""
        if self.diagnosis is None:
            return False
        return self.symptom is not None or not (self.diagnosis.abstained or self.shows("too_few_points"))

    def outweighs(self, *kinds: Kind) -> bool:
        """Whether one of these findings is at least as probable as every treatable symptom."""
        found = self.finding(*kinds)
        return found is not None and (self.symptom is None or found.probability >= self.symptom.probability)

    @property
    def tiny(self) -> bool:
        """Whether the training set is known to be tiny, in all or for each class."""
        size, classes = self.task.train_size, self.task.classes
        if size is None:
            return False
        return size <= TINY_EXAMPLES or (classes is not None and size / classes <= TINY_EXAMPLES_PER_CLASS)

    @property
    def image(self) -> bool:
        """Whether the inputs are images."""
        return self.task.modality == "image"

    @property
    def fine_tuning(self) -> bool:
        """Whether a pre-trained model is adapted."""
        return self.task.regime == "fine_tuning"

    @property
    def confidence_matters(self) -> bool:
        """Whether probabilities are what is wrong, or what counts."""
        return self.shows("overconfidence") or self.task.goal in {"nll", "ece", "brier"}

    def model_is(self, families: Sequence[str]) -> bool:
        """Whether the model's name is known and belongs to one of these families."""
        name = (self.task.model or "").lower()
        return any(family in name for family in families)

    def numbers(self) -> str:
        """The strongest treatable symptom with its numbers; empty without one."""
        found = self.symptom
        if found is None or self.diagnosis is None:
            return ""
        parts = [f"probability {found.probability:.2f}"]
        if found.onset is not None:
            parts.append(f"from {self.diagnosis.unit} {found.onset:g}")
        parts += [f"{name.replace('_', ' ')} {value:.3g}" for name, value in list(found.evidence.items())[:2]]
        return f"{found.kind.replace('_', ' ')} ({', '.join(parts)})"
