"""What one run of the user's own script needs to know."""

from advisor.contract import Frozen
from advisor.experiments.command_spec import Measure


class CommandPlan(Frozen):
    """One run of one arm in one block. What follows `folder` says where it runs, and decides nothing."""

    run_id: str
    arm: str
    block: int
    block_seed: int
    command: str
    log: str | None
    report: Measure
    select: Measure | None
    values: dict[str, str]  # placeholder -> argument
    cwd: str  # with placeholders; relative to the tree
    environment: dict[str, str]  # with placeholders, laid on `passed`
    passed: dict[str, str]
    python: str
    timeout_seconds: float
    folder: str  # where run folders are made
    workspace: str  # the tree: the spec's folder, or a patched copy of it
    manifest: str | None  # a JSON file with the tree's files, path -> SHA-256; none where they are not known
