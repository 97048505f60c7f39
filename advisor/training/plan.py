"""What one training needs to know: everything that decides its result, and nothing else."""

from advisor.contract import Frozen
from advisor.data.sampling import Sample
from advisor.experiments.spec import DataSpec, Design, ModelSpec, Training


class RunPlan(Frozen):
    """One training of one arm in one block.

    `block_seed` drives initialisation, order and every other stream; `split_seed` drives the split: it is the same
    for all blocks when the split is fixed, and the block's own when it is resampled.
    """

    run_id: str
    arm: str
    block: int
    block_seed: int
    split_seed: int
    data: DataSpec
    model: ModelSpec
    training: Training
    design: Design
    metric: str
    device: str = "cpu"
    dtype: str = "float32"
    threads: int = 1
    # Trained as part of a batched program, which rounds otherwise; who else is in it makes no difference.
    stacked: bool = False
    corruptions: bool = False  # the test split is measured under corruptions too
    sample: Sample | None = None  # the part of the training split that is trained on; None: all of it
    answers: bool = False  # the answers on the test split are kept
