"""How the memory of a ModelDeployment is written to `status` and read back.

A status that version 0.1.0 wrote in the middle of a release is read as well: it named what was passed instead of a plan
with a cursor, and the release goes on with the plan that its spec has.
"""

from collections.abc import Mapping
from typing import Any

from palier.api.spec.release import ReleaseRules, Stage
from palier.evidence.objective import Evidence
from palier.measuring.coverage import Coverage
from palier.measuring.sources import KnownReading
from palier.release.cost import ReportedCosts, spending_of, spending_status
from palier.release.drift_memory import DriftMemory
from palier.release.examining import GoldenRecord
from palier.release.plan import plan_of
from palier.release.requests import REQUESTS
from palier.release.state import (
    DRAIN_LIMIT,
    Drain,
    Ending,
    Former,
    Outcome,
    Release,
    ReleasePhase,
    Result,
    RevisionRef,
    State,
)
from palier.release.testing import LoadTestRecord
from palier.release.times import format_time, optional_time, parse_time
from palier.release.watch_memory import WatchMemory


def read_state(status: Mapping[str, Any], rules: ReleaseRules, *, proves: bool = True) -> State:
    """The memory that a status holds; unknown or missing parts read as never having happened.

    Args:
        status: the value of `status`.
        rules: `spec.release`, whose stages a release goes on with that was begun by version 0.1.0.
        proves: whether golden answers say something about a revision alone (see `plan.proves_itself`).

    Raises:
        ValueError: a part is there but unreadable.
    """
    try:
        return State(
            stable=_known_revision(status.get("stable")),
            candidate=_known_revision(status.get("candidate")),
            former=_read_former(status.get("former")),
            backend_positions=_read_positions(status.get("slots")),
            drains=tuple(Drain(d["revision"], parse_time(d["until"])) for d in status.get("drains", ())),
            release=_release(status, rules, proves=proves),
            outcome=_outcome(status.get("outcome")),
            history=tuple(o for entry in status.get("history", ()) if (o := _outcome(entry))),
            handled=_read_handled(status),
            readings={entry["objective"]: KnownReading.from_status(entry) for entry in status.get("readings", ())},
            load_tests=tuple(LoadTestRecord.from_status(entry) for entry in status.get("loadTests", ())),
            golden=GoldenRecord.from_status(status["golden"]) if status.get("golden") else None,
            spending=spending_of(status.get("cost")),
            costs=ReportedCosts.from_status(status.get("cost")),
            watch=_read_watch(status.get("watch")),
            data=_read_data(status.get("watch")),
        )
    except (ArithmeticError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"status is unreadable: {error!r}") from error


def write_state(state: State) -> dict[str, Any]:
    """The part of `status` that carries the memory; `read_state` reads the same value back."""
    parts: dict[str, Any] = {
        "stable": state.stable and write_revision(state.stable),
        "candidate": state.candidate and write_revision(state.candidate),
        "former": state.former and {**write_revision(state.former.reference), "until": format_time(state.former.until)},
        "slots": state.backend_positions and list(state.backend_positions),
        "drains": [{"revision": d.revision, "until": format_time(d.until)} for d in state.drains[:DRAIN_LIMIT]],
        "release": state.release and _release_status(state.release),
        "outcome": state.outcome and _outcome_status(state.outcome),
        "history": [_outcome_status(outcome) for outcome in state.history],
        "handledRequests": {name: value for name, value in state.handled.items() if value},
        "readings": [{"objective": name, **known.to_status()} for name, known in sorted(state.readings.items())],
        "loadTests": [record.to_status() for record in state.load_tests],
        "golden": state.golden and state.golden.to_status(),
        "cost": {**(spending_status(state.spending) if state.spending else {}), **state.costs.to_status()},
        "watch": {**state.watch.to_status(), **state.data.to_status()},
    }
    return {name: part for name, part in parts.items() if part}


