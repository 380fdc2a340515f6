"""What a person can do next, in one line: `Next` on the page of `palier status`.

docs/troubleshooting.md explains every reason; this is what it comes to at a terminal. A test holds the two together:
each reason that the page lists has its line here, or stands among those with which there is nothing to do.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from palier.api.constants import DATA_DRIFT, DENIED, READY, WITHIN_ERROR_BUDGET
from palier.api.status.values import Result

_WAIT = "wait: it goes on by itself"
_TRAFFIC = f"{_WAIT}; with too little traffic, give the stages of the next release more weight or time"
_DECIDE = "decide: `palier abort {object}`, `palier promote {object}`, or another spec"
_PODS = "`kubectl describe pods -n {namespace} -l palier.dev/revision={candidate}`"
_ROUTE = "`kubectl describe httproute {name} -n {namespace}`"
_PRICES = "bring the prices up to date (the chart's `prices`)"
_JUDGE = "correct spec.golden.judge; it is tried again after 10 minutes"
_BUDGET = "raise spec.budget, serve cheaper, or set budget.onBurn: Alert"

HELD: Final[Mapping[str, str]] = {
    # why a release waits
    "CandidateNotReady": "look at the pods: " + _PODS,
    "AcceleratorShortage": "free or add a node with the accelerator, or set serving.placement.surge: Swap",
    "LoadTesting": "wait: the load test ends by itself; `kubectl logs -n {namespace} -l job-name --prefix --tail=3`",
    "Examining": "wait: it ends by itself; `kubectl logs -n {namespace} -l palier.dev/golden --tail=20`",
    "ShadowNotReady": "look at the proxy: `kubectl describe pods -n {namespace} -l palier.dev/shadow`",
    "NothingToJudge": "add an objective that the shadow can judge, or take the shadow out of release.stages",
    "NoShadowPairs": "see whether users send requests, spec.shadow.methods has theirs, and the proxy is scraped",
    "SurplusPods": "wait until the other pods are gone",
    "TextUnreadable": "bring back the ConfigMap that the message names",
    "WaitingForDrain": "wait until the other pods are gone; `kubectl get pods -n {namespace}` shows one that hangs",
    "WaitingForMetrics": 'ask Prometheus for up{{namespace="{namespace}", pod=~"{name}-{candidate}-.*"}}: '
    "the candidate has to be scraped; to do without, `palier promote {object}`",
    "Shifting": _WAIT,
    "RouteNotAccepted": "see what the gateway says: " + _ROUTE,
    "RouteConflict": "remove or rename the object that the message names, or use another hostname",
    "MinimumDuration": "wait until the stage's minDuration is over",
    "Judging": _TRAFFIC,
    "Cautious": "wait: fresh requests confirm or clear it; if it stays at 1 %, " + _DECIDE,
    "CannotMeasure": "bring Prometheus back; to end the release without it, `palier abort {object}`",
    "ServedShareDiffers": "find who else routes or counts: " + _ROUTE,
    "DeadlineWithoutEvidence": _DECIDE,
    "ObjectiveBreached": _DECIDE,
    "PortRefused": "let the server listen on serving.port, or correct that field; the message names the pod",
    "CandidateUnavailable": "wait for its pods, or look at them: " + _PODS,
    "StableUnknown": "say which revision serves: `kubectl annotate modeldeployments.palier.dev {name} -n {namespace}"
    " palier.dev/stable=<revision>`",
    "InternalError": "report the fault with the operator's log; the object is left as it is until then",
    "ReleasesFrozen": "wait until the error budget recovers or the data is as before, or mark a fix: "
    "`kubectl annotate modeldeployments.palier.dev {name} -n {namespace} --overwrite palier.dev/fix=<model.version>`",
    "Paused": "`palier resume {object}`; with GitOps set spec.release.paused: false in Git",
    "StableUnavailable": "bring stable back: `kubectl describe pods -n {namespace} -l palier.dev/revision={stable}`",
    # where it is while nothing holds it
    "Preparing": _WAIT,
    "Shadowing": _WAIT,
    "Canary": _WAIT,
    "Promoting": _WAIT,
    "RollingBack": "wait: the traffic is going back; if it lasts, " + _ROUTE,
    # at rest
    "NoStableRevision": "wait for the first revision: " + _PODS,
    "Rejected": "correct the spec as the API server says",
    "Forbidden": "grant the right, or lift the quota or policy that the message names; it is tried again every 30 s",
    "InvalidSpec": "correct the field that the message names",
    "Unavailable": "use another histogram, or source: Router",
    "Bracketed": "give the histogram the edge that the message names",
    # verdicts that are missing
    "NoRequests": "send requests: the candidate gets none in this stage; check the selector in spec.signals, too",
    "TooFewRequests": _TRAFFIC,
    "TooFewLooks": _WAIT,
    "FewSpells": "look at the gauge: wait until it shows whether this stays, or decide yourself",
    "Undecided": _TRAFFIC,
    "NotProven": _TRAFFIC,
    "NotProvenNoWorse": "wait, or set proof: BelowTwiceTheLimit",
    "NotBetter": "wait until the experiment is over; then stable stays",
    "WarmingUp": "wait until the candidate's caches are warm, or set the warmUp of the stage",
    "LabelsPending": "wait until the labels are known (labelDelay)",
    "TooFewPairs": "give the shadow more CPU, a lower percent or a higher maxConcurrent",
    "MostLeftOut": "name the users' methods in spec.shadow.methods, or raise maxBodyBytes",
    "ImpossibleMean": "check the two counters of the objective, and its maxPerEvent if it has one",
    "ImpossibleScore": "check the two counters of the objective",
    "PodsDiffer": "look at the pod that is named and at its node; the version is blamed when more of its pods agree",
    "StableBreachesToo": "repair what both versions depend on, or set an objective that stable meets",
    "ThresholdBetweenBuckets": "give the histogram an edge at the threshold, or move the threshold to an edge",
    # verdicts against the candidate, where onBreach: Hold keeps it
    "WorseThanStable": _DECIDE,
    "SegmentWorse": _DECIDE,
    "HardStop": _DECIDE,
    # golden answers
    "TooFewGoldenAnswers": "use a longer corpus, a higher golden.repeat, or a wider margin",
    "TooManyUnanswered": "look at the pod that asks: `kubectl logs -n {namespace} -l palier.dev/golden --tail=20`",
    "StableUnanswered": "repair stable or the corpus; it is tried again after 10 minutes",
    "NothingRight": "check golden.path, the corpus and answers.checks",
    "NothingToCompare": "set golden.minPercent",
    "JudgeUnavailable": _JUDGE,
    "JudgeDisagreesWithPeople": "use another judge or another prompt",
    "JudgeUndecided": "add requests to the corpus, or widen the margin",
    "ScorerFailed": "correct spec.golden.scorer as the message says",
    "GoldenFailed": "remove the cause that the message names; it is tried again after 10 minutes",
    # load tests
    "GeneratorLimited": "give scale.loadTest.resources more CPU, or a node of its own",
    "CorpusRefused": "correct scale.loadTest.path, method or the corpus; it is tested again at once",
    "NoServer": "see whether the pod listens on serving.port, and whether it crashed: " + _PODS,
    "OutOfTime": "raise scale.loadTest.maxDuration, or give startRequestsPerSecond",
    "OutOfRequests": "raise scale.loadTest.maxRequests, or give startRequestsPerSecond",
    "TestedPodReplaced": "wait: it is tried again after 10 minutes",
    "LoadTestFailed": "remove the cause that the message names; it is tried again after 10 minutes",
    # the plan and its prices
    "ContentionUnclear": "test more replicas together, such as scale.loadTest.replicas: [1, 4, 16]",
    "NoCapacity": "add loadTest: {{}} as the first stage",
    "PricesMissing": "give the operator prices (the chart's `prices`)",
    "CannotBePriced": "let the pods request cpu and memory",
    "PricesStale": _PRICES,
    "GpuPriceMissing": "add the product under gpuHour of the prices",
    "CurrencyMismatch": "write prices and budget in one currency",
    "TokensMissing": "set scale.target.tokensIn and tokensOut",
    "InsufficientTraffic": _WAIT,
    "NotKnownYet": _WAIT,
    # the budget
    "BurnsTooFast": _BUDGET,
    "BurnsOverPace": _BUDGET,
    "ProjectedOverBudget": _BUDGET,
    "BudgetSpent": _BUDGET,
    "OverheadsExceedBudget": _BUDGET,
    # error budgets of what serves
    "ErrorBudgetBurns": "find out why users' requests fail; a version that has served before can be released again",
    "ErrorBudgetSpent": "find out why users' requests fail; what was spent comes back with the days that pass",
    "CannotWatch": "bring back what the conditions WithinErrorBudget and DataDrift say is missing",
    # the data of what serves
    "FeatureBroken": "look at what computes the feature that the condition DataDrift names",
    "DataDrifts": "find out why the feature that the condition DataDrift names is another, and if answers are right",
}
"""What to do while `Ready` has this reason, or a verdict that is missing has it."""

_FASTER = "release a faster version, give it more CPU, or promise what can be met"
_BETTER = "release a better version"
_CHEAPER = "release a cheaper version or variant, raise the budget, or lower the target"
_FIXED = "release a fixed version, or go back to the spec of stable"

ENDED: Final[Mapping[str, str]] = {
    "ObjectiveBreached": _FIXED,
    "OverBudget": _CHEAPER,
    "TargetUnreachable": "find what the replicas share: a database, a lock",
    "NoVariantFits": _CHEAPER,
    "ObjectiveUnreachable": _FASTER,
    "NotSustained": "look for what grows under load: memory, a cache, a queue",
    "QualityWorse": "look at the answers in status.golden.worst, and " + _BETTER,
    "QualityTooLow": _BETTER + ", or lower golden.minPercent",
    "NotBetter": "nothing has to be done: stable was kept",
    "NotReached": "let the server answer on serving.port, and see what stops requests between the gateway and its pods",
    "PortRefused": "let the server listen on serving.port, or correct that field",
    "CandidateUnavailable": "see why its pods ended, which the message says if it is known",
    "CandidateNotReady": "remove the cause that the message names, or raise release.progressDeadline",
    "NoEvidence": "give the stage more traffic or a longer maxDuration",
    "AbortRequested": "release another version, or go back to the spec of stable",
    "Unknown": "see who changed the status: the audit log of the API server knows",
}
"""What to do about a revision that was refused for this reason."""

NOTHING_TO_DO: Final = frozenset(
    {
        *("Serving", "Promoted", "StableChosen", "Superseded", "Reverted", "Exact", "NotReadYet"),
        *("WithinObjective", "Proven", "Estimated", "ProvenBetter", "CapacityFound", "HighestRateHeld"),
        *("WithinBudget", "NoBudget", "Cheapest", "NotCheapest", "ErrorBudgetLeft", "NoDrift", "CannotTell"),
    }
)
"""Reasons with which all is well."""

_PROMISES: Final[Mapping[str, str]] = {WITHIN_ERROR_BUDGET: "True", DATA_DRIFT: "False"}
"""Conditions of what serves, each with the status with which all is well."""

_UNDECIDED: Final = frozenset({"NotKnownYet", "CannotTell"})
"""Reasons with which time tells."""

_PASSING = frozenset({"Unavailable", "Conflict", "NotFound"})
"""Reasons of `Denied` that may well pass by themselves."""

_SEEN = "see whether an operator runs and serves this namespace: `kubectl get pods -A -l app.kubernetes.io/name=palier`"


def next_step(body: Mapping[str, Any]) -> str:
    """What a person can do now about a ModelDeployment, as the API server returned it; empty for nothing."""
    status = body.get("status") or {}
    if not status:
        return _SEEN
    if status.get("observedGeneration") != body["metadata"].get("generation"):
        return f"wait a moment; if the latest change stays unseen, {_SEEN}"
    conditions = {entry["type"]: entry for entry in status.get("conditions") or ()}
    found = (_towards_ready(status, conditions), _towards_rights(conditions), _towards_kept_promises(conditions))
    steps = [step for step in found if step]
    return "; ".join(dict.fromkeys(steps)).format(**_names(body, status))


def _towards_ready(status: Mapping[str, Any], conditions: Mapping[str, Mapping[str, Any]]) -> str:
    reason = (conditions.get(READY) or {}).get("reason", "")
    if reason in {result.value for result in Result if result.refuses}:
        why = ENDED.get((status.get("outcome") or {}).get("reason", ""), _FIXED)
        return f"{why}; to try the same revision again, `palier retry {{object}}`"
    missing = (
        next((one for one in _list_waiting_reasons(status) if one in HELD), reason) if reason == "Judging" else reason
    )
    if missing in NOTHING_TO_DO or not missing:
        return ""
    return HELD.get(missing) or ENDED.get(missing) or f"look {missing} up in docs/troubleshooting.md"


def _list_waiting_reasons(status: Mapping[str, Any]) -> Iterator[str]:
    """The reasons of the verdicts for which a release waits."""
    return (one.get("reason", "") for one in status.get("verdicts") or () if one.get("verdict") == "NoEvidence")


def _towards_rights(conditions: Mapping[str, Mapping[str, Any]]) -> str:
    reason = (conditions.get(DENIED) or {}).get("reason")
    if reason in _PASSING:
        return "wait: it is tried again; if it lasts, see what the message says of the API server's answer"
    return HELD.get(reason, HELD["Forbidden"]) if reason else ""


def _towards_kept_promises(conditions: Mapping[str, Mapping[str, Any]]) -> str:
    told = [conditions.get(kind) or {} for kind, good in _PROMISES.items() if not _is_good(conditions.get(kind), good)]
    steps = (HELD.get(condition.get("reason", ""), "") for condition in told)
    return "; ".join(dict.fromkeys(step for step in steps if step))


def _is_good(condition: Mapping[str, Any] | None, good: str) -> bool:
    """Whether nothing has to be done about a condition: all is well, or it is too early to say."""
    return condition is None or condition.get("status") == good or condition.get("reason") in _UNDECIDED


def _names(body: Mapping[str, Any], status: Mapping[str, Any]) -> dict[str, str]:
    """What the lines name."""
    metadata = body["metadata"]
    name, namespace = str(metadata.get("name")), str(metadata.get("namespace"))
    revisions = {part: str((status.get(part) or {}).get("revision", "")) for part in ("candidate", "stable")}
    return {"name": name, "namespace": namespace, "object": f"{name} -n {namespace}", **revisions}
