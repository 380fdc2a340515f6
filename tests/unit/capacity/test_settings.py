"""The environment of the example server: what it means, and what stops the start."""

import pytest
from capacity_server.settings import Law, SettingsError, from_environment


def test_durations_are_seconds() -> None:
    """A time may be given in milliseconds or in seconds."""
    assert from_environment({"SERVICE_TIME": "20ms"}).service_time == pytest.approx(0.02)
    assert from_environment({"WORK": "1.5s"}).work == 1.5


def test_a_stream_is_described_by_three_variables() -> None:
    """A stream keeps its worker for the first token and for every gap after it."""
    stream = from_environment({"TOKENS": "11", "FIRST_TOKEN": "100ms", "TOKEN_TIME": "20ms"}).stream

    assert stream is not None
    assert stream.seconds(11) == pytest.approx(0.3)
    assert stream.seconds(1) == pytest.approx(0.1)


def test_the_law_and_the_edges_are_read() -> None:
    """What an objective needs can be set: the spread of the times, and an edge where the threshold is."""
    settings = from_environment({"SERVICE_TIME": "20ms", "LAW": "exponential", "BUCKETS": "0.02, 0.06,0.1"})

    assert settings.law is Law.EXPONENTIAL
    assert settings.buckets == (0.02, 0.06, 0.1)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "set one of SERVICE_TIME, WORK and TOKENS, not none"),
        ({"SERVICE_TIME": "1s", "WORK": "1s"}, "not SERVICE_TIME and WORK"),
        ({"SERVICE_TIME": "20"}, "SERVICE_TIME must be a time such as 20ms"),
        ({"SERVICE_TIME": "0ms"}, "SERVICE_TIME must be a time"),
        ({"SERVICE_TIME": "61s"}, "at most 60s"),
        ({"WORK": "5ms", "WORKERS": "2"}, "WORKERS must be 1 with WORK"),
        ({"TOKENS": "9", "LAW": "exponential"}, "LAW must be deterministic with TOKENS"),
        ({"SERVICE_TIME": "1s", "LAW": "normal"}, "LAW must be deterministic or exponential, not 'normal'"),
        ({"SERVICE_TIME": "1s", "WORKERS": "0"}, "WORKERS must be a number from 1"),
        ({"SERVICE_TIME": "1s", "BUCKETS": "0.2,0.1"}, "BUCKETS must be increasing seconds"),
        ({"SERVICE_TIME": "1s", "BUCKETS": "fast"}, "BUCKETS must be increasing seconds"),
    ],
)
def test_a_mistake_stops_the_start(environment: dict[str, str], words: str) -> None:
    """A server that is not what the manifest meant would be measured in vain."""
    with pytest.raises(SettingsError, match=words.replace("(", r"\(")):
        from_environment(environment)