def read_revision(value: Mapping[str, Any]) -> RevisionRef:
    """A revision as `write_revision` has written it.

    Raises:
        LookupError, TypeError, ValueError: it is unreadable.
    """
    return RevisionRef(
        revision=value["revision"],
        model=value["model"],
        version=value["version"],
        port=int(value["port"]),
        since=parse_time(value["since"]),
        runtime=value.get("runtime", ""),
        runtime_version=value.get("runtimeVersion", ""),
        variant=value.get("variant", ""),
        family=value.get("family", ""),
    )


def write_revision(reference: RevisionRef) -> dict[str, Any]:
    """A revision as it stands in `status` and on the Deployment that serves it."""
    return {
        "revision": reference.revision,
        "model": reference.model,
        "version": reference.version,
        "port": reference.port,
        "since": format_time(reference.since),
        **({"runtime": reference.runtime} if reference.runtime else {}),
        **({"runtimeVersion": reference.runtime_version} if reference.runtime_version else {}),
        **({"variant": reference.variant} if reference.variant else {}),
        **({"family": reference.family} if reference.family else {}),
    }


def _read_watch(value: Mapping[str, Any] | None) -> WatchMemory:
    """What was counted; where it cannot be read it is as good as lost, and nothing else with it."""
    try:
        return WatchMemory.from_status(value if value and value.get("objectives") else None)
    except (ArithmeticError, LookupError, TypeError, AttributeError, ValueError):
        return WatchMemory()


def _read_data(value: Mapping[str, Any] | None) -> DriftMemory:
    """What is known of the data; likewise."""
    try:
        return DriftMemory.from_status(value.get("dataDrift") if value else None)
    except (ArithmeticError, LookupError, TypeError, AttributeError, ValueError):
        return DriftMemory()


def _known_revision(value: Mapping[str, Any] | None) -> RevisionRef | None:
    return read_revision(value) if value else None


def _read_former(value: Mapping[str, Any] | None) -> Former | None:
    reference = _known_revision(value)
    return Former(reference, parse_time(value["until"])) if value and reference else None


def _read_positions(value: list[str] | None) -> tuple[str, str] | None:
    if not value:
        return None
    first, second = value
    return first, second


def _outcome(value: Mapping[str, Any] | None) -> Outcome | None:
    if not value:
        return None
    return Outcome(
        revision=value["revision"],
        result=Result(value["result"]),
        reason=value["reason"],
        message=value["message"],
        time=parse_time(value["time"]),
        rules=value.get("rules", ""),
        family=value.get("family", ""),
    )


def _outcome_status(outcome: Outcome) -> dict[str, Any]:
    return {
        "revision": outcome.revision,
        "result": outcome.result.value,
        "reason": outcome.reason,
        "message": outcome.message,
        "time": format_time(outcome.time),
        **({"rules": outcome.rules} if outcome.rules else {}),
        **({"family": outcome.family} if outcome.family else {}),
    }


def _read_handled(status: Mapping[str, Any]) -> dict[str, str]:
    known = status.get("handledRequests") or {"retry": status.get("handledRetry", "")}
    return {name: str(known[name]) for name in REQUESTS if known.get(name)}


def _release(status: Mapping[str, Any], rules: ReleaseRules, *, proves: bool) -> Release | None:
    value = status.get("release")
    if not value or not status.get("candidate"):
        return None  # a release of nobody is none
    if "cursor" not in value:
        value = _upgrade_release(value, rules, first=not status.get("stable"), proves=proves)
    ending = value.get("ending")
    plan = tuple(Stage.model_validate(stage) for stage in value.get("plan", ()))
    return Release(
        started_at=parse_time(value["startedAt"]),
        stage_started_at=parse_time(value["stageStartedAt"]),
        plan=plan,
        cursor=min(_count(value, "cursor"), len(plan)),
        opened_at=optional_time(value.get("openedAt")),
        traffic_since=optional_time(value.get("trafficSince")),
        unready_since=optional_time(value.get("unreadySince")),
        gone_since=optional_time(value.get("goneSince")),
        losses=_count(value, "losses"),
        cautious_since=optional_time(value.get("cautiousSince")),
        steps_down=_count(value, "stepsDown"),
        pods_wanted=_count(value, "podsWanted"),
        skipped=bool(value.get("skipped", False)),
        attempt=_count(value, "attempt"),
        pods_read=_coverage(value, "lastLook", "cannotMeasureSince"),
        router_read=_coverage(value, "routerLastLook", "routerUnseenSince"),
        breach=value.get("breach", ""),
        ending=Ending(Result(ending["result"]), ending["reason"], ending["message"]) if ending else None,
        evidence={entry["objective"]: Evidence.from_status(entry) for entry in value.get("evidence", ())},
    )


