"""Each format's files become the curves that an expert would see in them."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.curves import Curves
from advisor.errors import AdvisorError
from advisor.readers import read


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def only(path: Path) -> Curves:
    runs = read(path)
    assert len(runs) == 1
    return runs[0]


def attempt(path: Path) -> tuple[list[Curves], str]:
    try:
        return read(path), ""
    except AdvisorError as error:
        return [], str(error)


def test_lightning_rows_with_empty_cells_give_two_series_on_the_step_axis(tmp_path: Path) -> None:
    text = "epoch,step,train_loss,val_loss\n0,49,1.0,\n0,99,0.8,\n0,99,,0.9\n1,149,0.6,\n1,199,,0.7\n"
    train, validation = only(write(tmp_path, "metrics.csv", text)).pair()
    assert train is not None
    assert validation is not None
    assert (train.unit, train.x.tolist(), train.y.tolist()) == ("step", [49.0, 99.0, 149.0], [1.0, 0.8, 0.6])
    assert (validation.x.tolist(), validation.y.tolist()) == ([99.0, 199.0], [0.9, 0.7])


def test_keras_csv_with_doubled_line_ends_and_a_second_run_gives_two_runs(tmp_path: Path) -> None:
    text = "epoch,loss,lr,val_loss\r\r\n0,2.0,0.1,2.1\r\r\n1,1.5,0.1,1.6\r\r\n0,3.0,0.1,3.1\r\r\n1,2.5,0.1,2.6\r\r\n"
    first, second = read(write(tmp_path, "training.log", text))
    assert [series.name for series in first.pair() if series] == ["loss", "val_loss"]
    assert second.find("val_loss").y.tolist() == [3.1, 2.6]
    assert first.find("lr").role == "schedule"


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    text = "epoch,train_loss,val_loss\n1,0.5,0.6\n2,0.4,0.5\n".replace(",", delimiter)
    assert only(write(tmp_path, "log.txt", text)).find("val_loss").y.tolist() == [0.6, 0.5]


def test_non_finite_spellings_are_values_and_empty_cells_are_absent(tmp_path: Path) -> None:
    text = "epoch,loss\n0,nan\n1,NaN\n2,inf\n3,-Infinity\n4,None\n5,\n6,NA\n7,0.5\n"
    loss = only(write(tmp_path, "a.csv", text)).find("loss")
    assert loss.x.tolist() == [0, 1, 2, 3, 4, 7]
    assert np.isnan(loss.y[[0, 1, 4]]).all()
    assert loss.y[2:4].tolist() == [math.inf, -math.inf]


def test_what_cannot_be_read_is_counted_in_the_notes(tmp_path: Path) -> None:
    text = "epoch,loss,comment\n0,1.0,fine\n1,oops,so\n2,0.8,so,extra\n3,0.7,so\n4,0."
    run = only(write(tmp_path, "a.csv", text))
    notes = " | ".join(run.notes)
    assert run.find("loss").x.tolist() == [0.0, 3.0]
    assert "column 'loss': 1 values that are no numbers" in notes
    assert "column 'comment': 3 values" in notes
    assert "1 lines with another number of cells" in notes
    assert "last line was cut off" in notes


def test_json_lines_with_different_keys_nested_objects_and_null(tmp_path: Path) -> None:
    rows = [
        {"step": 1, "train": {"loss": 2.0}},
        {"step": 2, "train": {"loss": None}},
        {"step": 2, "eval": {"loss": 1.9}},
    ]
    text = "\n".join(json.dumps(row) for row in rows) + '\n{"step": 3, "tra'
    run = only(write(tmp_path, "log.jsonl", text))
    train, validation = run.pair()
    assert train is not None
    assert validation is not None
    assert train.y[0] == 2.0
    assert math.isnan(train.y[1])
    assert validation.x.tolist() == [2.0]
    assert any("cut off" in note for note in run.notes)


def test_batches_counted_anew_in_each_epoch_are_averaged_over_epochs(tmp_path: Path) -> None:
    rows = [
        f"{epoch},{side},{batch},{epoch + batch}"
        for epoch in range(3)
        for side in ("train", "val")
        for batch in (1, 2, 3)
    ]
    train, validation = only(write(tmp_path, "a.csv", "epoch,set,step,loss\n" + "\n".join(rows))).pair()
    assert train is not None
    assert validation is not None
    assert (train.unit, train.aggregation, train.y.tolist()) == ("epoch", "interval_mean", [2.0, 3.0, 4.0])
    assert validation.x.tolist() == [0.0, 1.0, 2.0]


def test_nulls_between_values_are_absent_and_nulls_for_good_are_not_finite(tmp_path: Path) -> None:
    rows = [{"step": i, "loss": 1.0 if i < 8 else None, "val_loss": 2.0 if i % 5 == 4 else None} for i in range(20)]
    run = only(write(tmp_path, "log.jsonl", "\n".join(json.dumps(row) for row in rows)))
    assert run.find("val_loss").x.tolist() == [4, 9, 14, 19]
    assert np.isnan(run.find("loss").y).tolist() == [False] * 8 + [True] * 12


def test_a_split_column_becomes_two_series(tmp_path: Path) -> None:
    rows = [{"epoch": e, "split": s, "loss": e + (s == "valid")} for e in range(3) for s in ("train", "valid")]
    run = only(write(tmp_path, "log.jsonl", "\n".join(json.dumps(row) for row in rows)))
    train, validation = run.pair()
    assert train is not None
    assert validation is not None
    assert (train.y.tolist(), validation.y.tolist()) == ([0, 1, 2], [1, 2, 3])


def test_trainer_state_leaves_the_closing_summary_out_and_keeps_the_plan(tmp_path: Path) -> None:
    history = [
        {"epoch": 0.5, "loss": 2.0, "learning_rate": 1e-4, "grad_norm": "NaN", "step": 10},
        {"epoch": 1.0, "eval_loss": 1.8, "eval_runtime": 3.0, "step": 20},
        {"epoch": 1.0, "loss": 1.5, "learning_rate": 5e-5, "step": 20},
        {"epoch": 1.0, "step": 20, "total_flos": 1e9, "train_loss": 1.7, "train_runtime": 9.0},
    ]
    run = only(write(tmp_path, "trainer_state.json", json.dumps({"log_history": history, "max_steps": 40}, indent=1)))
    train, validation = run.pair()
    assert train is not None
    assert validation is not None
    assert (train.name, train.x.tolist(), train.y.tolist()) == ("loss", [10.0, 20.0], [2.0, 1.5])
    assert (validation.name, validation.y.tolist()) == ("eval_loss", [1.8])
    assert run.planned == 40
    assert run.notes == ("1 summary entries were left out",)
    assert math.isnan(run.find("grad_norm").y[0])


def test_a_history_of_lists_is_read(tmp_path: Path) -> None:
    text = json.dumps({"loss": [1.0, 0.5], "val_loss": [1.1, 0.9], "params": {"units": 3}}, indent=1)
    assert only(write(tmp_path, "history.json", text)).find("val_loss").y.tolist() == [1.1, 0.9]


def test_a_resumed_run_shows_the_later_points_and_keeps_the_earlier_ones(tmp_path: Path) -> None:
    steps = [*range(100), *range(60, 120)]
    text = "step,loss\n" + "".join(f"{step},{index}\n" for index, step in enumerate(steps))
    run = only(write(tmp_path, "a.csv", text))
    loss = run.find("loss")
    assert loss.x.tolist() == list(range(120))
    assert loss.y[60:].tolist() == list(range(100, 160))
    assert [segment.kind for segment in run.segments] == ["restart", "resume"]
    assert run.segments[0].replaced[0].y.tolist() == list(range(60, 100))


def test_two_writers_in_one_file_are_no_resumption(tmp_path: Path) -> None:
    steps = [step for pair in range(0, 100, 2) for step in (pair, pair + 1, pair, pair + 1)]
    run = only(write(tmp_path, "a.csv", "step,loss\n" + "".join(f"{step},1.0\n" for step in steps)))
    assert run.segments == ()
    assert len(run.find("loss")) == 200


def test_a_folder_gives_each_run_once_and_joins_files_named_for_splits(tmp_path: Path) -> None:
    write(tmp_path, "one/metrics.csv", "epoch,loss\n0,1\n1,0.5\n")
    write(tmp_path, "two/train.csv", "epoch,loss\n0,1\n1,0.5\n")
    write(tmp_path, "two/val.csv", "epoch,loss\n0,2\n1,1.5\n")
    write(tmp_path, "readme.txt", "nothing to see")
    one, two = read(tmp_path)
    assert one.name == "metrics"
    assert [series.name for series in two.pair() if series] == ["train/loss", "val/loss"]
    assert any("1 other files" in note for note in one.notes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\x00\x01\x02PNG\x00" * 50, "binary data"),
        (b"epoch,train_loss,val_loss\n", "a header but no rows"),
        (b"1,2,3\n4,5,6\n", "first line is no header but '1,2,3'"),
        (b"epoch,step\n0,1\n1,2\n", "no column measures anything"),
        (b"dear diary\ntoday nothing\n", "no column measures anything"),
        (b'{"log_history": []}', "log_history has no entries"),
        (b'{"log_history": [{"loss": 1.0', "no complete JSON"),
    ],
)
def test_a_bad_file_is_refused_by_path_finding_and_next_step(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    with pytest.raises(AdvisorError) as caught:
        read(path)
    text = str(caught.value)
    assert str(path) in text
    assert message in text
    assert "a readable log is" in text


def test_text_that_is_no_log_is_refused_with_the_formats_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(
        AdvisorError, match=r"found text that begins with 'dear diary.*known formats: CSV, .*trainer_state"
    ):
        read(write(tmp_path, "diary.txt", "dear diary\ntoday nothing\n"))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdvisorError, match=r"does not exist; give the path of a log"):
        read(tmp_path / "none.csv")


def test_a_folder_without_logs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdvisorError, match="none of its 0 files"):
        read(tmp_path)


def test_a_file_over_the_size_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "big.csv"
    with path.open("wb") as stream:
        stream.truncate(512 * 1024 * 1024 + 1)  # sparse: takes no space
    with pytest.raises(AdvisorError, match="the limit is 512 MiB"):
        read(path)


@pytest.mark.parametrize("text", ["epoch,loss\n0,1\n1,0.5\n", "epoch,loss,val_loss\n0,nan,nan\n1,nan,nan\n"])
def test_one_series_or_nothing_finite_is_still_a_log(tmp_path: Path, text: str) -> None:
    assert only(write(tmp_path, "a.csv", text)).find("loss").x.tolist() == [0, 1]


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(st.binary(max_size=200), st.text(alphabet='epoch,loss\n\t;0.5{}[]":1naN -', max_size=200).map(str.encode))
)
def test_any_bytes_are_read_or_refused_without_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    path.write_bytes(data)
    runs, refusal = attempt(path)
    assert all(len(series) for run in runs for series in run.series)
    assert runs or "fuzz.csv" in refusal
