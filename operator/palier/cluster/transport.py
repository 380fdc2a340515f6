"""How requests get to the API server and what becomes of their failures.

Everything foreign ends here: the client library's configuration, its request pipeline and its exceptions, and those of
aiohttp below it. What leaves is a dictionary or one of our own errors.
"""

import asyncio
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, list_kube_config_contexts, load_kube_config
from kubernetes.aio.config.incluster_config import (
    SERVICE_CERT_FILENAME,
    SERVICE_HOST_ENV_NAME,
    SERVICE_TOKEN_FILENAME,
    InClusterConfigLoader,
)

from palier.cluster.instruments import Instruments
from palier.cluster.reading import read_json
from palier.errors import ClusterError, Conflict, Forbidden, Invalid, InvalidSettings, NotFound, Unavailable
from palier.settings import VERSION

TIMEOUT = 15.0
"""Seconds that any one request may take, connection included."""

APPLY_PATCH = "application/apply-patch+yaml; charset=utf-8"
"""With the charset in it, for which the client library sends a text as we have written it."""
MERGE_PATCH = "application/merge-patch+json"

FAULTS_OF_MANIFESTS = ("failed to create typed patch object", "failed to convert new object")
"""How the API server begins its message when an applied manifest does not fit the schema of a built-in kind: an unknown
field, a duplicate list entry, a wrong type. It says so with HTTP 500, as if the fault and not the manifest were its own
(kubernetes 1.37), and trying again would never help."""

_NOT_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
"""Characters that YAML takes in no text, or only as an escape."""

_UNUSABLE = (ConfigException, OSError, yaml.YAMLError, ValueError, AttributeError, KeyError, TypeError)
"""What the client library raises over a kubeconfig that is none: it reads fields without looking for them first."""

