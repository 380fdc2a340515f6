"""Asks one revision one request, once: what a retry would hide is what the examination is about.

Every way to fail is an answer too, with the words that explain it.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from yarl import URL

from palier.answers.comparison import Answer
from palier.answers.document import document_of as json_or_text
from palier.answers.stream import is_stream, text_of
from palier.api.constants import GOLDEN_HEADER
from palier.api.spec.answers import JsonPath
from palier.golden.corpus import Case
from palier.golden.plan import GoldenPlan
from palier.workers.connections import Connections, read_body

LONGEST_BODY: Final = 16 * 2**20
"""Bytes of an answer that are read; a longer one has failed."""

_CONNECT: Final = 10.0
"""Seconds after which an address that takes no connection counts as not there."""
_LINE: Final = 65536
"""Bytes of a header, and of the line with the status."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one request."""

    answer: Answer | None = None
    """None where it failed."""
    failure: str = ""
    """How it failed, such as `HTTP 503`; empty for an answer."""
    status: int = 0
    """0 where nothing came."""
    reached: bool = True
    """Whether anybody took the connection."""

    def entry(self, stream_path: JsonPath) -> dict[str, Any]:
        """As a line of collected answers has it."""
        if self.answer is None:
            return {"status": self.status, "body": None, "failure": self.failure}
        return {"status": self.status, "body": document_of(self.answer, stream_path)}


def document_of(answer: Answer, stream_path: JsonPath) -> Any:  # noqa: ANN401 - any JSON
    """JSON as such, any other body as a text, and the texts of a stream's events together."""
    return text_of(answer.body, stream_path) if answer.streamed else json_or_text(answer.body)


class Asker(Connections):
    """Asks both revisions of a plan; a context manager that holds the connections."""

    def __init__(self, plan: GoldenPlan) -> None:
        super().__init__(
            # For each request one: a connection that is used again may be closed meanwhile, which is nobody's failure.
            connector={"force_close": True},
            sock_connect=min(_CONNECT, plan.timeout),
            max_line_size=_LINE,
            max_field_size=_LINE,
        )
        self._plan = plan
        self._urls = {"candidate": plan.candidate_url, "stable": plan.stable_url}

    async def ask(self, case: Case, arm: str) -> Reply:
        """Ask `candidate` or `stable`."""
        try:
            async with asyncio.timeout(self._plan.timeout):
                return await self._reply(case, arm)
        except aiohttp.ConnectionTimeoutError:
            return Reply(failure="takes no connection", reached=False)
        except TimeoutError:
            return Reply(failure=f"no answer within {self._plan.timeout:g} s")
        except aiohttp.ClientConnectorError as error:
            return Reply(failure=f"cannot be reached: {error.os_error.strerror or error.os_error}", reached=False)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Reply(failure=f"broken answer: {type(error).__name__}: {error}"[:200])

    async def _reply(self, case: Case, arm: str) -> Reply:
        plan, body = self._plan, case.request_body
        # So that a model server can leave these requests out of its own statistics.
        headers = {**case.headers, GOLDEN_HEADER: arm}
        if body is not None and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = case.content_type
        async with self._session.request(
            case.method or plan.method,
            URL(f"{self._urls[arm].rstrip('/')}{case.path or plan.path}"),
            headers=headers,
            data=body,
            allow_redirects=False,
        ) as response:
            if not 200 <= response.status < 300:  # noqa: PLR2004 - as HTTP groups them
                return Reply(failure=f"HTTP {response.status}", status=response.status)
            content = await read_body(response, most=LONGEST_BODY)
            if content is None:
                return Reply(failure=f"answer longer than {LONGEST_BODY // 2**20} MiB", status=response.status)
            text = _decode_content(content, response.charset)
            streamed = is_stream(response.headers.get("Content-Type"))
            return Reply(Answer(response.status, text, streamed=streamed), status=response.status)


def _decode_content(content: bytes, charset: str | None) -> str:
    try:
        return content.decode(charset or "utf-8", errors="replace")
    except LookupError:
        return content.decode("utf-8", errors="replace")
