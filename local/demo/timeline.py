"""What is worth a line: the differences between two moments, and how users fare in between.

Messages carry numbers that change at every look. A line for each would drown the story, so a verdict or a condition is
told when its meaning changes, and users get a line every few seconds.
"""

from collections.abc import Sequence

from local.demo.observation import Snapshot
from local.demo.terminal import Line, Tone
from local.traffic import Response, percentile

_RESULT_TONES = {"Promoted": Tone.GOOD, "RolledBack": Tone.BAD, "Failed": Tone.BAD, "Refused": Tone.BAD}
_VERDICT_TONES = {"Pass": Tone.GOOD, "Fail": Tone.BAD, "NoEvidence": Tone.WARNING}

# Reasons that repeat what the stage and the route say already, or what every stage begins with.
_EXPECTED_HOLDS = {"Preparing", "Shifting", "Canary", "MinimumDuration", "Promoting", "RollingBack", "LoadTesting"}
_EXPECTED_GAP = "NoRequests"


def changes(before: Snapshot, after: Snapshot) -> list[Line]:
    """What happened between two moments, in the order in which it makes sense; no sentence comes twice."""
    lines: list[Line] = []
    if after.candidate and after.candidate != before.candidate:
        lines.append(Line("candidate", after.candidate.describe()))
    lines.extend(_verdicts(before, after))
    if after.stage != before.stage and after.stage:
        lines.append(Line("stage", after.stage, Tone.HEADING))
    if after.testing and after.testing != before.testing:
        lines.append(Line("load test", after.testing.message))
    if after.outcome and after.outcome != before.outcome:
        messages = {each.message for snapshot in (before, after) for each in snapshot.verdicts.values()}
        hold = before.conditions.get("Ready")
        messages |= {hold.message} if hold and hold.reason not in _EXPECTED_HOLDS else set()
        reason = "" if after.outcome.message in messages else f" · {after.outcome.message}"
        tone = _RESULT_TONES.get(after.outcome.result, Tone.WARNING)
        lines.append(Line("outcome", f"{after.outcome.result}{reason}", tone))
    lines.extend(_conditions(before, after))
    return lines


def weight_changes(before: dict[str, float], after: dict[str, float]) -> list[Line]:
    """What the gateway's route now says, if it is something new."""
    if before == after or not after:
        return []
    parts = (f"{revision} {weight:g} %" for revision, weight in sorted(after.items(), key=lambda item: -item[1]))
    return [Line("route", " · ".join(parts))]


def users(responses: Sequence[Response], *, candidate: str | None, weight: float) -> Line:
    """How users fared: the candidate's share as counted from answers, the latency that they saw, failures."""
    if not responses:
        return Line("users", "no answer yet", Tone.QUIET)
    failed = sum(response.failed for response in responses)
    tail = percentile((each.latency for each in responses if each.status is not None), 95)
    parts = [f"{len(responses)} answers"]
    if candidate is not None and 0 < weight < 100:  # noqa: PLR2004 (percent)
        share = sum(response.revision == candidate for response in responses) / len(responses)
        parts.append(f"{100 * share:.1f} % from the candidate (weight now {weight:g} %)")
    parts += [f"p95 {milliseconds(tail)}", f"{failed} failed"]
    return Line("users", " · ".join(parts), Tone.WARNING if failed else Tone.QUIET)


def milliseconds(seconds: float | None) -> str:
    """A latency for people."""
    return "-" if seconds is None else f"{seconds * 1000:.0f} ms"


def _verdicts(before: Snapshot, after: Snapshot) -> list[Line]:
    lines = []
    for objective, verdict in after.verdicts.items():
        known = before.verdicts.get(objective)
        if known and (known.verdict, known.reason) == (verdict.verdict, verdict.reason):
            continue
        if verdict.reason != _EXPECTED_GAP:
            tone = _VERDICT_TONES.get(verdict.verdict, Tone.PLAIN)
            lines.append(Line("verdict", f"{verdict.verdict} · {verdict.message}", tone))
    return lines


def _conditions(before: Snapshot, after: Snapshot) -> list[Line]:
    """That users lost the stable version, if they did; why a release holds; and in the end whether it is ready."""
    available, was = after.conditions.get("Available"), before.conditions.get("Available")
    lost = was and was.status == "True" and available and available.status != "True"
    lines = [Line("condition", f"Available=False · {available.message}", Tone.BAD)] if lost and available else []
    return lines + _readiness(before, after)


def _readiness(before: Snapshot, after: Snapshot) -> list[Line]:
    now, then = after.conditions.get("Ready"), before.conditions.get("Ready")
    if now is None or (then and (then.status, then.reason) == (now.status, now.reason)):
        return []
    if now.status != "Unknown":
        text = f"Ready={now.status} {now.reason}"
        if after.outcome is None or after.outcome.message not in now.message:
            text += f" · {now.message}"
        return [Line("condition", text, Tone.GOOD if now.status == "True" else Tone.WARNING)]
    if now.reason in _EXPECTED_HOLDS:
        return []
    is_verdict = any(now.message == verdict.message for verdict in after.verdicts.values())
    return [Line("holds", now.reason if is_verdict else f"{now.reason} · {now.message}", Tone.WARNING)]
