"""The `command:` form of a spec: the user's own script, which we only run, pair by seed, and judge by its results."""

from pathlib import PurePath
from typing import Literal

from pydantic import Field, field_validator, model_validator

from advisor.contract import Contract, Frozen
from advisor.errors import nearest
from advisor.experiments.design import Blocks, check_arm_names, duration_text, parse_duration
from advisor.experiments.kinds import MOST_BLOCKS
from advisor.experiments.placeholders import GIVEN, names_in, split_command

Value = str | bool | int | float
RESERVED = ("script", "patch", "cwd")  # values that say what runs and where
_NO_ARGUMENT = ("patch", "cwd")  # those that no placeholder needs to name


class Measure(Frozen):
    """A logged quantity, by the name that the script gives it."""

    metric: str = Field(min_length=1, max_length=200)
    direction: Literal["min", "max"] = Field(description="whether less or more of it is better")


class CommandSpec(Contract):
    """One experiment with the user's own script. Read it with `parse_spec`, which gives readable errors."""

    command: str = Field(description="what starts a training; {seed}, {run_dir}, {workspace} and the arm's values")
    log: str | None = Field(None, description="the log under {run_dir}; none: the last JSON line on stdout")
    report: Measure = Field(description="what is judged; a test metric where the script logs one")
    select: Measure | None = Field(None, description="what chooses the epoch whose report.metric is taken")
    baseline: dict[str, Value] = Field({}, description="placeholder -> value; script, patch, cwd are reserved")
    arms: dict[str, dict[str, Value]] = Field({}, description="name -> values that differ from the baseline's")
    kind: Literal["verify"] = "verify"
    design: Blocks = Blocks()
    minimum_effect: float = Field(0.005, ge=0, description="smallest change of the metric that matters, in its units")
    budget: str = Field("10m", description="wall time for all runs, such as 90s, 10m or 2h")
    timeout: str | None = Field(None, description="wall time of one run; none: half of the budget")
    environment: dict[str, str] = Field({}, description="variables of every run; placeholders are filled")
    python: str | None = Field(None, description="the interpreter that a leading `python` means")
    aa: bool = Field(False, description="an A/A experiment: arms may equal the baseline, and nothing is reused")
    reuse: bool = Field(True, description="answer from finished runs where all inputs are the same")

    @field_validator("command")
    @classmethod
    def _command(cls, value: str) -> str:
        split_command(value)
        return value

    @field_validator("log")
    @classmethod
    def _log(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith("{run_dir}"):
            raise ValueError(
                f"log {value!r} must begin with {{run_dir}}: runs at the same time would overwrite one another's; "
                "pass {run_dir} to the script, or set cwd: '{run_dir}'"
            )
        return value

    @field_validator("budget", "timeout", mode="before")
    @classmethod
    def _duration(cls, value: object) -> str | None:
        return None if value is None else duration_text(value, "the duration")

    @model_validator(mode="after")
    def _arms(self) -> "CommandSpec":
        check_arm_names(self.arms, aa=self.aa)
        if self.select is not None and self.log is None:
            raise ValueError(
                "select chooses an epoch of a log, and a JSON line has none; give log, or leave select out"
            )
        texts = [self.command, self.log or "", str(self.baseline.get("cwd", "")), *self.environment.values()]
        used = set().union(*map(names_in, texts))
        for name in ("baseline", *self.arms):
            values = self.arm(name)
            for key in values:
                if key in GIVEN:
                    raise ValueError(f"{key!r} of {name!r} is filled by us; use another name")
                if key not in used and key not in _NO_ARGUMENT:
                    raise ValueError(
                        f"{key!r} of {name!r} is used nowhere; put {{{key}}} into command or environment, which "
                        f"use {', '.join(sorted(used)) or 'no placeholder'}"
                    )
            missing = sorted(used - {*values, *GIVEN})
            if missing:
                known = ", ".join(nearest(missing[0], [*values, *GIVEN]))
                raise ValueError(
                    f"{{{missing[0]}}} has no value in arm {name!r}; give it one in baseline; known, nearest first: "
                    f"{known}"
                )
            if name != "baseline" and values == self.baseline and not self.aa:
                raise ValueError(
                    f"arm {name!r} equals the baseline; change something, or set aa: true for an A/A check"
                )
        return self

    @property
    def max_blocks(self) -> int:
        """The number of blocks at most."""
        return self.design.max_blocks or MOST_BLOCKS[self.kind]

    @property
    def early(self) -> bool:
        """Whether arms end as soon as they are settled."""
        return self.design.looks == "each_block"

    @property
    def rehearsals(self) -> int:
        """Runs beside the blocks: the baseline's first one is repeated, to see whether it obeys its seed."""
        return 1

    @property
    def arm_names(self) -> tuple[str, ...]:
        """The arms compared with the baseline, in the spec's order."""
        return tuple(self.arms) or ("aa",)

    @property
    def metric(self) -> str:
        """The metric that is judged."""
        return self.report.metric

    @property
    def direction(self) -> Literal["min", "max"]:
        """Whether less or more of the metric is better."""
        return self.report.direction

    @property
    def split(self) -> Literal["script"]:
        """Who splits the data: the script."""
        return "script"

    @property
    def budget_seconds(self) -> float:
        """The budget in seconds of wall time."""
        return parse_duration(self.budget)

    @property
    def timeout_seconds(self) -> float:
        """The time limit of one run in seconds; half of the budget where none is set: two blocks must fit."""
        return self.budget_seconds / 2 if self.timeout is None else parse_duration(self.timeout)

    @property
    def most_runs(self) -> int:
        """The number of runs at most."""
        return (len(self.arm_names) + 1) * self.max_blocks + self.rehearsals

    @property
    def needs_user_code(self) -> bool:
        """A command always is the user's code."""
        return True

    @property
    def title(self) -> str:
        """The experiment in a line."""
        return f"{', '.join(self.arm_names)} against the baseline: {self.command}"

    @property
    def uses_seed(self) -> bool:
        """Whether the seed reaches the script at all."""
        return any("seed" in names_in(text) for text in (self.command, *self.environment.values()))

    def arm(self, name: str) -> dict[str, Value]:
        """The arm's values: its own laid on the baseline's. "baseline" is an arm too."""
        return {**self.baseline, **self.arms.get(name, {})}

    def paths(self) -> tuple[PurePath, ...]:
        """None: scripts, patches and folders are kept within the spec's folder when the job is prepared."""
        return ()

    def changes(self, name: str) -> tuple[str, ...]:
        """The arm's differences from the baseline in words: "weight_decay 0 -> 0.05"."""
        before, after = self.baseline, self.arm(name)
        return tuple(
            f"{key} {spell(before[key])} -> {spell(after[key])}" if key in before else f"{key} {spell(after[key])}"
            for key in after
            if key not in before or before[key] != after[key]
        )


def spell(value: Value) -> str:
    """A value as an argument: true and false in lower case, numbers as written."""
    return str(value).lower() if isinstance(value, bool) else str(value)
