"""What a load test found, on its way to the status."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.api.status.load_test import LoadTestStatus
from palier.evidence.verdicts import Verdict
from palier.loadtest.result import JSON_LIMIT, STEP_LIMIT, LoadTestResult, StepRecord, decimal_of

STEP = StepRecord(
    phase="Search",
    offered=Decimal(123),
    achieved=Decimal("122.8"),
    requests=1968,
    errors=3,
    lag=Decimal("0.00123"),
    holds=True,
    p50=Decimal("0.0121"),
    p95=Decimal("0.121"),
    p99=Decimal("0.321"),
)
RESULT = LoadTestResult(
    verdict=Verdict.PASS,
    reason="CapacityFound",
    message="118 requests/s held",
    capacity=Decimal(118),
    ceiling=Decimal(123),
    requests=45678,
    schedule_lag=Decimal("0.0021"),
    tokens_per_second=Decimal(2300),
    first_token=Decimal("0.21"),
    per_token=Decimal("0.021"),
    steps=(STEP, replace(STEP, phase="Soak", p50=None, p95=None, p99=None, holds=False)),
)
NOTHING = LoadTestResult(Verdict.NO_EVIDENCE, "NoServer", "nobody answers")


@pytest.mark.parametrize("result", [RESULT, NOTHING, replace(RESULT, at_least=True, ceiling=None)])
def test_a_result_survives_status(result: LoadTestResult) -> None:
    """What is written is read back, to the last digit."""
    assert LoadTestResult.from_status(json.loads(json.dumps(result.to_status()))) == result


@pytest.mark.parametrize("result", [RESULT, NOTHING])
def test_a_result_fits_into_the_schema(result: LoadTestResult) -> None:
    """The API server would refuse a record with any other field or form."""
    others = {"revision": "0123456789", "digest": "0" * 16, "replicas": 1, "measuredAt": "2026-11-25T00:00:00Z"}

    LoadTestStatus.model_validate(others | result.to_status())


def test_a_result_travels_with_the_times_of_its_soak() -> None:
    """The operator asks what the pods used just then; the status does not keep them."""
    result = replace(RESULT, soak_began=1_795_564_800.125, soak_ended=1_795_564_896.0)

    assert LoadTestResult.from_json(result.to_json()) == result
    assert "soakBegan" not in result.to_status()


@given(
    steps=st.lists(st.builds(replace, st.just(STEP), requests=st.integers(0, 10**8), holds=st.booleans()), max_size=60),
    message=st.text(max_size=5000),
)
def test_a_result_always_fits_into_a_termination_message(steps: list[StepRecord], message: str) -> None:
    """Kubernetes would cut it, and half of a JSON object is none."""
    result = replace(RESULT, steps=tuple(steps), message=message)
    read = LoadTestResult.from_json(result.to_json())

    assert len(result.to_json().encode()) <= JSON_LIMIT
    assert len(read.steps) <= STEP_LIMIT
    assert (read.capacity, read.verdict) == (result.capacity, result.verdict)


def test_steps_are_left_out_from_the_middle() -> None:
    """How it began and what decided are kept."""
    steps = tuple(replace(STEP, requests=number) for number in range(60))
    kept = [step.requests for step in LoadTestResult.from_json(replace(RESULT, steps=steps).to_json()).steps]

    assert kept[0] == 0
    assert kept[-1] == 59
    assert kept == sorted(kept)
    assert len(kept) > 12


@pytest.mark.parametrize(
    "text", ["", "killed", "null", "[]", "{}", '{"verdict": "Perhaps"}', RESULT.to_json().replace('"118"', '"many"')]
)
def test_what_is_no_result_is_refused(text: str) -> None:
    """The last words of a crashed program are no capacity."""
    with pytest.raises(ValueError, match="not the result"):
        LoadTestResult.from_json(text)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (1.0, "1"),
        (123.456, "123"),
        (98765.4, "98800"),
        (0.0123456, "0.0123"),
        (0.000000123, "0.000000123"),
        (12.3, "12.3"),
        (1e9, "1000000000"),
    ],
)
def test_numbers_have_three_digits_and_no_exponent(number: float, text: str) -> None:
    """A measurement is no more exact than that, and the schema allows no exponents."""
    assert format(decimal_of(number), "f") == text
