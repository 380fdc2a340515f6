"""May a version meet users? Its golden answers decide: requests whose good answers are known, asked of it alone.

They come before the shadow, because they cost no user anything and need no traffic, and also for the first revision of
all, which has nothing to be compared with but a least score.
"""

from dataclasses import replace

from palier.api.v1alpha1 import GoldenStage
from palier.evidence.verdicts import Verdict
from palier.golden.result import GoldenResult
from palier.release.examining import GOLDEN_FAILED, GoldenRecord, GoldenRun
from palier.release.refusal import refusal, stay_undecided
from palier.release.situation import Decision, Hold, Note, Situation
from palier.release.stages.advance import next_stage
from palier.release.stages.kind import Judgements, StageKind
from palier.release.state import Release, ReleasePhase


def _work(situation: Situation) -> GoldenRun | None:
    """The run whose Job has to exist now."""
    run = _run(situation)
    return None if situation.observation.unreadable or _record(situation, run) else run


def _open(situation: Situation, opened: Situation) -> Decision:
    """The candidate's pods are ready to be asked, before any user meets them."""
    if situation.observation.unreadable:
        return Decision(situation.state, hold=Hold("TextUnreadable", situation.observation.unreadable))
    note = Note("Normal", "GoldenStarted", f"{situation.candidate.revision} gives golden answers, without users")
    return Decision(opened.state, notes=(note,), hold=Hold("Examining", "the golden answers are asked for"))


def _follow(situation: Situation, _judgements: Judgements) -> Decision:
    """The candidate is asked, without any user."""
    stage = situation.release.stage.golden if situation.release.stage else None
    assert stage is not None  # noqa: S101 - only asked for in such a stage
    if situation.observation.unreadable:
        return _stay_undecided(situation, stage, Hold("TextUnreadable", situation.observation.unreadable))
    run = _run(situation)
    record = _record(situation, run)
    if record is not None:
        return _conclude_examination(situation, stage, record)
    facts = situation.observation.golden
    result = facts.result
    if result is None and facts.failed:
        result = GoldenResult(verdict=Verdict.NO_EVIDENCE, reason=GOLDEN_FAILED, message=facts.message)
    if result is None:
        return _stay_undecided(situation, stage, Hold("Examining", _progress(situation)))
    found = GoldenRecord(run, situation.now, result, facts.about)
    release = replace(situation.release, attempt=situation.release.attempt + 1)
    state = replace(situation.state, golden=found, release=release)
    note = Note(
        "Normal" if result.verdict is Verdict.PASS else "Warning",
        "GoldenFinished",
        f"{situation.candidate.model} {situation.candidate.version} ({run.candidate}): {result.message}",
    )
    following = _conclude_examination(replace(situation, state=state), stage, found)
    return replace(following, notes=(note, *following.notes))


def _conclude_examination(situation: Situation, stage: GoldenStage, record: GoldenRecord) -> Decision:
    result = record.result
    match result.verdict:
        case Verdict.PASS:
            return next_stage(situation, (Note("Normal", "GoldenPassed", result.message),))
        case Verdict.FAIL:
            return refusal(situation, result.reason, result.message)
        case Verdict.NO_EVIDENCE:
            return _stay_undecided(situation, stage, Hold(result.reason, result.message))


def _stay_undecided(situation: Situation, stage: GoldenStage, gap: Hold) -> Decision:
    since = _timed_from(situation.release)
    return stay_undecided(situation, gap, stage="golden answers", since=since, limit=stage.max_duration)


def _timed_from(release: Release) -> float:
    return release.opened_at or release.stage_started_at


def _run(situation: Situation) -> GoldenRun:
    stable = situation.state.stable
    return GoldenRun(
        candidate=situation.candidate.revision,
        stable=stable.revision if stable else "",
        attempt=situation.release.attempt,
        digest=situation.observation.golden_digest,
    )


def _record(situation: Situation, run: GoldenRun) -> GoldenRecord | None:
    record, began = situation.state.golden, situation.release.started_at
    return record if record is not None and record.answers(run, began_at=began, now=situation.now) else None


def _progress(situation: Situation) -> str:
    """How far the run has come, in a sentence."""
    facts = situation.observation.golden
    said = facts.progress or {}
    if "asked" in said and "of" in said:
        return f"golden answers of {situation.candidate.revision}: {said['asked']} of {said['of']} asked for"
    # With a scorer there is no line of progress: its container speaks for itself.
    waits = "the pod asks and has its answers scored" if facts.running else "the pod that asks starts"
    return f"golden answers of {situation.candidate.revision}: {facts.message or waits}"


GOLDEN = StageKind(
    phase=ReleasePhase.EXAMINING,
    word="Golden",
    standing="{candidate} is asked for golden answers without any user, since {since}",
    open=_open,
    follow=_follow,
    timed_from=_timed_from,
    work=_work,
    reads_texts=True,
)
