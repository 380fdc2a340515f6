"""May a version take users' traffic at all? What its load tests found and what serving the target costs decide.

The variants of a spec are tested one after the other, each alone; then the cheapest that keeps every promise at the
target becomes the candidate of the stages. Without variants there is only one way to choose.
"""

from collections.abc import Mapping
from dataclasses import replace

from palier.api.v1alpha1 import LoadTestStage
from palier.economics.variants import Choice
from palier.evidence.verdicts import Verdict
from palier.loadtest.result import LoadTestResult
from palier.release.prospects import run_needed, survey, wanted_runs
from palier.release.refusal import refusal, stay_undecided
from palier.release.rollback import rules_of
from palier.release.situation import Decision, Hold, Note, Situation
from palier.release.stages.advance import next_stage
from palier.release.stages.kind import Judgements, StageKind
from palier.release.state import Drain, Former, Outcome, ReleasePhase, Result, RevisionRef
from palier.release.testing import NO_RESULT, NOT_READY, LoadTestRecord, Run, ServingOption, add_record


def _stage_of(situation: Situation) -> LoadTestStage:
    stage = situation.release.stage.load_test if situation.release.stage else None
    assert stage is not None  # noqa: S101 - only asked for in such a stage
    return stage


def _next_run(situation: Situation) -> Run | None:
    """The run that has to be made next; None when everything is known that can be."""
    return run_needed(situation.deployment, situation.observation, situation.state, now=situation.now)


def _work(situation: Situation) -> Run | None:
    """The run whose Job has to exist now."""
    return None if situation.observation.unreadable else _next_run(situation)


def _begin_run(situation: Situation) -> Decision:
    """The release at its next load test, or at what the load tests say when they are all known."""
    run = _next_run(situation)
    if run is None:
        return _conclude(situation)
    state = situation.state
    option = _find_option(situation, run.revision)
    candidate = RevisionRef.from_option(option, family=situation.observation.revision, now=situation.now)
    entered = replace(
        state,
        candidate=candidate,
        former=_keep_former(state.former, candidate),
        drains=_list_drains(situation, keeping=run.revision),
        release=replace(situation.release.reopen(), unready_since=situation.now),
    )
    return Decision(entered, hold=Hold("CandidateNotReady", f"{_name_revision(candidate)} starts for its load test"))


def _open(situation: Situation, opened: Situation) -> Decision:
    """The candidate's pods are ready to be put under load, before any user meets them."""
    if situation.observation.unreadable:
        return Decision(situation.state, hold=_hold_unreadable(situation))
    run = _next_run(situation)
    if run is None or run.revision != situation.candidate.revision:
        return _begin_run(situation)
    facts = situation.observation.facts(run.revision)
    if facts.endpoints > run.replicas:
        message = f"{facts.endpoints} pods of {run.revision} are ready, and its load test is about {run.replicas}"
        return Decision(situation.state, hold=Hold("SurplusPods", f"{message}: the others have to go first"))
    note = Note("Normal", "LoadTestStarted", f"{run.revision} is put under load, without users")
    return Decision(opened.state, notes=(note,), hold=Hold("LoadTesting", "the generator starts"))


def _give_up(situation: Situation, why: str) -> Decision | None:
    """The release with its next variant when the pods of this one do not become ready; None when it is the only one."""
    if situation.observation.unreadable:
        return None
    run = _next_run(situation)
    if (
        run is None
        or run.revision != situation.candidate.revision
        or len({one.revision for one in _runs(situation)}) == 1
    ):
        return None
    return _finish_run(situation, run, LoadTestResult(Verdict.NO_EVIDENCE, NOT_READY, why))


def _follow(situation: Situation, _judgements: Judgements) -> Decision:
    """The candidate is under load, without any user."""
    stage = _stage_of(situation)
    if situation.observation.unreadable:
        return _stay_undecided(situation, stage, _hold_unreadable(situation))
    run = _next_run(situation)
    if run is None:
        return _conclude(situation)
    facts = situation.observation.load_test
    lost = not facts.exists and not situation.observation.facts(run.revision).carries(run.replicas)
    if lost or run.revision != situation.candidate.revision or not _fits(situation, run):
        return _begin_run(situation)
    result = facts.result
    if result is None and facts.failed:
        result = LoadTestResult(Verdict.NO_EVIDENCE, NO_RESULT, facts.message)
    if result is None:
        return _stay_undecided(situation, stage, Hold("LoadTesting", _progress(situation, run)))
    return _finish_run(situation, run, result)


def _finish_run(situation: Situation, run: Run, result: LoadTestResult) -> Decision:
    """A run has ended: remember what it found, and go on to the next one or to the conclusion."""
    facts = situation.observation.load_test
    record = LoadTestRecord(
        revision=run.revision,
        variant=run.variant,
        digest=run.digest,
        replicas=run.replicas,
        measured_at=situation.now,
        result=result,
        node=facts.node,
        usage=facts.usage,
    )
    release = replace(situation.release, attempt=situation.release.attempt + 1)
    state = replace(situation.state, load_tests=add_record(situation.state.load_tests, record), release=release)
    note = Note(
        "Normal" if result.verdict is Verdict.PASS else "Warning",
        "LoadTestFinished",
        f"{_name_revision(situation.candidate)}: {result.message}",
    )
    following = _begin_run(replace(situation, state=state))
    return replace(following, notes=(note, *following.notes))


