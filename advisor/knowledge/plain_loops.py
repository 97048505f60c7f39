"""Each technique in a plain PyTorch loop, ten lines each: `python -m advisor.knowledge.plain_loops` writes the page.

The tests execute every block of it. With --check it fails where the page is stale.
"""

from __future__ import annotations

import sys
from pathlib import Path

from advisor.files import write_atomic
from advisor.techniques import TECHNIQUES
from advisor.techniques.core import Technique

PAGE = Path(__file__).resolve().parents[2] / "docs" / "plain_loops.md"
# What a technique needs to know beside the model: arguments of `regularize`.
NEEDS = {
    "spatial_dropout": "example=images",
    "drop_block": "example=images",
    "stochastic_depth": "example=images",
    "feature_distillation": "example=images, train_once=train_once",
    "distillation": "train_once=train_once",
    "self_distillation": "train_once=train_once",
    "seed_ensemble": "train_once=train_once",
    "swa": "train_batches=loader",
    "temperature_scaling": "validation_batches=validation",
    "class_balance": "class_counts=counts",
    "mc_dropout": "example=images",
}
# Whose effect is in the answers, not in the weights.
PREDICTING = ("snapshot_ensemble", "seed_ensemble", "mc_dropout", "temperature_scaling")
LINE = 120
INTRODUCTION = """# Techniques in a loop of your own

`regularize` puts techniques into your model and calls their hooks at the right moments; the loop stays yours. Give it
one technique or several: they run in the order of the registry, and those that conflict are refused with the reason.
Below, `model`, `loader`, `validation` and `epochs` are yours, `images` is a batch, `counts` holds the training examples
of each class, and `train_once(name, **settings)` returns `Trained(network, function)`: the teacher, or the further
member, that a technique asks for. `evaluate` is your own.

- `session.model` is what you save; `session.restore()` takes out what was put in.
- For `torch.compile` or `DistributedDataParallel` set `session.forward` to the wrapped model before the first step.
- Under `torch.autocast` nothing changes. For other targets than classes pass `kind="multilabel"`, `"real"` or
  `"token"` with `outputs=`.
- Parameters and bounds: `regadvisor techniques show NAME`.
"""
LOOP = """from advisor.techniques import {classes}, regularize

{session}
optimizer = torch.optim.AdamW(session.param_groups(lr=1e-3), weight_decay=0.0)
for _ in range(epochs):
    session.model.train(), session.epoch_start()
    for images, labels in loader:
        session.step(optimizer, images, labels)
    session.epoch_end({row})
{end}
"""


def block(technique: type[Technique]) -> str:
    """The loop with this technique, ten lines of Python at most."""
    name = technique.name
    first = next((key for key, field in technique.parameter_fields().items() if isinstance(field.default, float)), None)
    first = first or next((k for k, f in technique.parameter_fields().items() if isinstance(f.default, int)), None)
    built = f"{technique.__name__}({first}={technique.parameter_fields()[first].default!r})" if first else ""
    classes, end = technique.__name__, "session.finish()"
    if name == "mc_dropout":
        classes, built = f"Dropout, {classes}", f"Dropout(), {built}"
    if name in PREDICTING:
        end = "session.finish()\nlogits = session.predict(images)"
    row = "validation_loss=evaluate(session.eval_model(), validation)" if name == "early_stopping" else ""
    if name == "early_stopping":
        end = "    if session.run.stop:\n        break\nsession.finish()"
    needs = f", {NEEDS[name]}" if name in NEEDS else ""
    call = f"model, [{built}], classes=10, epochs=epochs, steps_per_epoch=len(loader){needs}"
    session = f"session = regularize({call})"
    if len(session) > LINE:
        second = f"    {needs[2:]},\n" if needs else ""
        session = f"session = regularize(\n    {call.removesuffix(needs)},\n{second})"
    return LOOP.format(classes=classes, session=session, row=row, end=end)


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for name, technique in TECHNIQUES.items():
        card = technique.card
        parts.append(
            f"## {card.title} (`{name}`)\n\n{card.mechanism} {card.cost}\n\n```python\n{block(technique)}```\n"
        )
    return "\n".join(parts)


def main(arguments: list[str]) -> int:
    """Write the page, or check that it is current."""
    if "--check" not in arguments:
        write_atomic(PAGE, page())
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page():
        return 0
    print("stale: docs/plain_loops.md; run python -m advisor.knowledge.plain_loops", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
