"""Settings: where they come from, and what is said about one that cannot work."""

import argparse
from pathlib import Path
from typing import Any

import pytest

from palier.errors import InvalidSettings
from palier.settings import Settings, add_arguments

URL = "http://prometheus.monitoring:9090"


def read(*flags: str, **environment: str) -> Settings:
    """The settings of an operator started like this."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return Settings.read(parser.parse_args(flags), environment)


def test_one_setting_is_enough() -> None:
    """Everything but the address of Prometheus has a default."""
    assert read("--prometheus-url", URL) == Settings(prometheus_url=URL)


def test_all_flags(tmp_path: Path) -> None:
    """Every setting can be given as a flag."""
    settings = read(
        *("--prometheus-url", f"{URL}/", "--prometheus-credentials", str(tmp_path)),
        *("--prometheus-matchers", "cluster=eu-1", "--prometheus-matchers", 'replica=~"a|b"'),
        *("--prometheus-max-series", "50000", "--pod-labels", "rack, row", "--router-namespaces", "gateways"),
        *("--look-interval", "1s", "--scrape-interval", "1m30s"),
        *("--prices", "/etc/palier/prices/prices.yaml", "--image", "registry.example.com/palier:1"),
        *("--namespaces", "ml, ml-staging,ml", "--workers", "3", "--health-port", "9999"),
        *("--leader-elect", "--lease-namespace", "palier", "--lease-name", "prod-palier"),
        *("--kubeconfig", "/k", "--context", "c"),
        *("--log-level", "DEBUG", "--log-format", "json"),
    )
    assert settings == Settings(
        prometheus_url=URL,
        prometheus_credentials=tmp_path,
        prometheus_matchers=('cluster="eu-1"', 'replica=~"a|b"'),
        prometheus_max_series=50_000,
        pod_labels=("rack", "row"),
        router_namespaces=("gateways",),
        look_interval=1.0,
        scrape_interval=90.0,
        prices=Path("/etc/palier/prices/prices.yaml"),
        image="registry.example.com/palier:1",
        namespaces=("ml", "ml-staging"),
        workers=3,
        health_port=9999,
        leader_elect=True,
        lease_namespace="palier",
        lease_name="prod-palier",
        kubeconfig="/k",
        context="c",
        log_level="debug",
        log_format="json",
    )


def test_environment_fills_in_and_flags_win() -> None:
    """A variable stands in for a flag that is not given; an empty one counts as absent."""
    settings = read(
        "--workers=2",
        PALIER_PROMETHEUS_URL=URL,
        PALIER_WORKERS="5",
        PALIER_LOOK_INTERVAL="20s",
        PALIER_LEADER_ELECT="true",
        PALIER_NAMESPACES="",
        PALIER_PROMETHEUS_MATCHERS='cluster="eu-1"\nreplica=~"a,b"\n',
    )
    assert settings == Settings(
        prometheus_url=URL,
        prometheus_matchers=('cluster="eu-1"', 'replica=~"a,b"'),
        workers=2,
        look_interval=20.0,
        leader_elect=True,
    )


@pytest.mark.parametrize(
    ("flag", "value", "told"),
    [
        ("--prometheus-url", "prometheus:9090", "must be an http or https URL"),
        ("--prometheus-url", "http://p/?extra_label=a", "must end with its path"),
        ("--prometheus-url", "http://p/#graph", "must end with its path"),
        ("--prometheus-credentials", "", "is not a directory"),
        ("--prometheus-credentials", "/no/such/directory", "is not a directory: give the one whose files are the keys"),
        ("--prometheus-matchers", "eu-1", "is not a matcher such as cluster="),
        ("--prometheus-matchers", 'namespace="ml"', "which Palier's own questions set"),
        ("--prometheus-matchers", "cluster=", "needs its value in double quotes"),
        ("--prometheus-max-series", "10", "must be a whole number from 1000"),
        ("--pod-labels", "rack-1", "'rack-1' is not the name of a label in Prometheus"),
        ("--router-namespaces", "Not_A_Name", "'Not_A_Name' is not the name of a namespace"),
        ("--look-interval", "500ms", "must be between 1s and 1h"),
        ("--look-interval", "2h", "must be between 1s and 1h"),
        ("--look-interval", "15", "a duration is whole numbers with the units"),
        ("--prices", "", "must be the path of a file"),
        ("--image", "", "must be the reference of an image"),
        ("--image", "two words", "must be the reference of an image"),
        ("--namespaces", "ml,Not_A_Name", "'Not_A_Name' is not the name of a namespace"),
        ("--lease-name", "Prod", "'Prod' is not the name of a Lease"),
        ("--lease-name", "a" * 254, "is not the name of a Lease"),
        ("--workers", "0", "must be a whole number from 1 to 64"),
        ("--workers", "many", "must be a whole number from 1 to 64"),
        ("--health-port", "70000", "must be a whole number from 0 to 65535"),
        ("--leader-elect", "maybe", "must be one of true, false"),
        ("--log-level", "loud", "must be one of debug, info, warning, error"),
    ],
)
def test_what_cannot_work_is_named(flag: str, value: str, told: str) -> None:
    """The message names the flag, the value and what is allowed."""
    with pytest.raises(InvalidSettings, match=flag) as caught:
        read(f"{flag}={value}", PALIER_PROMETHEUS_URL=URL)
    assert f"{flag}={value!r}: " in str(caught.value)
    assert told in str(caught.value)


@pytest.mark.parametrize("secret", ["palier:secret", "palier:sec/ret@x", "secret"])
def test_a_password_in_the_url_is_refused_and_not_repeated(secret: str) -> None:
    """A URL is shown in logs and statuses: the message says where a password belongs, without the password."""
    with pytest.raises(InvalidSettings, match="--prometheus-url") as caught:
        read(f"--prometheus-url=https://{secret}@prometheus.example.com")
    assert "sec" not in str(caught.value)


def test_credentials_by_the_environment(tmp_path: Path) -> None:
    """The directory of the credentials can be a variable; an empty one means none."""
    assert (
        read(PALIER_PROMETHEUS_URL=URL, PALIER_PROMETHEUS_CREDENTIALS=str(tmp_path)).prometheus_credentials == tmp_path
    )
    assert read(PALIER_PROMETHEUS_URL=URL, PALIER_PROMETHEUS_CREDENTIALS="").prometheus_credentials is None


def test_all_problems_are_told_at_once() -> None:
    """Who mistypes three settings reads of three."""
    with pytest.raises(InvalidSettings) as caught:
        read("--workers=x", PALIER_LOG_FORMAT="xml")
    told: Any = str(caught.value)
    assert "--prometheus-url (or PALIER_PROMETHEUS_URL) is required" in told
    assert "--workers='x'" in told
    assert "PALIER_LOG_FORMAT='xml'" in told
