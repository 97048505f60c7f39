"""Layer-wise learning rate decay: smaller steps the deeper a layer lies below the head (Howard & Ruder 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from advisor.errors import AdvisorError
from advisor.techniques.core import Card, Run, Technique, register, strength
from advisor.techniques.core.depth import Level, require_levels

if TYPE_CHECKING:
    import torch


def factors(levels: list[Level], decay: float) -> dict[int, float]:
    """What the learning rate of each parameter, by its id, is multiplied with: 1 at the head, decay one level below."""
    return {
        id(parameter): decay**below
        for below, level in enumerate(reversed(levels))
        for parameter in level.parameters
    }  # fmt: skip


@register
class Llrd(Technique, frozen=True):
    """Multiply the learning rate of each level by `decay` once for every level between it and the head."""

    decay: float = strength(
        0.75,
        "factor from one level to the one below; 0.65 to 0.9 is usual for fine-tuned transformers, and 1 / 2.6 in the "
        "original for few layers",
        gt=0,
        le=1,
        usual=(0.35, 0.95),
    )

    name: ClassVar[str] = "llrd"
    stackable: ClassVar[bool] = True
    null: ClassVar[dict[str, float] | None] = {"decay": 1.0}
    card: ClassVar[Card] = Card(
        title="Layer-wise learning rate decay",
        mechanism=(
            "Lower layers hold general features that pretraining found and that few new examples could only spoil; "
            "the head starts from nothing. Each gets steps of its own size."
        ),
        when="Fine-tuning of a pretrained network, transformers above all, with few or middling many examples.",
        avoid=(
            "Training from scratch, where lower layers have to learn as well. The factor compounds: 0.75 over 13 "
            "levels leaves 3 % at the bottom, so raise it for deep networks and for data far from the pretraining's."
        ),
        cost="None that can be noticed.",
        step_cost=1.0,
        effect=None,
        interactions=(
            "The schedule multiplies all levels alike. With decoupled weight decay lower levels also decay less, in "
            "proportion to their learning rate. Gradual unfreezing serves the same end and can be added."
        ),
        source="Howard & Ruder 2018; Clark et al. 2020; Bao et al. 2022",
    )

    def param_groups(self, run: Run, groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Split each group by level; other settings are kept, as is the rate of what belongs to no level.

        Raises:
            AdvisorError: a group has no learning rate yet, or the network shows no depth.
        """
        if self.decay == 1:
            return groups
        by_parameter = factors(require_levels(run.model, self.name), self.decay)
        split: list[dict[str, Any]] = []
        for number, group in enumerate(groups):
            if "lr" not in group:
                raise AdvisorError(
                    f"llrd multiplies the learning rate of each group, but group {number} has none; pass it: "
                    "session.param_groups(lr=1e-3)."
                )
            members: dict[float, list[torch.nn.Parameter]] = {}
            for parameter in group["params"]:
                members.setdefault(by_parameter.get(id(parameter), 1.0), []).append(parameter)
            split += [{**group, "params": ps, "lr": group["lr"] * factor} for factor, ps in members.items()]
        return split
