"""Jobs as real processes: they outlive who asked, can be cancelled and killed, and resume to the same results."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from advisor.errors import AdvisorError
from advisor.experiments.spec import Spec, parse_spec
from advisor.jobs import service
from advisor.jobs.home import job_folder
from tests.jobs.inline import InlineExecutor, campaign
from tests.jobs.processes import kill, processes, wait_until_gone, wait_until_training

pytestmark = pytest.mark.usefixtures("home")


def _spec(**changes: Any) -> Spec:
    return parse_spec(
        {
            "data": {"builtin": "wine"},
            "model": {"name": "mlp", "arguments": {"width": 8}},
            "baseline": {"lr": 0.01, "epochs": 3},
            "arms": {"slow": {"lr": 0.001}},
            "design": {"max_blocks": 2},
            **changes,
        }
    )


LONG = {"baseline": {"lr": 0.01, "epochs": 150}, "design": {"max_blocks": 6}}
ENDLESS = {**LONG, "baseline": {"lr": 0.01, "epochs": 1000}}  # to be cancelled


def test_the_same_spec_again_answers_from_finished_work() -> None:
    first = service.wait(service.submit(_spec()).job_id, 120)
    assert first.state == "done", first
    assert first.progress == 1.0
    again = service.submit(_spec())
    assert (again.job_id, again.state) == (first.job_id, "done")
    assert wait_until_gone(first.job_id, "driver") == []  # the first one's driver may still be closing
    assert [job.job_id for job in service.list_jobs()] == [first.job_id]


def test_cancel_ends_the_workers_and_resume_finishes_with_the_undisturbed_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = service.submit(_spec(**LONG)).job_id
    wait_until_training(job_id)
    assert service.cancel(job_id).state == "cancelled"
    assert wait_until_gone(job_id, "worker") == []
    with pytest.raises(AdvisorError, match=f"regadvisor jobs resume {job_id}"):
        service.find_evidence(job_id)
    assert service.resume(job_id).active
    assert service.wait(job_id, 120).state == "done"
    resumed = service.find_evidence(job_id)
    monkeypatch.setenv("REGADVISOR_HOME", str(tmp_path / "other"))
    undisturbed = campaign(_spec(**LONG), InlineExecutor()).run()
    assert resumed.results.model_dump_json() == undisturbed.results.model_dump_json()


def test_a_killed_driver_leaves_an_interrupted_job_that_resumes_to_the_same_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = service.submit(_spec(**LONG)).job_id
    wait_until_training(job_id, runs=3)
    kill(job_id, "driver")
    assert service.wait(job_id, 5).state == "interrupted"
    assert wait_until_gone(job_id, "worker") == [], "workers end with their driver"
    assert service.resume(job_id).active
    assert service.wait(job_id, 120).state == "done"
    resumed = service.find_evidence(job_id)
    monkeypatch.setenv("REGADVISOR_HOME", str(tmp_path / "other"))
    undisturbed = campaign(_spec(**LONG), InlineExecutor()).run()
    assert resumed.results.model_dump_json() == undisturbed.results.model_dump_json()


def test_a_killed_worker_is_replaced_and_the_results_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = service.submit(_spec(**LONG)).job_id
    wait_until_training(job_id)
    victim = kill(job_id, "worker")
    assert service.wait(job_id, 120).state == "done"
    assert victim not in processes(job_id, "worker")
    survived = service.find_evidence(job_id)
    monkeypatch.setenv("REGADVISOR_HOME", str(tmp_path / "other"))
    undisturbed = campaign(_spec(**LONG), InlineExecutor()).run()
    assert survived.results.model_dump_json() == undisturbed.results.model_dump_json()


def test_two_processes_on_one_home_share_one_job(tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    path.write_text(_spec().model_dump_json())
    command = [sys.executable, "-m", "advisor.cli", "verify", str(path), "--json"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    evidence = [json.loads(out) for out, _ in outputs]
    assert evidence[0] == evidence[1], "one job answered both"
    assert len(service.list_jobs()) == 1


def test_a_job_that_fails_says_why_and_keeps_its_status() -> None:
    job = service.wait(service.submit(_spec(metric="rmse")).job_id, 60)
    assert job.state == "failed"
    assert "rmse" in (job.error or "")
    with pytest.raises(AdvisorError, match="rmse") as caught:
        service.find_evidence(job.job_id)
    assert caught.value.exit_status == 2


def test_a_missing_interpreter_is_refused_before_anything_starts() -> None:
    with pytest.raises(AdvisorError, match=r"no/such/python"):
        service.submit(_spec(python="no/such/python"))
    assert service.list_jobs() == []


def test_an_interpreter_without_torch_is_refused_with_the_mending_command(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho \'{"python": "3.12.1", "versions": {"numpy": "2.0"}}\'\n')
    python.chmod(0o755)
    with pytest.raises(AdvisorError, match=r"lacks torch, pydantic.*pip install torch pydantic"):
        service.submit(_spec(python=str(python)))


def test_an_unknown_job_offers_those_that_exist() -> None:
    with pytest.raises(AdvisorError, match="there are no jobs yet"):
        service.show("abc")


def test_remove_deletes_the_folder_and_refuses_while_it_runs() -> None:
    job_id = service.submit(_spec(**ENDLESS)).job_id
    with pytest.raises(AdvisorError, match="is running; cancel it first"):
        service.remove(job_id)
    service.cancel(job_id)
    service.remove(job_id)
    assert not job_folder(job_id).exists()
    assert service.list_jobs() == []


def test_a_home_that_cannot_be_made_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REGADVISOR_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(AdvisorError, match="set REGADVISOR_HOME"):
        service.list_jobs()
