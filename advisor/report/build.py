"""The report of a finished job: its evidence, and a diagnosis of the baseline that it was measured against."""

from pathlib import Path

from advisor.diagnosis import diagnose
from advisor.experiments.curves import epoch_log
from advisor.files import write_atomic
from advisor.jobs import service
from advisor.jobs.home import job_folder
from advisor.jobs.store import now
from advisor.readers import read
from advisor.report.model import Report
from advisor.report.question import title_of


def job_report(job_id: str) -> Report:
    """The report of this job.

    Raises:
        AdvisorError: there is no such job, or it has no evidence.
    """
    evidence = service.find_evidence(job_id)
    first = next((run for run in evidence.results.runs if run.arm == "baseline" and run.rows), None)
    curves = None
    if first is not None:
        log: Path = job_folder(job_id) / "baseline.csv"
        metric = evidence.results.metric
        write_atomic(log, epoch_log(first.rows, metric, metric if evidence.results.split == "script" else None))
        curves = read(log)[0]
    return Report(
        title=title_of(evidence) or service.show(job_id).title,
        created=now(),
        curves=curves,
        diagnosis=diagnose(curves) if curves is not None else None,
        evidence=evidence,
        reproduce=(f"regadvisor jobs show {job_id} --spec > spec.json", "regadvisor verify spec.json"),
    )
