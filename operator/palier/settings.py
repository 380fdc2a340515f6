"""What the operator can be told at its start: flags first, environment second, defaults last.

Everything that changes while the operator runs lives in the cluster; these few settings do not change. They are
checked before anything starts, all at once, with the name of the flag in each message.
"""

import argparse
import importlib.metadata
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from palier.api.spec.values import LABEL, SUBDOMAIN, Duration
from palier.errors import InvalidSettings
from palier.measuring.matchers import matcher


def _version() -> str:
    try:
        return importlib.metadata.version("palier")
    except importlib.metadata.PackageNotFoundError:  # run from a source tree that was never installed
        return "0+unknown"


VERSION: Final = _version()
"""The version of this program, as it names itself to the API server and in its metrics."""

LogFormat = Literal["text", "json"]
LONGEST_INTERVAL = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one operator process."""

    prometheus_url: str
    """Base URL of the Prometheus HTTP API."""
    prometheus_credentials: Path | None = None
    """The directory with the files that Prometheus asks for; None for a Prometheus that asks for nothing."""
    prometheus_matchers: tuple[str, ...] = ()
    """Label matchers that every question to Prometheus has, such as `cluster="eu-1"`."""
    prometheus_max_series: int = 20_000
    """Series that one answer of Prometheus may have."""
    pod_labels: tuple[str, ...] = ()
    """Labels that may differ between the pods of one revision, beside those that are known."""
    router_namespaces: tuple[str, ...] = ()
    """Where the gateway's proxies run; empty for where the preset of the router says."""
    look_interval: float = 15.0
    """Seconds between two looks at the metrics of the whole fleet; at least 1."""
    scrape_interval: float = 15.0
    """Seconds between two scrapes of the pods by Prometheus."""
    prices: Path | None = None
    """The file with the price table; None when nothing is known of prices."""
    image: str | None = None
    """Image of the pods that send the requests of load tests; None when every ModelDeployment has to name one."""
    namespaces: tuple[str, ...] = ()
    """The namespaces that are watched; empty for all."""
    workers: int = 8
    """How many ModelDeployments are reconciled at the same time."""
    health_port: int = 8080
    """TCP port of /healthz, /readyz and /metrics; 0 for a free one."""
    leader_elect: bool = False
    """Whether several replicas agree by a Lease on the one that acts."""
    lease_namespace: str = ""
    """Where the Lease is; empty for the namespace of the operator itself."""
    lease_name: str = "palier"
    """The name of the Lease; replicas of one installation share it, and two installations in a namespace must not."""
    kubeconfig: str | None = None
    """Path of a kubeconfig; None for the service account inside a cluster, else the usual kubeconfig."""
    context: str | None = None
    """Context of the kubeconfig; None for its current one."""
    log_level: str = "info"
    """The least severe messages that are logged."""
    log_format: LogFormat = "text"
    """How log lines are written."""

    @classmethod
    def read(cls, arguments: argparse.Namespace, environment: Mapping[str, str]) -> Self:
        """Settings from parsed flags and the environment.

        Raises:
            InvalidSettings: one or more settings cannot work; the text names them all.
        """
        values: dict[str, Any] = {}
        problems: list[str] = []
        for option in OPTIONS:
            given = getattr(arguments, option.field, None)
            text = given if given is not None else environment.get(option.variable)
            if text is None or (text == "" and given is None):
                if option.required:
                    problems.append(f"{option.flag} (or {option.variable}) is required")
                continue
            try:
                values[option.field] = option.parse(text)
            except ValueError as error:
                source = option.flag if given is not None else option.variable
                text = ", ".join(text) if isinstance(text, list) else text
                shown = re.sub(r"//\S*@", "//…@", text)  # a password in a URL stays out of logs
                problems.append(f"{source}={shown!r}: {error}")
        if problems:
            raise InvalidSettings("; ".join(problems))
        return cls(**values)


def _duration(text: str) -> float:
    try:
        seconds = TypeAdapter(Duration).validate_python(text).seconds
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"]) from error
    if not 1 <= seconds <= LONGEST_INTERVAL:
        raise ValueError("must be between 1s and 1h")
    return seconds


