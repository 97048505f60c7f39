"""Where the real data for tests lies; what needs it is skipped where it is absent."""

import os
import pathlib

import pytest

ROOT = pathlib.Path(os.environ.get("REGADVISOR_TEST_DATA", pathlib.Path(__file__).parents[3] / "shared" / "data"))
DATASETS = ROOT / "datasets"
needs_real_data = pytest.mark.skipif(not DATASETS.is_dir(), reason=f"the real data is not at {DATASETS}")