def _coverage(value: Mapping[str, Any], until: str, unseen_since: str) -> Coverage:
    return Coverage(optional_time(value.get(until)), unseen_since=optional_time(value.get(unseen_since)))


def _count(value: Mapping[str, Any], name: str) -> int:
    return max(0, int(value.get(name, 0)))


def _upgrade_release(value: Mapping[str, Any], rules: ReleaseRules, *, first: bool, proves: bool) -> dict[str, Any]:
    """A release that version 0.1.0 wrote, with a plan and a cursor."""
    back = bool(value.get("direct")) and not first
    plan = () if back else plan_of(rules, first=first, proves=proves)
    step, cursor = ReleasePhase(value["step"]), len(plan)
    passed = {"load_test": value.get("tested"), "golden": value.get("examined"), "shadow": value.get("shadowed")}
    landings = [place for place, stage in enumerate(plan) if stage.landing]
    at = {
        ReleasePhase.LOAD_TESTING: "load_test",
        ReleasePhase.EXAMINING: "golden",
        ReleasePhase.SHADOWING: "shadow",
    }.get(step)
    before = (
        [name for name, done in passed.items() if not done] if step is ReleasePhase.PREPARING else [at] if at else []
    )
    found = (place for place, stage in enumerate(plan) for name in before if getattr(stage, name) is not None)
    if (place := next(found, None)) is not None:
        cursor = place
    elif step is not ReleasePhase.PROMOTING and landings:
        cursor = landings[min(_count(value, "stageIndex"), len(landings) - 1)]
    opened: dict[str, Any] = {} if step is ReleasePhase.PREPARING else {"openedAt": value["stageStartedAt"]}
    if step is ReleasePhase.ROLLING_BACK and not value.get("ending"):
        opened["ending"] = {"result": Result.ROLLED_BACK.value, "reason": "Unknown", "message": "the reason was lost"}
    pinned = [stage.model_dump(mode="json", by_alias=True, exclude_none=True) for stage in plan]
    return {**value, **opened, "plan": pinned, "cursor": cursor}


def _release_status(release: Release) -> dict[str, Any]:
    status: dict[str, Any] = {
        "step": release.phase.value,
        "plan": [stage.model_dump(mode="json", by_alias=True, exclude_none=True) for stage in release.plan],
        "cursor": release.cursor,
        "startedAt": format_time(release.started_at),
        "stageStartedAt": format_time(release.stage_started_at),
    }
    numbers = {
        "losses": release.losses,
        "skipped": release.skipped,
        "attempt": release.attempt,
        "stepsDown": release.steps_down,
        "podsWanted": release.pods_wanted,
    }
    status |= {name: number for name, number in numbers.items() if number}
    instants = {
        "openedAt": release.opened_at,
        "trafficSince": release.traffic_since,
        "unreadySince": release.unready_since,
        "goneSince": release.gone_since,
        "cautiousSince": release.cautious_since,
        "lastLook": release.pods_read.until,
        "cannotMeasureSince": release.pods_read.unseen_since,
        "routerLastLook": release.router_read.until,
        "routerUnseenSince": release.router_read.unseen_since,
    }
    status |= {name: format_time(instant) for name, instant in instants.items() if instant is not None}
    if release.breach:
        status["breach"] = release.breach
    if release.ending:
        status["ending"] = {
            "result": release.ending.result.value,
            "reason": release.ending.reason,
            "message": release.ending.message,
        }
    if release.evidence:
        status["evidence"] = [
            {"objective": name, **evidence.to_status()} for name, evidence in sorted(release.evidence.items())
        ]
    return status
