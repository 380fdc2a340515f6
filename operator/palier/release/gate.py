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
from palier.release.observation import Observation
from palier.release.prospects import record_of, survey, wanted_runs
from palier.release.refusal import refusal, undecided
from palier.release.rules import rules_digest
from palier.release.situation import Decision, Hold, Note, Situation
from palier.release.state import Drain, Former, Outcome, Result, RevisionRef, State, Step
from palier.release.testing import NO_RESULT, NOT_READY, LoadTestRecord, Run, Way, recorded


def reference_of(way: Way, *, family: str, now: float) -> RevisionRef:
    """A way to serve as a revision that takes a part in the release."""
    spec = way.deployment.spec
    return RevisionRef(
        revision=way.revision,
        model=spec.model.name,
        version=spec.model.version,
        port=spec.serving.port,
        since=now,
        runtime=spec.model.runtime.value if spec.model.runtime else "",
        runtime_version=spec.model.runtime_version or "",
        variant=way.variant,
        family=family if way.variant else "",
    )


def load_test_stage(situation: Situation) -> LoadTestStage | None:
    """The load test that this release still has to pass; None when it has none or has passed it."""
    release = situation.release
    if release.tested or (release.direct and situation.state.stable is not None):
        return None  # a former stable revision is taken back without asking what it can carry: it has carried it
    return situation.deployment.spec.release.load_test


def next_run(situation: Situation) -> Run | None:
    """The first run without a usable record; None when everything is known that can be.

    A way that has not passed one of its runs needs no other one. What failed by chance is tried again after a while,
    unless another way passes already.
    """
    stable, again = situation.state.stable, None
    settled: set[str] = set()
    for run in _runs(situation):
        # A revision that serves cannot be tested: its users would be the ones to feel it.
        if run.revision in settled or (stable is not None and run.revision == stable.revision):
            continue
        record = record_of(run, situation.deployment, situation.state, now=situation.now)
        if record is None:
            return run
        if record.result.verdict is not Verdict.PASS:
            settled.add(run.revision)
            if again is None and record.worth_another(now=situation.now):
                again = run
    return None if again is None or _choice(situation).verdict is Verdict.PASS else again


def run_under_way(situation: Situation) -> Run | None:
    """The run whose Job has to exist now."""
    release = situation.state.release
    if release is None or release.step is not Step.LOAD_TESTING or load_test_stage(situation) is None:
        return None
    return None if situation.observation.unreadable else next_run(situation)


def undisturbed(state: State, observation: Observation) -> bool:
    """Whether a load test goes on although it cannot be said which one has to: its requests come back in a moment."""
    return bool(observation.unreadable and state.release and state.release.step is Step.LOAD_TESTING)


def begun(situation: Situation) -> Decision:
    """The release at its next load test, or at what the load tests say when they are all known."""
    run = next_run(situation)
    if run is None:
        return concluded(situation)
    state, release = situation.state, situation.release
    way = _way(situation, run.revision)
    candidate = reference_of(way, family=situation.observation.revision, now=situation.now)
    entered = replace(
        state,
        candidate=candidate,
        former=_unless(state.former, candidate),
        drains=_left(situation, keeping=run.revision),
        release=replace(
            release, step=Step.PREPARING, stage_started_at=situation.now, test_replicas=run.replicas, tested=False
        ),
    )
    return Decision(entered, hold=Hold("CandidateNotReady", f"{_named(candidate)} starts for its load test"))


def prepared(situation: Situation) -> Decision:
    """The candidate's pods are ready to be put under load, before any user meets them."""
    if situation.observation.unreadable:
        return Decision(situation.state, hold=_unreadable(situation))
    run = next_run(situation)
    if run is None or not _prepared_for(situation, run):
        return begun(situation)
    facts = situation.observation.facts(run.revision)
    if facts.endpoints > run.replicas:
        message = f"{facts.endpoints} pods of {run.revision} are ready, and its load test is about {run.replicas}"
        return Decision(situation.state, hold=Hold("SurplusPods", f"{message}: the others have to go first"))
    release = replace(situation.release, step=Step.LOAD_TESTING, stage_started_at=situation.now)
    note = Note("Normal", "LoadTestStarted", f"{run.revision} is put under load, without users")
    entered = replace(situation.state, release=release)
    return Decision(entered, notes=(note,), hold=Hold("LoadTesting", "the generator starts"))


def passed_over(situation: Situation, why: str) -> Decision | None:
    """The release with its next variant when the pods of this one do not become ready; None when it is the only one."""
    if load_test_stage(situation) is None or situation.observation.unreadable:
        return None
    run = next_run(situation)
    if run is None or not _prepared_for(situation, run) or len({one.revision for one in _runs(situation)}) == 1:
        return None
    return _finished(situation, run, LoadTestResult(Verdict.NO_EVIDENCE, NOT_READY, why))