SERVICE_NAMESPACE_FILENAME = str(Path(SERVICE_TOKEN_FILENAME).with_name("namespace"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request to the API server."""

    method: str
    path: str
    subject: str
    """What it is about, for messages: `applying Deployment ml/language-id-0a1b2c3d4e`."""
    kind: str
    """The kind that it is about, for the count of requests."""
    query: Sequence[tuple[str, str]] = ()
    body: Mapping[str, Any] | None = None
    content_type: str = "application/json"


class Transport:
    """One connection pool to one API server, with our name on every request.

    The Authorization header is made anew for every request: inside a cluster the client library reads the service
    account's token from its file again every minute, so that a rotated token is picked up.
    """

    def __init__(
        self, configuration: Configuration, *, timeout: float = TIMEOUT, instruments: Instruments | None = None
    ) -> None:
        self.configuration = configuration
        self._client = ApiClient(configuration)
        self._client.user_agent = f"palier/{VERSION}"
        self._timeout = timeout
        self._instruments = instruments or Instruments()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def request(self, request: Request) -> dict[str, Any]:
        """Send one request, once, and return the decoded answer.

        Raises:
            ClusterError: the API server refused, or did not answer in time.
        """
        data = await self._send(request)
        try:
            answer: dict[str, Any] = read_json(data)
        except ValueError as error:
            raise Unavailable(f"{request.subject}: the API server did not answer in JSON") from error
        return answer

    async def text(self, request: Request) -> str:
        """Read what is no object, such as a log; bytes that are not UTF-8 are replaced.

        Raises:
            ClusterError: as for `request`.
        """
        return (await self._send(request)).decode(errors="replace")

    async def _send(self, request: Request) -> bytes:
        body, subject = request.body, request.subject
        code = 0
        try:
            async with asyncio.timeout(self._timeout):
                parameters = await self._client.param_serialize(
                    method=request.method,
                    resource_path=request.path,
                    query_params=list(request.query),
                    header_params={"Accept": "application/json", "Content-Type": request.content_type},
                    body=_write_yaml(body) if request.content_type == APPLY_PATCH else body,
                    auth_settings=["BearerToken"],
                )
                response = await self._client.call_api(
                    *parameters, _request_timeout=aiohttp.ClientTimeout(total=self._timeout)
                )
                data: bytes = await response.read()
                code = response.status
        except TimeoutError as error:
            raise Unavailable(f"{subject}: no answer from the API server within {self._timeout:.0f} s") from error
        except (aiohttp.ClientError, OSError, ConfigException) as error:
            raise Unavailable(f"{subject}: the API server cannot be reached: {error}") from error
        finally:
            self._instruments.request_finished(verb=request.method, kind=request.kind, code=code)
        if code >= HTTPStatus.BAD_REQUEST:
            raise _refusal(code, data, subject=subject, retry_after=response.headers.get("Retry-After"))
        return data


def _write_yaml(manifest: Mapping[str, Any] | None) -> str:
    """JSON that is YAML too, as which the API server reads what is applied.

    YAML has no escapes of pairs, by which JSON writes an emoji in ASCII: with them every such text would be refused.
    Half of a pair, which the API server never sends, becomes the sign for an unknown character.
    """
    return _NOT_YAML.sub(_escape, json.dumps(manifest, ensure_ascii=False))


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    return "\\ufffd" if "\ud800" <= character <= "\udfff" else f"\\u{ord(character):04x}"


def _refusal(code: int, data: bytes, *, subject: str, retry_after: str | None) -> ClusterError:
    """The error that an HTTP status stands for, with the API server's own words."""
    try:
        message = str(read_json(data)["message"])
    except (ValueError, KeyError, TypeError):
        message = f"HTTP {code}"
    text = f"{subject}: {message}"
    match code:
        case HTTPStatus.NOT_FOUND:
            return NotFound(text)
        case HTTPStatus.CONFLICT:
            return Conflict(text)
        case HTTPStatus.BAD_REQUEST | HTTPStatus.UNPROCESSABLE_ENTITY | HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return Invalid(text)
        case HTTPStatus.INTERNAL_SERVER_ERROR if message.startswith(FAULTS_OF_MANIFESTS):
            return Invalid(text)
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return Forbidden(text)
        case _:
            seconds = float(retry_after) if retry_after and retry_after.isdecimal() else None
            return Unavailable(text, retry_after=seconds)


async def configure(
    *,
    kubeconfig: str | None = None,
    context: str | None = None,
    token_file: str = SERVICE_TOKEN_FILENAME,
    ca_file: str = SERVICE_CERT_FILENAME,
) -> Configuration:
    """Find out how to reach the API server: the service account inside a cluster, else the kubeconfig.

    Args:
        kubeconfig: path of a kubeconfig to use in any case.
        context: its context; None for its current one.
        token_file: where the service account's token lies inside a cluster.
        ca_file: where the certificates of the API server lie inside a cluster.

    Raises:
        InvalidSettings: there is no usable configuration.
    """
    configuration = Configuration()
    try:
        if kubeconfig is None and context is None and _inside_cluster(token_file):
            # Kubelets, services and the API server are inside: a proxy meant for the way out must not be asked.
            configuration.client_session_kwargs = {"trust_env": False}
            InClusterConfigLoader(token_file, ca_file).load_and_set(configuration)
        else:
            path = _kubeconfig(kubeconfig)
            await load_kube_config(path, context=context, client_configuration=configuration, persist_config=False)
    except _UNUSABLE as error:
        told = " ".join(str(error).split()) or type(error).__name__
        raise InvalidSettings(f"no way to reach a Kubernetes API server: {told}") from error
    return configuration


def default_namespace(*, kubeconfig: str | None = None, context: str | None = None) -> str:
    """The namespace that a command means when none is given, as kubectl finds it."""
    if kubeconfig is None and context is None and _inside_cluster(SERVICE_TOKEN_FILENAME):
        return Path(SERVICE_NAMESPACE_FILENAME).read_text(encoding="utf-8").strip()
    try:
        contexts, current = list_kube_config_contexts(_kubeconfig(kubeconfig))
    except (*_UNUSABLE, InvalidSettings):
        return "default"  # whoever connects tells what is wrong
    chosen = next((entry for entry in contexts if entry["name"] == context), current)
    return str(chosen["context"].get("namespace") or "default")


def _inside_cluster(token_file: str) -> bool:
    return SERVICE_HOST_ENV_NAME in os.environ and Path(token_file).is_file()


def _kubeconfig(kubeconfig: str | None) -> str:
    """The path of the kubeconfig, or several with colons between them, of which those that are not there do not count.

    Raises:
        InvalidSettings: none is there, or one cannot be read; the client library would only log it.
    """
    variable = os.environ.get("KUBECONFIG")
    given = kubeconfig or variable or "~/.kube/config"
    paths = [Path(part).expanduser() for part in given.split(os.pathsep) if part]
    there = [path for path in paths if path.exists()] or paths[:1]
    for path in there:
        try:
            with path.open("rb"):
                pass
        except OSError as error:
            if not (kubeconfig or variable) and isinstance(error, FileNotFoundError):
                told = f"there is no kubeconfig {path}: name one with --kubeconfig FILE, or in the variable KUBECONFIG"
                raise InvalidSettings(told) from error
            named = "--kubeconfig" if kubeconfig else "KUBECONFIG" if variable else "kubeconfig"
            raise InvalidSettings(f"{named}: cannot read {path}: {error.strerror or error}") from error
    return os.pathsep.join(map(str, there))
