"""Weight decay on biases and on what normalization layers learn: harmful, harmless or neither.

Fashion-MNIST at 14x14 pixels: `programs/decay.py`, a plain training loop that each block gives a seed, draws 1000
training images out of 6000 and is judged on 5000 of the test set's, in per cent. Three convolutions of stride 2 with
biases and batch normalization, from 8 channels up, and a linear layer; 20 epochs in batches of 50, the learning rate
annealed by a cosine: AdamW at 0.003 with a decay of 1, which is strong, and SGD with momentum 0.9 at 0.1 with 5e-4,
which is usual. In each of the two settings all parameters decay, or matrices and kernels alone, in 5 blocks.

Learning rates and decays were looked at in two blocks that are not used here. He et al. (2019) leave biases and
normalization out; the reports of harm are of large batches and of transformers, so both sides are claims here.

Tolerance: Points of test accuracy with everything decayed less with matrices alone, judged by the whole 95 % interval.
It hurts where the interval lies below 0; it is harmless where the interval lies above -0.5.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from campaigns import fashion_arrays, folder_for, run, values
from common import Claim, Options, main, paired

SEEDS = 5
EPOCHS = 20
RULE = "weight-decay-exclude-norms"
PROGRAMS = Path(__file__).resolve().parent / "programs"
SETTINGS: dict[str, dict[str, Any]] = {
    "AdamW, decay 1": {"optimizer": "adamw", "lr": 0.003, "decay": 1.0},
    "SGD, decay 5e-4": {"optimizer": "sgd", "lr": 0.1, "decay": 0.0005},
}


def spec(images: str, settings: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The experiment: two arms for each setting, of which the first one's sparing arm is the baseline."""
    names = ["data", "optimizer", "lr", "decay", "spare", "epochs"]
    first, *others = settings.values()
    arms: dict[str, dict[str, Any]] = {"0-all": {"spare": False}}
    for number, setting in enumerate(others, start=1):
        arms[f"{number}-matrices"] = setting
        arms[f"{number}-all"] = setting | {"spare": False}
    return {
        "command": " ".join(["python {script} --seed {seed}", *(f"--{name} {{{name}}}" for name in names)]),
        "report": {"metric": "test_accuracy", "direction": "max"},
        "baseline": first | {"script": "decay.py", "data": images, "spare": True, "epochs": EPOCHS},
        "arms": arms,
        "design": {"max_blocks": SEEDS, "looks": "last"},
        "minimum_effect": 0.5,
        "budget": "2h",
    }


def measure(options: Options) -> list[Claim]:
    """All claims of this script."""
    seeds = options.seeds(SEEDS)
    settings = dict(list(SETTINGS.items())[:1]) if options.quick else SETTINGS
    with folder_for(options, "decay_of_norms") as folder:
        images = fashion_arrays(options, folder, train=6000, test=5000)["arrays"]
        evidence = run(options, spec(images, settings), PROGRAMS)
    claims = []
    for number, name in enumerate(settings):
        sparing = f"{number}-matrices" if number else "baseline"
        arms = {
            kind: values(evidence, arm, "test_accuracy")[: len(seeds)]
            for kind, arm in (("all", f"{number}-all"), ("matrices alone", sparing))
        }
        for statement, above, below in (("hurts", -float("inf"), 0.0), ("is harmless", -0.5, float("inf"))):
            claims.append(
                Claim(
                    f"Decaying biases and normalization as well {statement} ({name}; matrices alone "
                    f"{sum(arms['matrices alone']) / len(seeds):.1f} %)",
                    ["weight_decay"],
                    [RULE],
                    "points of test accuracy",
                    seeds,
                    **paired(arms, "all", "matrices alone"),
                    above=above,
                    below=below,
                )
            )
    return claims


if __name__ == "__main__":
    main(__file__, __doc__, measure)