def load_testing(situation: Situation) -> Decision:
    """The candidate is under load, without any user."""
    stage = load_test_stage(situation)
    if stage is None:  # the stage was taken out of the spec meanwhile
        return _tested(situation, situation.candidate, ())
    if situation.observation.unreadable:
        return _undecided(situation, stage, _unreadable(situation))
    run = next_run(situation)
    if run is None:
        return concluded(situation)
    facts = situation.observation.load_test
    lost = not facts.exists and not situation.observation.facts(run.revision).carries(run.replicas)
    if lost or not _prepared_for(situation, run):
        return begun(situation)
    result = facts.result
    if result is None and facts.failed:
        result = LoadTestResult(Verdict.NO_EVIDENCE, NO_RESULT, facts.message)
    if result is None:
        return _undecided(situation, stage, Hold("LoadTesting", _progress(situation, run)))
    return _finished(situation, run, result)


def _finished(situation: Situation, run: Run, result: LoadTestResult) -> Decision:
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
    state = replace(situation.state, load_tests=recorded(situation.state.load_tests, record), release=release)
    note = Note(
        "Normal" if result.verdict is Verdict.PASS else "Warning",
        "LoadTestFinished",
        f"{_named(situation.candidate)}: {result.message}",
    )
    following = begun(replace(situation, state=state))
    return replace(following, notes=(note, *following.notes))


def concluded(situation: Situation) -> Decision:
    """What follows from the load tests: go on with the cheapest way that fits, refuse, or wait for what is missing."""
    stage = load_test_stage(situation)
    choice = _choice(situation)
    match choice.verdict:
        case Verdict.PASS:
            way = _way(situation, choice.chosen or situation.candidate.revision)
            note = Note("Normal", "LoadTestPassed", choice.message)
            reference = reference_of(way, family=situation.observation.revision, now=situation.now)
            return _tested(situation, reference, (note,))
        case Verdict.FAIL:
            return refusal(situation, choice.reason, choice.message)
        case Verdict.NO_EVIDENCE:
            release = replace(situation.release, step=Step.LOAD_TESTING)
            waiting = replace(situation, state=replace(situation.state, release=release))
            return _undecided(waiting, stage or LoadTestStage(), Hold(choice.reason, choice.message))


def _tested(situation: Situation, chosen: RevisionRef, notes: tuple[Note, ...]) -> Decision:
    """The chosen way becomes the candidate of the stages, or stays what it is if it already serves."""
    state, now, stable = situation.state, situation.now, situation.state.stable
    drains = _left(situation, keeping=chosen.revision)
    if stable is not None and stable.revision == chosen.revision:
        message = f"{_named(stable)} goes on serving: {notes[0].message if notes else 'it is what the spec asks for'}"
        outcome = Outcome(
            chosen.revision,
            Result.PROMOTED,
            "StableChosen",
            message,
            now,
            rules_digest(situation.deployment),
            family=chosen.family,
        )
        serving = replace(stable, variant=chosen.variant, family=chosen.family)
        ended = replace(state.ended(outcome), stable=serving, candidate=None, drains=drains)
        return Decision(ended, notes=(*notes, Note("Normal", "Promoted", message)))
    release = replace(
        situation.release, step=Step.PREPARING, stage_started_at=now, tested=True, test_replicas=0, attempt=0
    )
    entered = replace(state, candidate=chosen, former=_unless(state.former, chosen), drains=drains, release=release)
    return Decision(entered, notes=notes, hold=Hold("CandidateNotReady", f"{_named(chosen)} gets its pods"))


def _undecided(situation: Situation, stage: LoadTestStage, gap: Hold) -> Decision:
    since = situation.release.started_at
    return undecided(situation, gap, stage="load test", since=since, limit=stage.max_duration)


def _unreadable(situation: Situation) -> Hold:
    """Which way is tested and with what requests is not known for the moment."""
    return Hold("TextUnreadable", situation.observation.unreadable)


def _prepared_for(situation: Situation, run: Run) -> bool:
    """Whether the candidate of the moment is what a run is about."""
    return (run.revision, run.replicas) == (situation.candidate.revision, situation.release.test_replicas)


def _choice(situation: Situation) -> Choice:
    return survey(situation.deployment, situation.observation, situation.state, now=situation.now).choice


def _runs(situation: Situation) -> tuple[Run, ...]:
    return wanted_runs(situation.deployment, situation.observation, situation.state)


def _way(situation: Situation, revision: str) -> Way:
    ways = situation.observation.ways_of(situation.deployment)
    return next((way for way in ways if way.revision == revision), ways[0])


def _left(situation: Situation, *, keeping: str) -> tuple[Drain, ...]:
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


def _unless(former: Former | None, candidate: RevisionRef) -> Former | None:
    """The former stable, unless it is tried anew: then its pods are the candidate's."""
    return None if former and former.reference.revision == candidate.revision else former


def _progress(situation: Situation, run: Run) -> str:
    """How far a run has come, in a sentence."""
    facts = situation.observation.load_test
    runs = len(_runs(situation))
    which = f" ({run.index + 1} of {runs})" if runs > 1 else ""
    several = f" at {run.replicas} replicas" if run.replicas > 1 else ""
    subject = f"load test of {_named(situation.candidate)}{several}{which}"
    return f"{subject}: {_said(facts.progress or {}) or facts.message or 'the generator starts'}"


def _said(progress: Mapping[str, object]) -> str:
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


def _named(reference: RevisionRef) -> str:
    variant = f", variant {reference.variant}" if reference.variant else ""
    return f"{reference.model} {reference.version} ({reference.revision}{variant})"
