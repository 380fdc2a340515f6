"""Random parts of the memory, as hypothesis draws them: what tests found, and what was spent."""

from hypothesis import strategies as st

from palier.economics.spending import Rate, Spending
from palier.evidence.verdicts import Verdict
from palier.golden.result import GoldenResult, JudgeResult
from palier.loadtest.result import LoadTestResult, StepRecord
from palier.release.cost import ReportedCosts
from palier.release.examining import GoldenRecord, GoldenRun
from palier.release.testing import LoadTestRecord, Usage

AMOUNTS = st.decimals(0, 10**9, places=3)
RESULTS = st.builds(
    LoadTestResult,
    verdict=st.sampled_from(Verdict),
    reason=st.sampled_from(["CapacityFound", "GeneratorLimited"]),
    message=st.text(max_size=50),
    capacity=st.none() | AMOUNTS,
    ceiling=st.none() | AMOUNTS,
    at_least=st.booleans(),
    requests=st.integers(0, 10**8),
    schedule_lag=st.none() | AMOUNTS,
    tokens_per_second=st.none() | AMOUNTS,
    first_token=st.none() | AMOUNTS,
    per_token=st.none() | AMOUNTS,
    steps=st.lists(
        st.builds(
            StepRecord,
            phase=st.sampled_from(["WarmUp", "Climb", "Search", "Soak"]),
            offered=AMOUNTS,
            achieved=AMOUNTS,
            requests=st.integers(0, 10**6),
            errors=st.integers(0, 10**6),
            lag=AMOUNTS,
            holds=st.booleans(),
            p50=st.none() | AMOUNTS,
            p95=st.none() | AMOUNTS,
            p99=st.none() | AMOUNTS,
        ),
        max_size=3,
    ).map(tuple),
)
RECORDS = st.builds(
    LoadTestRecord,
    revision=st.text("0123456789abcdef", min_size=10, max_size=10),
    variant=st.sampled_from(["", "cpu-int8"]),
    digest=st.text("0123456789abcdef", min_size=16, max_size=16),
    replicas=st.integers(1, 64),
    measured_at=st.integers(0, 4 * 10**15).map(lambda number: number / 10**6),
    result=RESULTS,
    node=st.sampled_from(["", "node-7"]),
    usage=st.builds(
        Usage,
        cold_start=st.none() | AMOUNTS,
        cpu_cores=st.none() | AMOUNTS,
        memory_bytes=st.none() | st.integers(0, 2**50),
        gpu_utilization=st.none() | st.decimals(0, 1, places=3),
    ),
)
MONEY = st.decimals(0, 10**9, places=9)
TIMES = st.integers(10**15, 2 * 10**15).map(lambda number: number / 10**6)
SPENDINGS = st.builds(
    Spending,
    currency=st.sampled_from(["EUR", "USD"]),
    month=st.sampled_from(["2026-11", "2027-01"]),
    spent=MONEY,
    at=TIMES,
    rates=st.lists(st.builds(Rate, since=TIMES, hourly=MONEY), min_size=1, max_size=16).map(tuple),
)
_FIGURES = st.sampled_from(["", "0.4", "123.5"])
COMPUTED = st.builds(
    ReportedCosts, stable=_FIGURES, candidate=_FIGURES, exceeded=st.sampled_from(["", "BudgetSpent", "BurnsTooFast"])
)

_SHARES = st.decimals(0, 1, places=4)
_HASHES = st.text("0123456789abcdef", min_size=10, max_size=10)
_JUDGES = st.builds(
    JudgeResult,
    model=st.sampled_from(["judge", "some-lab/judge-8b"]),
    model_digest=st.sampled_from(["", "sha256:0123"]),
    prompt_digest=st.sampled_from(["", "0" * 64]),
    calibration_pairs=st.integers(0, 10**4),
    agreement=st.none() | _SHARES,
    kappa=st.none() | st.decimals(-1, 1, places=4),
    votes=st.integers(0, 10**6),
    failed_votes=st.integers(0, 10**6),
    position_changes=st.integers(0, 10**6),
    tokens=st.integers(0, 10**9),
    cost=st.none() | AMOUNTS,
)
GOLDEN = st.builds(
    GoldenRecord,
    run=st.builds(
        GoldenRun,
        candidate=_HASHES,
        stable=st.just("") | _HASHES,
        attempt=st.integers(0, 1000),
        digest=st.text("0123456789abcdef", min_size=16, max_size=16),
    ),
    measured_at=st.integers(0, 4 * 10**15).map(lambda number: number / 10**6),
    result=st.builds(
        GoldenResult,
        verdict=st.sampled_from(Verdict),
        reason=st.sampled_from(["NotWorse", "TooFewGoldenAnswers"]),
        message=st.text(max_size=50),
        requests=st.integers(0, 10**6),
        scored=st.integers(0, 10**6),
        score=st.none() | _SHARES,
        stable_score=st.none() | _SHARES,
        difference_low=st.none() | st.decimals(-1, 1, places=4),
        difference_high=st.none() | st.decimals(-1, 1, places=4),
        worst=st.lists(st.text("abc-", min_size=1, max_size=9), max_size=5).map(tuple),
        judge=st.none() | _JUDGES,
    ),
    about=st.lists(st.text("abc ", min_size=1, max_size=50), max_size=2).map(tuple),
)
