"""How an act ended: what the object says next to what users saw, and where the two differ from the story."""

from collections import Counter
from collections.abc import Sequence

from local.demo.acts import Act, Ending
from local.demo.measuring import Weights, blame, breach_time, served, zero_time
from local.demo.observation import Snapshot
from local.demo.table import Result
from local.demo.world import World
from local.traffic import Response, Responses

UNFINISHED = "unfinished"


def conclude(
    act: Act,
    *,
    begin: float,
    end: float,
    world: World,
    responses: Responses,
    candidate: str | None,
    problems: Sequence[str],
    remark: str = "",
) -> Result:
    """Sum an act up.

    Args:
        act: the act.
        begin: when it began, in seconds since the epoch.
        end: when it was over.
        world: what was seen of the cluster.
        responses: what users got, from the beginning of the story.
        candidate: the revision under trial, if one was seen.
        problems: what is known to have gone wrong.
        remark: what else is to be said about the outcome.
    """
    faults = list(problems)
    outcome, why = _outcome(act, world.snapshot, candidate)
    if outcome not in {act.ending.value, UNFINISHED}:
        faults.append(f"it should have been {act.ending}")
    seen = responses.between(begin, end)
    weights = world.weights_since(begin)
    breach_to_zero = None
    if act.breach is not None and candidate is not None:
        breached = breach_time(seen, candidate=candidate, breach=act.breach)
        zero = zero_time(seen, weights, candidate=candidate)
        if breached is None:
            faults.append("no bad answer was seen")
        elif zero is None:
            faults.append("its weight never went to 0")
        else:
            breach_to_zero = max(0.0, zero - breached)
    if act.ending is Ending.REFUSED:
        faults += _met_users(seen, weights, candidate)
    failures = blame(seen, candidate=candidate)
    if failures.other:
        faults.append(f"{failures.other} requests failed by no fault of the candidate ({_kinds(seen, candidate)})")
    if not seen:
        faults.append("no user was served")
    return Result(
        number=act.number,
        name=act.name,
        outcome=outcome,
        why=f"{remark}{why}",
        requests=len(seen),
        failures=failures,
        p95=responses.percentile(95, begin, end),
        breach_to_zero=breach_to_zero,
        served=served(responses, weights, candidate=candidate, until=end) if candidate else (),
        problems=tuple(faults),
        plan=world.snapshot.plan if act.planned else None,
    )


def _met_users(seen: Sequence[Response], weights: Weights, candidate: str | None) -> list[str]:
    """What is wrong if a version that was refused before any user was not."""
    answers = sum(each.revision == candidate for each in seen)
    faults = [f"{answers} users met it"] if answers else []
    if any(weight.get(candidate or "") for _, weight in weights):
        faults.append("it had weight")
    return faults


def _outcome(act: Act, snapshot: Snapshot, candidate: str | None) -> tuple[str, str]:
    """The act's outcome and its reason."""
    ready = snapshot.conditions.get("Ready")
    message = ready.message if ready else "the object has no conditions"
    if act.ending is Ending.LIVE:
        return (Ending.LIVE.value if snapshot.is_true("Ready") else UNFINISHED), message
    if snapshot.outcome is None or snapshot.outcome.revision != candidate:
        return UNFINISHED, message
    if snapshot.outcome.result == Ending.PROMOTED and snapshot.verdicts:  # then the evidence is the reason
        return snapshot.outcome.result, "; ".join(verdict.message for verdict in snapshot.verdicts.values())
    return snapshot.outcome.result, snapshot.outcome.message


def _kinds(responses: Sequence[Response], candidate: str | None) -> str:
    kinds = Counter(
        each.error or f"status {each.status}{'' if each.model else ' by a proxy'}"
        for each in responses
        if each.failed and not (each.revision == candidate and each.model)
    )
    return ", ".join(f"{count} of {kind}" for kind, count in kinds.most_common(5))