def _conclude(situation: Situation) -> Decision:
    """What follows from the load tests: go on with the cheapest way that fits, refuse, or wait for what is missing."""
    stage = _stage_of(situation)
    choice = _choice(situation)
    match choice.verdict:
        case Verdict.PASS:
            option = _find_option(situation, choice.chosen or situation.candidate.revision)
            note = Note("Normal", "LoadTestPassed", choice.message)
            reference = RevisionRef.from_option(option, family=situation.observation.revision, now=situation.now)
            return _accept_choice(situation, reference, (note,))
        case Verdict.FAIL:
            return refusal(situation, choice.reason, choice.message)
        case Verdict.NO_EVIDENCE:
            release = replace(situation.release, opened_at=situation.release.opened_at or situation.now)
            waiting = replace(situation, state=replace(situation.state, release=release))
            return _stay_undecided(waiting, stage, Hold(choice.reason, choice.message))


def _accept_choice(situation: Situation, chosen: RevisionRef, notes: tuple[Note, ...]) -> Decision:
    """The chosen way becomes the candidate of the stages, or stays what it is if it already serves."""
    state, now, stable = situation.state, situation.now, situation.state.stable
    drains = _list_drains(situation, keeping=chosen.revision)
    if stable is not None and stable.revision == chosen.revision:
        message = (
            f"{_name_revision(stable)} goes on serving: {notes[0].message if notes else 'it is what the spec asks for'}"
        )
        outcome = Outcome(
            chosen.revision,
            Result.PROMOTED,
            "StableChosen",
            message,
            now,
            rules_of(situation),
            family=chosen.family,
        )
        serving = replace(stable, variant=chosen.variant, family=chosen.family)
        ended = replace(state.end_release(outcome), stable=serving, candidate=None, drains=drains)
        return Decision(ended, notes=(*notes, Note("Normal", "Promoted", message)))
    entered = replace(state, candidate=chosen, former=_keep_former(state.former, chosen), drains=drains)
    return next_stage(replace(situation, state=entered), notes)


def _stay_undecided(situation: Situation, stage: LoadTestStage, gap: Hold) -> Decision:
    since = situation.release.stage_started_at
    return stay_undecided(situation, gap, stage="load test", since=since, limit=stage.max_duration)


def _hold_unreadable(situation: Situation) -> Hold:
    """Which way is tested and with what requests is not known for the moment."""
    return Hold("TextUnreadable", situation.observation.unreadable)


def _fits(situation: Situation, run: Run) -> bool:
    """Whether the candidate has just the pods that a run is about; a moment before its Job is there it may not."""
    facts = situation.observation.facts(run.revision)
    return situation.observation.load_test.exists or (facts.carries(run.replicas) and facts.endpoints == run.replicas)


def _choice(situation: Situation) -> Choice:
    return survey(situation.deployment, situation.observation, situation.state, now=situation.now).choice


def _runs(situation: Situation) -> tuple[Run, ...]:
    return wanted_runs(situation.deployment, situation.observation, situation.state)


def _find_option(situation: Situation, revision: str) -> ServingOption:
    options = situation.observation.options_of(situation.deployment)
    return next((option for option in options if option.revision == revision), options[0])


def _list_drains(situation: Situation, *, keeping: str) -> tuple[Drain, ...]:
    """The revisions that may go now: a tested way that is not the next one has no traffic to lose."""
    state = situation.state
    kept = {keeping, *(reference.revision for reference in (state.stable,) if reference)}
    if state.former:
        kept.add(state.former.reference.revision)
    drains = tuple(drain for drain in state.drains if drain.revision != keeping)
    candidate = state.candidate
    if candidate is None or candidate.revision in kept | {drain.revision for drain in drains}:
        return drains
    return (*drains, Drain(candidate.revision, situation.now))


def _keep_former(former: Former | None, candidate: RevisionRef) -> Former | None:
    """The former stable, unless it is tried anew: then its pods are the candidate's."""
    return None if former and former.reference.revision == candidate.revision else former


def _progress(situation: Situation, run: Run) -> str:
    """How far a run has come, in a sentence."""
    facts = situation.observation.load_test
    runs = len(_runs(situation))
    which = f" ({run.index + 1} of {runs})" if runs > 1 else ""
    several = f" at {run.replicas} replicas" if run.replicas > 1 else ""
    subject = f"load test of {_name_revision(situation.candidate)}{several}{which}"
    return f"{subject}: {_describe_progress(facts.progress or {}) or facts.message or 'the generator starts'}"


def _describe_progress(progress: Mapping[str, object]) -> str:
    """What the pod tells of itself: its own sentence, else its numbers; empty when it has told nothing."""
    if sentence := progress.get("message"):
        return str(sentence)
    parts = [
        f"{progress[name]}{unit}"
        for name, unit in (
            ("phase", ""),
            ("requestsPerSecond", " requests/s"),
            ("passed", " requests/s held"),
            ("failed", " requests/s did not"),
        )
        if progress.get(name)
    ]
    return ", ".join(parts)


def _name_revision(reference: RevisionRef) -> str:
    variant = f", variant {reference.variant}" if reference.variant else ""
    return f"{reference.model} {reference.version} ({reference.revision}{variant})"


LOAD_TEST = StageKind(
    phase=ReleasePhase.LOAD_TESTING,
    word="LoadTest",
    standing="{candidate} is under load without any user, since {since}",
    open=_open,
    follow=_follow,
    timed_from=lambda release: release.stage_started_at,
    work=_work,
    reads_texts=True,
    begin=_begin_run,
    give_up=_give_up,
)
