"""Where the data comes from and how it is cut, as a person writes it."""

import re
from pathlib import PurePath
from typing import Any, Literal

from pydantic import Field, model_validator

from advisor.contract import Frozen
from advisor.errors import unknown

ENTRY = re.compile(r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")
BUILTIN_DATA = ("breast_cancer", "digits", "wine")
# What each source may have beside `train_size`, `label_noise` and `split`.
SOURCES: dict[str, tuple[str, ...]] = {
    "builtin": (),
    "entry": ("arguments", "groups"),
    "folder": ("image_size",),
    "arrays": ("groups",),
    "table": ("target", "task", "categories", "drop", "groups"),
    "text": ("text_column", "target", "task", "vocabulary", "vocabulary_size", "groups"),
    "corpus": ("context", "vocabulary"),
    "torchvision": ("root", "image_size"),
    "huggingface": (
        "text_column",
        "target",
        "task",
        "vocabulary",
        "vocabulary_size",
        "categories",
        "drop",
        "image_size",
        "groups",
    ),
}
REQUIRED = {"table": ("target",), "text": ("target",), "torchvision": ("root",)}
VOCABULARIES = {"text": ("word", "byte"), "huggingface": ("word", "byte"), "corpus": ("byte", "character")}
COLUMN_NEEDED = ("group", "time")


class SplitSpec(Frozen):
    """How validation and test are cut off where the source does not give them."""

    by: Literal["given", "random", "stratified", "group", "time"] = Field(
        description="group: no group is in two splits; time: train is oldest, test newest; given: as the source has it"
    )
    column: str | None = Field(
        None, description="a table's column, or an array: of groups, of times, or of the words train, validation, test"
    )

    @model_validator(mode="after")
    def _column(self) -> "SplitSpec":
        if self.by in ("random", "stratified") and self.column is not None:
            raise ValueError(f"split by {self.by} takes no column, but got {self.column!r}; leave it out")
        return self


class DataSpec(Frozen):
    """Where the data comes from: exactly one source, and what belongs to it.

    Paths are relative to the workspace, and stay inside it, or absolute.
    """

    builtin: str | None = Field(None, description=f"a set that needs no files: {', '.join(BUILTIN_DATA)}")
    entry: str | None = Field(None, description="module:function that returns the data")
    folder: str | None = Field(None, description="images in one folder for each class, perhaps below train, val, test")
    arrays: str | tuple[str, str] | None = Field(
        None, description="an npz or safetensors file with x and y, a folder of npy files, or two npy files: x, y"
    )
    table: str | None = Field(None, description="a CSV, TSV or Parquet file")
    text: str | None = Field(None, description="a TSV, CSV or JSONL file with a text and a target in each row")
    corpus: str | None = Field(None, description="a text file, for language modelling")
    torchvision: str | None = Field(None, description="the name of a torchvision data set that lies below root")
    huggingface: str | None = Field(None, description="a folder that datasets.save_to_disk wrote")

    arguments: dict[str, Any] = Field({}, description="keyword arguments for the entry function")
    root: str | None = Field(None, description="where the torchvision data set lies; nothing is downloaded")
    image_size: int | None = Field(
        None, ge=4, le=512, description="pixels of a side after resizing; 32 where not given"
    )
    text_column: str | None = Field(None, description="the column with the text; 'text' where not given")
    target: str | tuple[str, ...] | None = Field(
        None, description="the column to predict; several columns of 0 and 1 are labels that exclude each other not"
    )
    task: Literal["class", "real"] | None = Field(None, description="what the target is, where a guess would be wrong")
    categories: tuple[str, ...] = Field((), description="columns of numbers that are names, such as a postcode")
    drop: tuple[str, ...] = Field((), description="columns to leave out, such as an identifier")
    groups: str | None = Field(
        None,
        description=(
            "a column, an array or what the entry gives by this name: the group of each example, for "
            "worst_group_accuracy; a table's column is no feature then"
        ),
    )
    vocabulary: Literal["word", "byte", "character"] | None = Field(
        None, description="text: word or byte; corpus: byte or character"
    )
    vocabulary_size: int | None = Field(None, ge=10, le=200_000, description="the most frequent words to keep; 20000")
    context: int | None = Field(None, ge=4, le=8192, description="tokens in one example of a corpus; 64")

    train_size: int | None = Field(None, ge=8, description="keep only so many training examples")
    label_noise: float = Field(
        0.0, ge=0, lt=1, description="the share of training examples that get a random wrong class, to study its effect"
    )
    split: SplitSpec | None = Field(
        None, description="how to cut; where not given, as the source has it, else stratified by class"
    )

    @property
    def source(self) -> str:
        """Which of the sources this is."""
        return next(name for name in SOURCES if getattr(self, name) is not None)

    def paths(self) -> tuple[PurePath, ...]:
        """The files and folders that loading reads, as they are written here; empty for built-in data and entries."""
        if self.source in ("builtin", "entry"):
            return ()
        value = getattr(self, "root" if self.source == "torchvision" else self.source)
        return tuple(PurePath(path) for path in ([value] if isinstance(value, str) else value))

    @model_validator(mode="after")
    def _one_source(self) -> "DataSpec":
        chosen = [name for name in SOURCES if getattr(self, name) is not None]
        if len(chosen) != 1:
            raise ValueError(f"give exactly one of {', '.join(SOURCES)}; got {', '.join(chosen) or 'none'}")
        source = chosen[0]
        options = sorted({option for allowed in SOURCES.values() for option in allowed})
        for option in options:
            given = getattr(self, option) not in (None, (), {})
            if given and option not in SOURCES[source]:
                owners = [name for name, allowed in SOURCES.items() if option in allowed]
                raise ValueError(f"{option} belongs to {' or '.join(owners)}, not to {source}; leave it out")
            if not given and option in REQUIRED.get(source, ()):
                raise ValueError(f"{source} {getattr(self, source)!r} also needs {option}")
        if self.builtin is not None and self.builtin not in BUILTIN_DATA:
            raise ValueError(str(unknown("built-in data set", self.builtin, BUILTIN_DATA)))
        check_entry(self.entry)
        fitting = VOCABULARIES.get(source, ())
        if self.vocabulary is not None and self.vocabulary not in fitting:
            raise ValueError(f"vocabulary {self.vocabulary!r} does not fit {source}; use {' or '.join(fitting)}")
        self._check_split(source)
        return self

    def _check_split(self, source: str) -> None:
        split = self.split
        if split is None:
            return
        if source == "corpus":
            raise ValueError("a corpus is always cut by position; leave split out")
        columns = ("arrays", "table", "text", "huggingface")
        if split.by in COLUMN_NEEDED and source not in (*columns, "entry"):
            raise ValueError(f"split by {split.by} works for {', '.join(columns)} and entry, not for {source}")
        if split.by in COLUMN_NEEDED and source in columns and split.column is None:
            raise ValueError(f"split by {split.by} needs column: the one that holds the {split.by}")
        if split.column is not None and source not in columns:
            raise ValueError(f"{source} has no columns; leave split.column {split.column!r} out")


def check_entry(entry: str | None) -> None:
    """Refuse what is not of the form module:function.

    Raises:
        ValueError: it is not.
    """
    if entry is not None and not ENTRY.match(entry):
        raise ValueError(f"entry {entry!r} is not of the form module:function")
