"""What single trainings have to say reaches the summary and the report once, with how many of them say it."""

from advisor.experiments.assess import assess, rule_for
from advisor.experiments.evidence import Evidence, Results
from advisor.report.html import render
from advisor.summary import describe_evidence
from tests.report.examples import usual_evidence, usual_report

HEAD = "the head in net.pt is for 7 outputs: fc.weight, fc.bias for 10 outputs are left as initialised"
MEMORY = "memory ran out at batch_size 64: trained in batches of 32"


def assess_with(**notes: dict[int, str]) -> Evidence:
    """The usual evidence, judged anew with notes on some runs: arm -> block -> what its run says beside HEAD."""
    evidence = usual_evidence()
    runs = []
    for run in evidence.results.runs:
        own = notes.get(run.arm, {})
        runs.append(run.model_copy(update={"notes": (HEAD, own[run.block]) if run.block in own else (HEAD,)}))
    sizes = evidence.results.sizes
    results: Results = assess(evidence.spec, runs, sizes, rule_for(evidence.spec, evidence.results.horizon, sizes))
    return evidence.model_copy(update={"results": results})


def test_a_note_of_every_run_is_said_once_for_all():
    evidence = assess_with()
    assert evidence.results.notes == (HEAD,)
    assert all(HEAD not in note for arm in evidence.results.arms for note in arm.notes)


def test_a_note_of_some_runs_is_said_at_their_arm_with_their_number():
    evidence = assess_with(mixup={0: MEMORY, 3: MEMORY}, baseline={2: MEMORY})
    assert evidence.results.notes == (HEAD, f"{MEMORY} (1 of 8 runs of the baseline)")
    assert f"{MEMORY} (2 of 8 runs)" in evidence.arm("mixup").notes
    assert not any(MEMORY in note for note in evidence.arm("dropout").notes)


def test_runs_without_notes_leave_none():
    evidence = usual_evidence()
    sizes = evidence.results.sizes
    rule = rule_for(evidence.spec, evidence.results.horizon, sizes)
    assert assess(evidence.spec, evidence.results.runs, sizes, rule).notes == ()


def test_summary_and_report_show_each_note_once():
    evidence = assess_with(mixup=dict.fromkeys(range(8), MEMORY))
    text = "\n".join(describe_evidence(evidence))
    page = render(usual_report().model_copy(update={"evidence": evidence}))
    for note in (HEAD, f"{MEMORY} (8 of 8 runs)"):
        assert text.count(note) == 1
        assert page.count(note) == 1
