"""How a load test can end, each in one sentence with its numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from palier.evidence.sentences import duration, two_digits, write_limit
from palier.evidence.verdicts import Verdict
from palier.loadtest.measure import Outcome, StepResult
from palier.loadtest.objectives import LoadObjective, Promise
from palier.loadtest.plan import LoadTestPlan

_WORDS: Final = {
    Promise.LATENCY: "answered later than {limit} or not at all",
    Promise.ERRORS: "failed",
    Promise.FIRST_TOKEN: "had no first token within {limit}",
    Promise.PER_TOKEN: "took longer than {limit} per token",
    Promise.BETWEEN_TOKENS: "gaps between tokens were longer than {limit}",
}
_FAILURES: Final = {
    Outcome.TIMEOUT: "timeouts",
    Outcome.NO_CONNECTION: "without a connection",
    Outcome.SERVER_ERROR: "answered with an error of the server",
    Outcome.OTHER: "other failures",
}


_REASON_LIMIT: Final = 200
"""Characters of what the generator says."""
_MOST_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What was found."""

    verdict: Verdict
    reason: str
    message: str
    capacity: float | None = None
    """Requests per second."""
    ceiling: float | None = None
    """Lowest rate above the capacity at which an objective did not hold."""
    at_least: bool = False
    """The highest rate that may be tried held."""


def report_capacity(
    soak: StepResult, plan: LoadTestPlan, *, ceiling: float | None, at_least: bool, known: float
) -> SearchResult:
    """The capacity.

    Args:
        soak: the rate that held, or that is the edge: it missed by no more than chance may.
        plan: has the objectives.
        ceiling: the lowest rate above that did not.
        at_least: it is the highest that may be tried.
        known: how far the true capacity may be away, as a part of it, with 80 %.
    """
    rate = soak.step.rate
    limit = f"{write_rate(ceiling)} did not hold, " if ceiling else ""
    most = "the highest rate that may be tried, so it may carry more"
    edge = most if at_least else f"{limit}the capacity is known to about {max(1.0, 100 * known):.0f} %"
    how = "held for" if soak.holds else "is the edge: it fell short by no more than chance allows in"
    message = f"{write_rate(rate)} {how} {duration(soak.step.seconds)}: {describe_step(soak, plan)}; {edge}"
    reason = "HighestRateHeld" if at_least else "CapacityFound"
    return SearchResult(Verdict.PASS, reason, message, rate, ceiling, at_least)


def unreachable_objective(result: StepResult, plan: LoadTestPlan) -> SearchResult:
    """No rate is low enough."""
    message = f"even at {write_rate(result.step.rate)}, the lowest rate that is tried: {describe_step(result, plan)}"
    return SearchResult(Verdict.FAIL, "ObjectiveUnreachable", message, ceiling=result.step.rate)


def not_sustained(soaks: Iterable[StepResult], plan: LoadTestPlan, *, held: float) -> SearchResult:
    """Rates that hold for a step and not for longer."""
    last = min(soaks, key=lambda soak: soak.step.rate)
    message = (
        f"{write_rate(held)} held for a while, but not even {write_rate(last.step.rate)} for"
        f" {duration(last.step.seconds)}: {describe_step(last, plan)}"
    )
    return SearchResult(Verdict.FAIL, "NotSustained", message, ceiling=last.step.rate)


def no_server(results: Iterable[StepResult], *, worked: StepResult | None) -> SearchResult:
    """Nobody answers."""
    tried = sum(result.requests for result in results)
    if worked is None:
        message = (
            f"no answer to any of {tried} requests: is this the right address, is the server running, and does it speak"
            " HTTP/1.1?"
        )
    else:
        message = (
            f"no answer to any of {tried} requests after {write_rate(worked.step.rate)} had been offered: it broke down"
        )
    return SearchResult(Verdict.NO_EVIDENCE, "NoServer", message)


def corpus_refused(results: Iterable[StepResult]) -> SearchResult:
    """The requests themselves are wrong."""
    steps = list(results)
    code = max(steps, key=lambda result: result.not_accepted).refusing_code
    refused, total = sum(result.not_accepted for result in steps), sum(result.requests for result in steps)
    if code:
        what, wrong = f"were answered with HTTP status {code}", "path, method, headers or body"
    else:
        reason = next((result.unsendable for result in steps if result.unsendable), "")
        what, wrong = f"could not be sent{f' ({reason[:_REASON_LIMIT]})' if reason else ''}", "address, path or headers"
    message = (
        f"{refused} of {total} requests {what}: "
        f"the requests of the test are wrong ({wrong}), so nothing can be said about the server"
    )
    return SearchResult(Verdict.NO_EVIDENCE, "CorpusRefused", message)


def generator_limited(limited: StepResult, *, held: float | None) -> SearchResult:
    """The generator was the bottleneck."""
    carried = f"; the server carried {write_rate(held)}" if held else ""
    message = (
        f"{write_rate(limited.step.rate)} could not be offered: {write_rate(limited.achieved)} were sent, "
        f"1 % of them more than {_time(limited.lag)} late{carried}. "
        "Give the generator more CPU, or a node of its own (loadTest.resources, loadTest.nodeSelector)"
    )
    return SearchResult(Verdict.NO_EVIDENCE, "GeneratorLimited", message)


def report_exhausted(what: str, plan: LoadTestPlan, *, held: float | None) -> SearchResult:
    """A budget is used up before anything is known."""
    budgets = {
        "OutOfTime": f"the test may last {duration(plan.max_duration)} (maxDuration)",
        "OutOfRequests": f"the test may send {plan.max_requests} requests (maxRequests)",
        "TooFewRequests": "the server answers too few requests in the time that is left to judge so high a percentile",
    }
    known = f"{write_rate(held)} held for a step" if held else "no rate has held yet"
    message = f"{budgets[what]}, which was not enough for a result: {known}"
    return SearchResult(Verdict.NO_EVIDENCE, what, message)


def describe_step(result: StepResult, plan: LoadTestPlan) -> str:
    """What a step has shown: "latency: 3.1 % of 4800 answered later than 250 ms or not at all (5 % allowed)"."""
    reasons = [
        f"{objective.name}: {_share(tally.share, objective.limit_fraction)} of {tally.total} {_words(objective)}"
        f" ({write_limit(objective.limit_fraction)} allowed)"
        for objective, tally in zip(plan.objectives, result.tallies, strict=True)
    ]
    if failures := [f"{count} {_FAILURES[key]}" for key, count in result.outcomes.items() if key in _FAILURES]:
        reasons.append(", ".join(failures))
    if not result.keeps_up:
        reasons.append(f"the backlog grew by {result.growth:.0f} requests in {duration(result.step.seconds)}")
    return "; ".join(reasons)


def write_rate(rate: float) -> str:
    """A rate: "120 requests/s"."""
    return f"{rate:.3g} requests/s" if rate < 1000 else f"{rate:.0f} requests/s"  # noqa: PLR2004 - no exponents


def _share(share: float, limit: float) -> str:
    """A share with two digits, or with as many as show on which side of its limit it is."""
    percent, digits = two_digits(100 * share), 2
    while (float(percent) / 100 > limit) != (share > limit) and digits < _MOST_DIGITS:
        digits += 1
        percent = f"{100 * share:.{digits}g}"
    return f"{percent} %"


def _words(objective: LoadObjective) -> str:
    return _WORDS[objective.kind].format(limit=_time(objective.threshold_seconds or 0.0))


def _time(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
