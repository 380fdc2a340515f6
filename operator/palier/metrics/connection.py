"""How Prometheus is reached when it asks who is there: credentials from files, and one connection for each thread.

The files are the keys of one Kubernetes Secret, mounted as a directory. Kubernetes replaces them while the operator
runs, so they are read before every question: a few small files cost far less than the question, and comparing what they
hold misses no change. When they cannot be used, nothing is asked: no question ever goes out with less than it should
carry.
"""

import base64
import json
import logging
import re
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

import requests
from prometheus_api_client import PrometheusConnect
from requests.auth import AuthBase, HTTPBasicAuth
from typing_extensions import override
from urllib3.util.retry import Retry

from palier.errors import InvalidSettings, MetricsUnavailable
from palier.metrics.body import Limits
from palier.metrics.session import Answer, Session

logger = logging.getLogger(__name__)

KNOWN: Final = ("token", "username", "password", "ca.crt", "tls.crt", "tls.key", "headers")
"""The files that a directory of credentials may have."""
OF_THE_CONNECTION: Final = frozenset({"connection", "content-length", "host", "transfer-encoding"})
REFUSALS: Final = {
    401: ("Unauthorized", "check that this server knows them, and that they have not expired"),
    403: ("Forbidden", "check that they may query metrics there, and of this tenant"),
}
"""Status codes by which a server refuses whoever asks: the reason, and what to check."""
SHORTEST_SECRET: Final = 6
"""Characters. Shorter values are not hidden in messages: that would tear words apart."""


class _Unusable(Exception):  # noqa: N818 - as in palier.errors
    """Files from which nothing can be made; the text names the file and holds nothing of what is in it."""


class _Authorization(AuthBase):
    """Sets the header Authorization. As `auth` of a session, because a .netrc file would replace a plain header."""

    def __init__(self, value: str) -> None:
        self._value = value

    @override
    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        r.headers["Authorization"] = self._value
        return r


@dataclass(frozen=True, slots=True, repr=False)
class _Access:
    """What one version of the files gives to a session; without a repr, because it holds secrets."""

    auth: AuthBase | None = None
    headers: Mapping[str, str] | None = None
    authority: str | None = None
    """Path of the authorities that are trusted instead of the public ones."""
    certificate: tuple[str, str] | None = None
    """Paths of the client certificate and its key."""
    shown: str = "a question without credentials"
    """Words for what is shown to the server."""
    secrets: tuple[str, ...] = ()
    """What must not appear in any message."""


ANONYMOUS: Final = _Access()


def _forms(secret: str) -> list[str]:
    """A secret as it may stand in a message: plain, or escaped by whoever quoted it; the longest first."""
    quoted = {secret, repr(secret)[1:-1], repr(secret.encode())[2:-1], json.dumps(secret)[1:-1]}
    return sorted(quoted, key=len, reverse=True)


