"""What is worth a line: the differences between two moments, and how users fare in between.

Messages carry numbers that change at every look. A line for each would drown the story, so a verdict or a condition is
told when its meaning changes, and users get a line every few seconds.
"""

from collections.abc import Sequence

from local.demo.observation import Snapshot
from local.demo.terminal import Line, Tone
from local.traffic import Response, percentile

_RESULT_TONES = {"Promoted": Tone.GOOD, "RolledBack": Tone.BAD, "Failed": Tone.BAD}
_VERDICT_TONES = {"Pass": Tone.GOOD, "Fail": Tone.BAD, "NoEvidence": Tone.WARNING}


def changes(before: Snapshot, after: Snapshot) -> list[Line]:
    """What happened between two moments, in the order in which it makes sense."""
    lines: list[Line] = []
    if after.candidate and after.candidate != before.candidate:
        lines.append(Line("candidate", after.candidate.describe()))
    if after.stage != before.stage and after.stage:
        lines.append(Line("stage", after.stage, Tone.HEADING))
    for objective, verdict in after.verdicts.items():
        known = before.verdicts.get(objective)
        if known is None or (known.verdict, known.reason) != (verdict.verdict, verdict.reason):
            text = f"{objective}: {verdict.verdict} · {verdict.message}"
            lines.append(Line("verdict", text, _VERDICT_TONES.get(verdict.verdict, Tone.PLAIN)))
    if after.outcome and after.outcome != before.outcome:
        text = f"{after.outcome.result} · {after.outcome.message}"
        lines.append(Line("outcome", text, _RESULT_TONES.get(after.outcome.result, Tone.WARNING)))
    if after.stable and after.stable != before.stable:
        lines.append(Line("stable", after.stable.describe()))
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
    if candidate is not None and weight:
        share = sum(response.revision == candidate for response in responses) / len(responses)
        parts.append(f"{100 * share:.1f} % from the candidate (weight {weight:g} %)")
    parts += [f"p95 {milliseconds(tail)}", f"{failed} failed"]
    return Line("users", " · ".join(parts), Tone.WARNING if failed else Tone.QUIET)


def milliseconds(seconds: float | None) -> str:
    """A latency for people."""
    return "-" if seconds is None else f"{seconds * 1000:.0f} ms"


def _conditions(before: Snapshot, after: Snapshot) -> list[Line]:
    lines = []
    for name in ("Available", "Ready"):
        now, then = after.conditions.get(name), before.conditions.get(name)
        if now and (then is None or (then.status, then.reason) != (now.status, now.reason)):
            tone = {"True": Tone.GOOD, "False": Tone.WARNING}.get(now.status, Tone.PLAIN)
            lines.append(Line("condition", f"{name}={now.status} {now.reason} · {now.message}", tone))
    return lines
