"""Real logs of the formats that are read so far: the expected series are found, and nothing else crashes."""

import json
import math
from pathlib import Path

import pytest

from advisor.errors import AdvisorError
from advisor.readers import read

LOGS = Path(__file__).resolve().parents[2] / "../shared/data/logs"
FORMATS = {
    "lightning_csv",
    "keras_csv",
    "hf_trainer_state",
    "jsonl_custom",
    "llamafactory_jsonl",
    "fastai_csv",
    "timm_summary",
}
pytestmark = pytest.mark.skipif(not LOGS.is_dir(), reason="the folder of real logs is not beside this checkout")


def cases() -> list[dict[str, object]]:
    return [json.loads(line) for line in (LOGS / "manifest.jsonl").read_text().splitlines()]


def test_the_expected_validation_series_is_in_every_log_of_a_known_format() -> None:
    missed = []
    for case in cases():
        want = case["expected"]
        assert isinstance(want, dict)
        if case["format"] in FORMATS and want["n_points_val"]:
            held_out = [s for run in read(LOGS / str(case["file"])) for s in run.series if s.split != "train"]
            lasts = [(len(s), s.y[-1]) for s in held_out]
            if not any(
                n == want["n_points_val"] and math.isclose(y, want["last_val_value"], rel_tol=2e-3) for n, y in lasts
            ):
                missed.append(case["id"])
    assert missed == []


def test_every_log_is_read_or_refused_in_words() -> None:
    refusals = []
    for case in cases():
        try:
            runs = read(LOGS / str(case["file"]))
        except AdvisorError as error:
            refusals.append(str(error))
        else:
            assert runs, case["id"]
    assert all("Cannot read" in text for text in refusals)