def _number(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return parse


def _word(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return text.lower()

    return parse


def _yes_or_no(text: str) -> bool:
    return _word("true", "false")(text) == "true"


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an http or https URL, such as http://prometheus.monitoring:9090")
    if "@" in text:
        raise ValueError("must not hold a username or password: give them with --prometheus-credentials")
    if parts.query or parts.fragment:
        raise ValueError("must end with its path, such as https://metrics.example.com/select/0/prometheus")
    return text.rstrip("/")


def _directory(text: str) -> Path:
    path = Path(text)
    if not text or not path.is_dir():
        raise ValueError("is not a directory: give the one whose files are the keys of the Secret")
    return path


def _file(text: str) -> Path:
    if not text:
        raise ValueError("must be the path of a file")
    return Path(text)  # it may come later: it is read again whenever it changes


def _image(text: str) -> str:
    if not text or re.search(r"\s", text):
        raise ValueError("must be the reference of an image, such as registry.example.com/palier:1.0")
    return text


def _namespace(text: str) -> str:
    if len(text) > 63 or not re.fullmatch(LABEL, text):  # noqa: PLR2004 - the length of a DNS label
        raise ValueError(f"{text!r} is not the name of a namespace")
    return text


def _lease_name(text: str) -> str:
    if len(text) > 253 or not re.fullmatch(SUBDOMAIN, text):  # noqa: PLR2004 - the length of an object's name
        raise ValueError(f"{text!r} is not the name of a Lease")
    return text


def _matchers(text: str | list[str]) -> tuple[str, ...]:
    """Each time that the flag was given one matcher; in the environment one on each line."""
    texts = text.splitlines() if isinstance(text, str) else text
    return tuple(dict.fromkeys(matcher(one) for one in texts if one.strip()))


def _labels(text: str) -> tuple[str, ...]:
    names = [part.strip() for part in text.split(",") if part.strip()]
    if wrong := [name for name in names if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name)]:
        raise ValueError(f"{wrong[0]!r} is not the name of a label in Prometheus")
    return tuple(dict.fromkeys(names))


def _namespaces(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_namespace(part.strip()) for part in text.split(",") if part.strip()))


@dataclass(frozen=True, slots=True)
class _Option:
    """One setting as it is given from outside."""

    field: str
    metavar: str
    parse: Callable[[Any], Any]
    help: str
    required: bool = False
    repeatable: bool = False
    """Whether the flag can be given several times; then `parse` gets a list, or the text of the environment."""

    @property
    def flag(self) -> str:
        return f"--{self.field.replace('_', '-')}"

    @property
    def variable(self) -> str:
        return f"PALIER_{self.field.upper()}"


OPTIONS: Final = (
    _Option("prometheus_url", "URL", _url, "base URL of the Prometheus HTTP API", required=True),
    _Option(
        "prometheus_credentials",
        "DIR",
        _directory,
        "directory with what Prometheus asks for, read again when it changes: token, or username and password; ca.crt; "
        "tls.crt and tls.key; headers with 'Name: value' lines, such as X-Scope-OrgID (default: none)",
    ),
    _Option(
        "prometheus_matchers",
        "LABEL=VALUE",
        _matchers,
        "label matcher of every question to Prometheus, where it knows several clusters; can be given several times, "
        "in the environment one on each line (default: none)",
        repeatable=True,
    ),
    _Option(
        "prometheus_max_series",
        "N",
        _number(1000, 1_000_000),
        "series that one answer of Prometheus may have; more take more memory (default: 20000)",
    ),
    _Option(
        "pod_labels",
        "A,B",
        _labels,
        "labels in Prometheus that may differ between the pods of one revision, beside those that are known to do so",
    ),
    _Option(
        "router_namespaces",
        "A,B",
        _namespaces,
        "take the counters of gateways from their proxies in these namespaces only (default: where the router's preset "
        "says)",
    ),
    _Option("look_interval", "DURATION", _duration, "time between two looks at the metrics (default: 15s)"),
    _Option("scrape_interval", "DURATION", _duration, "how often Prometheus scrapes the pods (default: 15s)"),
    _Option(
        "prices",
        "FILE",
        _file,
        "YAML file with the prices of CPU, memory and accelerators, read again when it changes (default: none)",
    ),
    _Option("image", "REFERENCE", _image, "image of the pods of load tests (default: that of the ModelDeployment)"),
    _Option("namespaces", "A,B", _namespaces, "watch only these namespaces (default: all)"),
    _Option("workers", "N", _number(1, 64), "ModelDeployments reconciled at the same time (default: 8)"),
    _Option("health_port", "PORT", _number(0, 65535), "port of /healthz, /readyz, /metrics (default: 8080)"),
    _Option("leader_elect", "true|false", _yes_or_no, "let replicas agree on one that acts (default: false)"),
    _Option("lease_namespace", "NAMESPACE", _namespace, "namespace of the Lease (default: the operator's own)"),
    _Option("lease_name", "NAME", _lease_name, "name of the Lease that replicas agree by (default: palier)"),
    _Option("kubeconfig", "FILE", str, "use this kubeconfig (default: the service account, else the usual one)"),
    _Option("context", "NAME", str, "context of the kubeconfig (default: its current one)"),
    _Option("log_level", "LEVEL", _word("debug", "info", "warning", "error"), "least severe messages (default: info)"),
    _Option("log_format", "text|json", _word("text", "json"), "how log lines are written (default: text)"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a flag for every setting; each can also be given as an environment variable."""
    for option in OPTIONS:
        # A switch that is given alone means true.
        more: dict[str, Any] = {"nargs": "?", "const": "true"} if option.parse is _yes_or_no else {}
        parser.add_argument(
            option.flag,
            dest=option.field,
            metavar=option.metavar,
            action="append" if option.repeatable else "store",
            help=f"{option.help} [{option.variable}]",
            **more,
        )
