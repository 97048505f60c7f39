"""What must be said of corrupted values where an arm trains on distortions of the kind that is measured.

A gain there shows that the network knows what it has seen, not that it stands what it has never met.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# technique -> the corruptions that are close to what it does to training examples
OVERLAPS: dict[str, tuple[str, ...]] = {
    "basic_augmentation": ("contrast", "brightness"),
    "randaugment": ("contrast", "brightness", "gaussian_blur"),
    "trivialaugment": ("contrast", "brightness", "gaussian_blur"),
    "augmix": ("contrast", "brightness"),
    "augmax": ("contrast", "brightness"),
    "input_noise": ("gaussian_noise", "shot_noise", "number_noise"),
}


def overlap_notes(techniques: Mapping[str, Mapping[str, Any]], *, corruptions: bool) -> tuple[str, ...]:
    """A note for each technique that overlaps with what is measured; none without `corruptions`.

    techniques: an arm's, by name, with all their parameters.
    """
    return tuple(
        f"{name} trains on distortions close to {', '.join(OVERLAPS[name])}: a gain on corrupted examples is partly "
        "one on what was seen in training; look at the other corruptions in each run's table"
        for name in sorted(techniques)
        if corruptions and name in OVERLAPS and _distorts(name, techniques[name])
    )


def _distorts(name: str, parameters: Mapping[str, Any]) -> bool:
    """Whether it does so with these parameters: crop and mirror alone do not, nor does noise on embeddings."""
    if name == "basic_augmentation":
        return bool(parameters.get("brightness") or parameters.get("contrast"))
    return name != "input_noise" or parameters.get("where", "input") == "input"
