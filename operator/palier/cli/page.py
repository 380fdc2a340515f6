"""What `palier status` prints: one object's release on one page, in the words of its own status."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from palier.api.status.data_drift import DriftReason
from palier.cli.advice import next_step
from palier.cli.commands import SIGNS

LABEL_WIDTH = 11


def page(body: Mapping[str, Any]) -> str:
    """The page for a ModelDeployment as the API server returned it; tolerates a status that is not there yet."""
    return "\n".join(_lines(body)) + "\n"


def _lines(body: Mapping[str, Any]) -> Iterator[str]:
    metadata, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
    conditions = {entry["type"]: entry for entry in status.get("conditions") or ()}
    yield f"{metadata.get('namespace')}/{metadata.get('name')}"
    yield _row("Owner", _owner(spec.get("owner") or {}))
    if not status:
        yield _row("Ready", "the operator has not looked at it yet")
        yield _row("Next", next_step(body))
        return
    if status.get("observedGeneration") != metadata.get("generation"):
        yield _row("", "the operator has not seen the latest change yet")
    ready = conditions.get("Ready") or {}
    yield _row("Ready", f"{ready.get('status', 'Unknown')}, {ready.get('reason', '')}: {ready.get('message', '')}")
    if following := next_step(body):
        yield _row("Next", following)
    if (spec.get("release") or {}).get("paused"):
        yield _row("Paused", "yes: `palier resume` goes on")
    yield _row("Stage", f"{status.get('stage', '-')}, {status.get('weight', 0)} % of the requests go to the candidate")
    yield _row("Stable", _revision(status.get("stable")))
    yield _row("Candidate", _revision(status.get("candidate")))
    if former := status.get("former"):
        yield _row("Former", f"{_revision(former)}, kept ready until {former.get('until', '?')}")
    if testing := (status.get("release") or {}).get("testing"):
        yield _row("Load test", testing.get("message") or testing.get("phase") or "starts")
    if golden := status.get("golden"):
        yield _row("Golden", f"{SIGNS.get(golden.get('verdict', ''), ' ')} {_explain(golden)}")
        yield from (_row("", f"  {line}") for line in golden.get("about") or ())
    yield from _plan(status.get("plan") or {})
    yield from _cost(status.get("cost") or {})
    yield from _budgets(status.get("watch") or {})
    yield from _data((status.get("watch") or {}).get("dataDrift") or {})
    yield from _verdicts(status.get("verdicts") or ())
    yield from _outcomes(status)


def _owner(owner: Mapping[str, Any]) -> str:
    team = f", team {owner['team']}" if owner.get("team") else ""
    return f"{owner.get('name', '-')} <{owner.get('email', '-')}>{team}"


def _revision(revision: Mapping[str, Any] | None) -> str:
    if not revision:
        return "-"
    named = " ".join(filter(None, (revision.get("model"), revision.get("version"))))
    since = f", since {revision['since']}" if revision.get("since") else ""
    return "  ".join(filter(None, (revision["revision"], named))) + since


def _plan(plan: Mapping[str, Any]) -> Iterator[str]:
    """What serving the target takes, and what became of each variant."""
    if not plan:
        return
    sign = SIGNS.get(plan.get("verdict", ""), " ")
    yield _row("Plan", f"{sign} {_explain(plan)}")
    variants = plan.get("variants") or ()
    width = max((len(entry["name"]) for entry in variants), default=0)
    for entry in variants:
        chosen = "→" if entry.get("chosen") else " "
        yield _row("", f"{chosen} {entry['name']:<{width}}  {_explain(entry)}")


def _cost(cost: Mapping[str, Any]) -> Iterator[str]:
    """What serving costs now."""
    currency = cost.get("currency", "")
    parts = [
        f"{cost[name]} {currency} {words}"
        for name, words in (
            ("perThousandInferences", "for a thousand answers"),
            ("hourly", "an hour"),
            ("monthlyProjection", f"for {cost.get('month', 'the month')}, projected"),
        )
        if cost.get(name)
    ]
    if parts:
        yield _row("Cost", ", ".join(parts))


def _budgets(watch: Mapping[str, Any]) -> Iterator[str]:
    """What is left of the error budgets of what serves."""
    entries = watch.get("objectives") or ()
    if not entries:
        return
    yield ""
    yield f"Error budgets, as of {watch.get('at', '?')}"
    width = max(len(entry["objective"]) for entry in entries)
    for entry in entries:
        sign = SIGNS["Fail" if entry.get("alert") else "Pass" if entry.get("budgetLeft") else "NoEvidence"]
        yield f"  {sign} {entry['objective']:<{width}}  {entry.get('message', '')}".rstrip()


def _data(drift: Mapping[str, Any]) -> Iterator[str]:
    """What is known of the data of what serves."""
    if not drift:
        return
    yield ""
    yield f"Data, as of {drift.get('at', '?')}"
    findings = drift.get("findings") or ()
    for finding in findings:
        yield f"  {SIGNS['Fail']} {finding['message']}, since {finding['since']}"
    if others := drift.get("others"):
        yield f"  {SIGNS['Fail']} {others} more"
    if not findings:
        sign = SIGNS["Pass" if drift.get("reason") == DriftReason.NO_DRIFT else "NoEvidence"]
        yield f"  {sign} {drift.get('message', '')}"


def _verdicts(verdicts: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    entries = list(verdicts)
    if not entries:
        return
    yield ""
    yield "Verdicts"
    width = max(len(entry["objective"]) for entry in entries)
    for entry in entries:
        interval = f", 95 %: {entry['interval']}" if entry.get("interval") else ""
        estimate = f" (measured {entry['estimate']}{interval})" if entry.get("estimate") else ""
        sign = SIGNS.get(entry["verdict"], " ")
        yield f"  {sign} {entry['objective']:<{width}}  {entry['verdict']:<10}  {_explain(entry)}{estimate}".rstrip()


def _outcomes(status: Mapping[str, Any]) -> Iterator[str]:
    if last := status.get("outcome"):
        yield ""
        yield "Last release"
        yield f"  {_outcome(last)}"
    earlier = [entry for entry in status.get("history") or () if entry != last]
    if earlier:
        yield ""
        yield "Before"
        yield from (f"  {_outcome(entry)}" for entry in reversed(earlier))


def _outcome(outcome: Mapping[str, Any]) -> str:
    head = f"{outcome.get('time', '?'):<20}  {outcome['revision']}  {outcome['result']:<10}"
    return f"{head}  {_explain(outcome)}".rstrip()


def _explain(entry: Mapping[str, Any]) -> str:
    """Reason and message of an entry, as far as it has them."""
    return ": ".join(filter(None, (entry.get("reason"), entry.get("message"))))


def _row(label: str, text: str) -> str:
    return f"{label:<{LABEL_WIDTH}}{text}".rstrip()
