"""What each kind of experiment was asked, and which of its sentences answer that."""

from advisor.experiments.evidence import Evidence
from advisor.experiments.kinds import DoubleDescent, own_size
from advisor.experiments.spec import Spec
from advisor.report import words

# Kind -> the heading over its answer.
QUESTIONS = {
    "recipe": "Which steps to keep",
    "ablate": "What the recipe is made of",
    "sweep": "Which value to use",
    "bias_variance": "Bias or variance",
    "double_descent": "What size does",
    "data_size": "What more data would bring",
    "power": "How many blocks it takes",
}
_NAMED = 4  # steps in a title, sentences about arms in an answer


def lead(evidence: Evidence) -> tuple[str, ...]:
    """The sentences that answer what was asked."""
    found = evidence.results.findings
    if found is None:
        return ()
    said = found.sentences
    if found.bias_variance is not None and len(found.bias_variance.points) > 1:
        own = [text for text in said[:-1] if text.startswith(_own_size(evidence))]
        return (*own[:1], said[-1])
    if found.data_size is not None:
        return (*(part.sentence for part in found.data_size.more), *said[1 + len(found.data_size.more) :])
    if found.recipe is not None:
        return said[len(found.recipe.decisions) :]
    return said[:_NAMED] if found.power else said[:1]


def further(evidence: Evidence) -> tuple[str, ...]:
    """The other sentences, in their order."""
    found = evidence.results.findings
    if found is None:
        return ()
    if found.data_size is not None:  # its first sentence repeats what the others say of more data
        return (found.data_size.baseline.behaviour.sentence,)
    shown = {*lead(evidence), *notes(evidence)}
    return tuple(text for text in found.sentences if text not in shown)


def notes(evidence: Evidence) -> tuple[str, ...]:
    """The sentences that say under which reserve the others stand."""
    found = evidence.results.findings
    part = found and (found.ablation or found.factorial or found.dose_response)
    return part.notes if part else ()


def title_of(evidence: Evidence) -> str | None:
    """The experiment in a line; None of a user's script, and where the names of few arms say it."""
    spec = evidence.spec
    if not isinstance(spec, Spec) or (spec.kind == "verify" and len(spec.arm_names) <= _NAMED):
        return None
    data: str | tuple[str, ...] = getattr(spec.data, spec.data.source)
    where = f"{spec.model.name or spec.model.entry} on {data if isinstance(data, str) else ' and '.join(data)}"
    return f"{_what(spec)}: {where}"


def _what(spec: Spec) -> str:
    if spec.kind == "verify":
        return f"{words.listed(spec.arm_names, _NAMED - 1)} against the baseline"
    if spec.kind == "ablate":
        return f"Ablation of {words.listed(list(spec.arms), _NAMED)}"
    if spec.kind == "recipe":
        return f"Recipe of {words.listed(list(spec.arms), _NAMED)}"
    if spec.kind == "power":
        return f"Pilot of {words.listed(list(spec.arms), _NAMED)}"
    if spec.sweep is not None:
        parts = (spec.sweep.technique, spec.sweep.parameter)
        return f"Sweep of {' '.join(part for part in parts if part).replace('_', ' ')}"
    if spec.kind == "double_descent":
        chosen = spec.double_descent or DoubleDescent()
        over = {"model": chosen.argument, "epochs": "epochs", "train_size": "training examples"}
        return f"Double descent over {over[chosen.over].replace('_', ' ')}"
    if spec.kind == "bias_variance":
        several = spec.bias_variance is not None and spec.bias_variance.values
        return "Bias and variance" + (f" by {spec.bias_variance.argument}" if several and spec.bias_variance else "")
    arm = f" with and without {next(iter(spec.arms))}" if spec.arms else ""
    return f"Learning curve{arm}"


def _own_size(evidence: Evidence) -> str:
    """How the sentence about the user's own size begins."""
    spec = evidence.spec
    if not isinstance(spec, Spec) or spec.bias_variance is None:
        return "\0"
    argument = spec.bias_variance.argument
    return f"{argument} {own_size(spec, argument):g}:"