class Credentials:
    """What to show a Prometheus server, from the files of one directory, always as they are now.

    `token` or `username` and `password`; `ca.crt`; `tls.crt` and `tls.key`; `headers`, one `Name: value` on each line.

    Args:
        directory: where the files are; entries whose names begin with a dot are not looked at.

    Raises:
        InvalidSettings: the files cannot be used; the text names the one to correct.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._one_reader = threading.Lock()
        try:
            files = self._read_settled()
            self._known = files, _access(directory, files)
        except _Unusable as error:
            raise InvalidSettings(f"--prometheus-credentials: {error}") from None

    def access(self) -> _Access:
        """What the files give now; the same object as long as they hold the same.

        Raises:
            MetricsUnavailable: they cannot be used any more.
        """
        try:
            with self._one_reader:
                if self._read() != self._known[0]:
                    files = self._read_settled()
                    self._known = files, _access(self.directory, files)
                    logger.info("the credentials for Prometheus in %s have changed: using the new", self.directory)
                return self._known[1]
        except _Unusable as error:
            raise MetricsUnavailable(
                "InvalidCredentials", f"the credentials for Prometheus cannot be used: {error}"
            ) from None

    def hide_secrets(self, text: str) -> str:
        """The text without the secrets that a server may have put into it."""
        for secret in self._known[1].secrets:
            for form in _forms(secret):
                text = text.replace(form, "…")
        return text

    def _read_settled(self) -> dict[str, bytes]:
        files = self._read()
        while (again := self._read()) != files:  # replaced in between: not half of the old and half of the new
            files = again
        return files

    def _read(self) -> dict[str, bytes]:
        path = self.directory
        try:
            names = sorted(path.name for path in self.directory.iterdir() if not path.name.startswith("."))
            if unknown := [name for name in names if name not in KNOWN]:
                raise _Unusable(
                    f"{self.directory / unknown[0]} is not a file that is known here; known are {', '.join(KNOWN)}"
                )
            files = {}
            for name in names:
                path = self.directory / name
                files[name] = path.read_bytes()
        except OSError as error:
            raise _Unusable(f"{path} cannot be read ({error.strerror})") from None
        return files


def _access(directory: Path, files: Mapping[str, bytes]) -> _Access:
    if not files:
        raise _Unusable(f"{directory} has none of the files {', '.join(KNOWN)}")
    for one, other in (
        ("username", "password"),
        ("password", "username"),
        ("tls.crt", "tls.key"),
        ("tls.key", "tls.crt"),
    ):
        if one in files and other not in files:
            raise _Unusable(f"{directory / one} needs {other} beside it")
    if "token" in files and "username" in files:
        raise _Unusable(f"{directory} has both token and username: a server takes one of them")
    texts = {name: _text(directory / name, files[name]) for name in files if not name.endswith((".crt", ".key"))}
    headers = _headers(directory / "headers", texts["headers"]) if "headers" in texts else {}
    auth: AuthBase | None = None
    secrets = list(headers.values())
    own = next((name for name in headers if name.lower() == "authorization"), None)
    if own and ("token" in texts or "username" in texts):
        raise _Unusable(
            f"{directory / 'headers'} must not set {own}: {'token' if 'token' in texts else 'username'} does"
        )
    if own:
        auth = _Authorization(headers.pop(own))
    elif "token" in texts:
        auth = _Authorization(f"Bearer {_token(directory / 'token', texts['token'])}")
        secrets.append(texts["token"].strip())
    elif "username" in texts:
        auth, basic = _basic(directory, texts)
        secrets += basic
    _check_certificates(directory, files)
    return _Access(
        auth=auth,
        headers=headers,
        authority=str(directory / "ca.crt") if "ca.crt" in files else None,
        certificate=(str(directory / "tls.crt"), str(directory / "tls.key")) if "tls.crt" in files else None,
        shown=_describe_files(directory, files),
        secrets=tuple(secret for secret in secrets if len(secret) >= SHORTEST_SECRET),
    )


def _text(path: Path, content: bytes) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise _Unusable(f"{path} is not text in UTF-8") from None
    if not text.strip():
        raise _Unusable(f"{path} is empty")
    return text


def _token(path: Path, text: str) -> str:
    if not re.fullmatch(r"[!-~]+", text.strip()):
        raise _Unusable(f"{path} must hold one word of ASCII characters")
    return text.strip()


def _basic(directory: Path, texts: Mapping[str, str]) -> tuple[HTTPBasicAuth, list[str]]:
    # Blanks belong to a password; the end of the line that editors add does not.
    username, password = (texts[name].rstrip("\r\n") for name in ("username", "password"))
    for name, text in (("username", username), ("password", password)):
        if not text.isprintable():
            raise _Unusable(f"{directory / name} must hold one line of printable characters")
    if ":" in username:
        raise _Unusable(f"{directory / 'username'} must not have a colon: it ends the username in basic authentication")
    auth = HTTPBasicAuth(username.encode(), password.encode())
    return auth, [password, base64.b64encode(f"{username}:{password}".encode()).decode()]


def _headers(path: Path, text: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    seen: set[str] = set()
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        found = re.fullmatch(r"([\w!#$%&'*+.^`|~-]+):[ \t]*([!-~](?:[ -~]*[!-~])?)[ \t]*", line, re.ASCII)
        if not found:
            raise _Unusable(f"line {number} of {path} is not of the form Name: value, in ASCII characters")
        name, value = found.groups()
        if name.lower() in OF_THE_CONNECTION:
            raise _Unusable(f"line {number} of {path} sets {name}, which belongs to the connection")
        if name.lower() in seen:
            raise _Unusable(f"line {number} of {path} sets {name} a second time")
        seen.add(name.lower())
        headers[name] = value
    return headers


def _check_certificates(directory: Path, files: Mapping[str, bytes]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if "ca.crt" in files:
        try:
            context.load_verify_locations(cafile=directory / "ca.crt")
        except OSError:
            raise _Unusable(f"{directory / 'ca.crt'} holds no certificate in PEM") from None
    if "tls.crt" in files:
        try:
            # With no password, OpenSSL would ask for one at the terminal.
            context.load_cert_chain(directory / "tls.crt", directory / "tls.key", password="")
        except OSError as error:
            if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
                raise _Unusable(f"{directory / 'tls.key'} is not the key of the certificate in tls.crt") from None
            raise _Unusable(
                f"{directory / 'tls.crt'} and tls.key hold no certificate in PEM with its key, not encrypted"
            ) from None


def _describe_files(directory: Path, files: Mapping[str, bytes]) -> str:
    words = {
        "token": "the token",
        "username": "the username and password",
        "headers": "the headers",
        "tls.crt": "the client certificate",
    }
    parts = [f"{text} of {directory / name}" for name, text in words.items() if name in files]
    return " and ".join(parts) or f"a question without credentials ({directory} has only ca.crt)"


class Connections:
    """One connection for each thread that asks, made anew when the credentials have changed.

    Args:
        url: base URL of the server.
        timeout: seconds to connect, and seconds to wait for an answer.
        credentials: what the server asks for; None for nothing.
        limits: how much of an answer is read.
    """

    def __init__(
        self, url: str, *, timeout: tuple[float, float], credentials: Credentials | None, limits: Limits
    ) -> None:
        self._url = url
        self._limits = limits
        self._timeout = timeout
        self._credentials = credentials
        self._local = threading.local()
        if credentials and urlsplit(url).scheme == "http":
            logger.warning(
                "%s is not https: the credentials in %s are sent unencrypted, and certificates there are not used",
                *(url, credentials.directory),
            )

    def connect_thread(self) -> PrometheusConnect:
        """The connection of this thread.

        Raises:
            MetricsUnavailable: the credentials cannot be used.
        """
        access = self._credentials.access() if self._credentials else ANONYMOUS
        known: tuple[_Access, PrometheusConnect] | None = getattr(self._local, "known", None)
        if known is None or known[0] is not access:
            if known:
                known[1].close()
            known = access, self._connect(access)
            self._local.known = known
        return known[1]

    def explain_unreachable(self, error: OSError) -> MetricsUnavailable:
        """Why there was no answer at all: what TLS has found wrong, else the kind of the failure."""
        cause: BaseException | None = error
        # Whoever misses a client certificate may just hang up, before its reason has been read.
        while cause and not isinstance(cause, ssl.SSLError | ConnectionResetError | BrokenPipeError):
            inner = next((part for part in cause.args if isinstance(part, BaseException)), None)
            cause = cause.__cause__ or cause.__context__ or inner
        where = f"in {self._credentials.directory}" if self._credentials else "with --prometheus-credentials"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return MetricsUnavailable(
                "TlsFailed",
                f"the certificate of Prometheus at {self._url} is not trusted ({cause.verify_message}): check the name "
                f"in the URL, and ca.crt {where}",
            )
        if isinstance(cause, OSError) and urlsplit(self._url).scheme == "https":
            reason = str(getattr(cause, "reason", None) or cause.strerror).replace("_", " ").lower()
            return MetricsUnavailable(
                "TlsFailed",
                f"Prometheus at {self._url} broke off the TLS connection ({reason}): check whether it speaks https, "
                f"and the client certificate, tls.crt and tls.key {where}",
            )
        return MetricsUnavailable(
            "Unreachable", f"Prometheus at {self._url} cannot be reached ({type(error).__name__})"
        )

    def explain_refused(self, error: Exception) -> MetricsUnavailable:
        """A question that the server did not like, in its words."""
        words = self._credentials.hide_secrets(str(error)) if self._credentials else str(error)
        if "too many samples" in words or "too many series" in words:  # a limit of the server's own
            return MetricsUnavailable("TooManySeries", f"Prometheus at {self._url} refused the query: {words}")
        return MetricsUnavailable("QueryFailed", f"Prometheus at {self._url} refused the query: {words}")

    def _connect(self, access: _Access) -> PrometheusConnect:
        session = Session()
        session.headers.update(access.headers or {})
        session.auth = access.auth
        session.verify = access.authority or True
        session.cert = access.certificate
        session.hooks["response"].append(partial(self._check, access))
        # No retries: the next look is the retry, and hidden ones would hold a thread for long.
        return PrometheusConnect(url=self._url, session=session, retry=Retry(total=0), timeout=self._timeout)

    def _check(self, access: _Access, response: requests.Response, **_: object) -> None:
        """Comes before a redirect is followed, and before the library makes one kind of error of all refusals."""
        trouble = self._explain_redirect(response) if self._credentials and response.is_redirect else None
        if response.status_code in REFUSALS:
            reason, words = REFUSALS[response.status_code]
            advice = words if self._credentials else "give it credentials with --prometheus-credentials"
            trouble = MetricsUnavailable(
                reason,
                f"Prometheus at {self._url} answered {response.status_code} ({reason}) to {access.shown}: {advice}",
            )
        if trouble:
            response.close()
            raise trouble
        # The library reads all that there is, however much: from here it gets no more than the limits allow.
        response.raw = self._limits.bound_body(response.raw)
        response.__class__ = Answer

    def _explain_redirect(self, response: requests.Response) -> MetricsUnavailable:
        # The library would take headers and client certificates along to wherever it is sent.
        target = urlsplit(urljoin(response.url, response.headers["location"]))
        address = f"{target.scheme}://{target.netloc.rpartition('@')[2]}{target.path}"
        return MetricsUnavailable(
            "Redirected",
            f"Prometheus at {self._url} redirects to {address}, and credentials are not sent along: "
            "set --prometheus-url to a server that answers by itself",
        )
