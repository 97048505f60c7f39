"""Which model is trained, as a person writes it."""

from pathlib import PurePath
from typing import Any

from pydantic import Field, model_validator

from advisor.contract import Frozen
from advisor.data.spec import check_entry
from advisor.errors import AdvisorError
from advisor.models.registry import LIBRARIES, MODELS, check_arguments

BUILTIN_MODELS = tuple(MODELS)


class ModelSpec(Frozen):
    """What is trained: a named model, or the user's own function; perhaps from pretrained weights.

    Paths are relative to the workspace, and stay inside it, or absolute.
    """

    name: str | None = Field(
        None, description=f"{', '.join(BUILTIN_MODELS)}, or a library's: torchvision:resnet18, timm:convnext_atto"
    )
    entry: str | None = Field(None, description="module:function that builds a torch.nn.Module")
    arguments: dict[str, Any] = Field({}, description="keyword arguments, such as width")
    weights: str | None = Field(
        None, description="a file of pretrained weights: a state_dict from torch.save, or safetensors; only tensors"
    )

    def paths(self) -> tuple[PurePath, ...]:
        """The files that building reads, as they are written here."""
        return () if self.weights is None else (PurePath(self.weights),)

    @model_validator(mode="after")
    def _one_source(self) -> "ModelSpec":
        if (self.name is None) == (self.entry is None):
            known = ", ".join([*BUILTIN_MODELS, *(f"{library}:NAME" for library in LIBRARIES)])
            raise ValueError(
                f"give exactly one of name ({known}) and entry (module:function); "
                f"got name={self.name!r}, entry={self.entry!r}"
            )
        if self.name is not None:
            try:
                check_arguments(self.name, self.arguments)
            except AdvisorError as error:
                raise ValueError(str(error)) from None
        check_entry(self.entry)
        return self
