"""What a person reads of an examination: the scores, the worst answers, the verdict in a sentence."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from statistics import fmean
from typing import TYPE_CHECKING, Final

from palier.cli.commands import SIGNS, align_columns

if TYPE_CHECKING:
    from palier.golden.result import GoldenResult, JudgeResult
    from palier.golden.verdict import Item
    from palier.workers.golden.run import ExaminationReport

_LABEL: Final = 18
_LONGEST: Final = 100


def page(examined: "ExaminationReport") -> str:
    """The report."""
    result = examined.result
    lines = [f"{name:<{_LABEL}}{value}" for name, value in _facts(result)]
    lines += _table("segment", [(name, items, "") for name, items in _segments(examined.items)])
    lines += _table("worst answers", [(item.id, [item], item.message) for item in examined.worst])
    notes = [note for note in examined.notes if note not in result.message]
    lines += ["", *notes] if notes else []
    return "\n".join([*lines, "", f"{SIGNS[result.verdict]} {result.verdict}: {result.reason}: {result.message}"])


def _facts(result: "GoldenResult") -> Iterator[tuple[str, str]]:
    yield "Requests", f"{result.scored} scored of {result.requests}"
    if result.score is not None:
        yield "Candidate", _percent(result.score)
    if result.stable_score is not None:
        yield "Stable", _percent(result.stable_score)
    if result.difference_low is not None and result.difference_high is not None:
        low, high = (f"{100 * end:+.1f}" for end in (result.difference_low, result.difference_high))
        yield "Difference", f"between {low} and {high} points (95 %, at every moment)"
    if result.judge is not None:
        yield "Judge", _judge(result.judge)


def _judge(judge: "JudgeResult") -> str:
    facts = [judge.model, f"{judge.votes} votes"]
    if judge.failed_votes:
        facts.append(f"{judge.failed_votes} failed")
    facts.append(f"{judge.position_changes} pairs by the order alone")
    if judge.agreement is not None and not judge.votes:
        facts.append(f"has answered none of the {judge.calibration_pairs} pairs of people")
    elif judge.agreement is not None:
        facts.append(f"agrees with people on {_percent(judge.agreement)} of {judge.calibration_pairs} pairs")
    return ", ".join([*facts, f"{judge.tokens} tokens"])


def _segments(items: Sequence["Item"]) -> Iterator[tuple[str, list["Item"]]]:
    names = sorted({item.segment for item in items})
    if names == [""]:
        return
    for name in names:
        yield name or "(none)", [item for item in items if item.segment == name]


def _table(title: str, groups: Sequence[tuple[str, Sequence["Item"], str]]) -> list[str]:
    if not groups:
        return []
    paired = any(item.stable is not None for _, items, _ in groups for item in items)
    rows = [(title, "requests", "candidate", "stable" if paired else "", "")]
    for name, items, message in groups:
        candidate = _share(fmean(item.candidate or 0.0 for item in items))
        stable = _share(fmean(item.stable or 0.0 for item in items)) if paired else ""
        rows.append((name, str(len(items)), candidate, stable, message[:_LONGEST]))
    return ["", *align_columns(rows, left=(0, 4))]


def _percent(share: Decimal) -> str:
    return f"{100 * share:.2f} %"


def _share(share: float) -> str:
    return f"{100 * share:.1f} %"
