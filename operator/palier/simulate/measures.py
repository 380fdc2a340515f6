"""The numbers that many runs come down to: rates with their intervals, times, and harm."""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

from scipy.special import betaincinv

from palier.api.field_names import to_camel
from palier.simulate.case import Case
from palier.simulate.runs import Run

CONFIDENCE = 0.95


def summary(runs: Sequence[Run], case: Case) -> dict[str, Any]:
    """The measures of a simulation, ready for JSON.

    Quantiles of times are over all runs; one that never rolled back counts as infinitely late, and a quantile that is
    infinite is None.

    Args:
        runs: at least one.
        case: what was played.
    """
    rolled_back = [_find_time(run, "rollback") for run in runs]
    kinds = [run.outcome.kind for run in runs]
    figures = {
        "runs": len(runs),
        **_rates("rollback", kinds.count("rollback"), len(runs)),
        **_rates("promote", kinds.count("promote"), len(runs)),
        **_rates("undecided", kinds.count("undecided"), len(runs)),
        "medianSecondsToRollback": quantile(rolled_back, 0.5),
        "p90SecondsToRollback": quantile(rolled_back, 0.9),
        "medianSecondsToPromote": quantile([_find_time(run, "promote") for run in runs], 0.5),
        "medianSecondsToFirstProof": quantile(
            [math.inf if run.outcome.first_proof is None else run.outcome.first_proof for run in runs], 0.5
        ),
        "medianExtraFailures": quantile([run.extra_bad for run in runs], 0.5),
        "p90ExtraFailures": quantile([run.extra_bad for run in runs], 0.9),
        "meanExtraFailures": math.fsum(run.extra_bad for run in runs) / len(runs),
        "medianCandidateRequestsToRollback": quantile(
            [run.candidate_requests if run.outcome.kind == "rollback" else math.inf for run in runs], 0.5
        ),
        "decidedOnAbsentData": sum(run.on_absent_data for run in runs),
    }
    if case.onset > 0:
        after = [time for time in rolled_back if time >= case.onset]
        figures |= {
            "rollbacksBeforeOnset": len(runs) - len(after),
            "medianSecondsFromOnset": quantile([time - case.onset for time in after], 0.5),
        }
    return figures


def parameters(case: Case) -> dict[str, Any]:
    """The parameters of a case, ready for JSON: infinite ones are None, times are seconds."""
    return {to_camel(one.name): _plain_value(getattr(case, one.name)) for one in dataclasses.fields(case)}


def quantile(values: Iterable[float], share: float) -> float | None:
    """The smallest value that at least the given share of the values does not exceed; None where it is infinite."""
    ordered = sorted(values)
    if not ordered:
        return None
    value = ordered[math.ceil(share * len(ordered)) - 1]
    return value if math.isfinite(value) else None


def clopper_pearson(hits: int, total: int) -> tuple[float, float]:
    """The exact 95 % confidence interval of a share."""
    tail = (1 - CONFIDENCE) / 2
    lower = 0.0 if hits == 0 else float(betaincinv(hits, total - hits + 1, tail))
    upper = 1.0 if hits == total else float(betaincinv(hits + 1, total - hits, 1 - tail))
    return lower, upper


def _rates(name: str, hits: int, total: int) -> dict[str, Any]:
    return {f"{name}Rate": hits / total, f"{name}RateInterval": list(clopper_pearson(hits, total))}


def _find_time(run: Run, kind: str) -> float:
    return run.outcome.at if run.outcome.kind == kind and run.outcome.at is not None else math.inf


def _plain_value(value: Any) -> Any:  # noqa: ANN401 - any parameter
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
        return {to_camel(name): _plain_value(part) for name, part in parts.items() if part is not None}
    if isinstance(value, tuple):
        return [_plain_value(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
