"""The first event of a stream is found wherever the stream is cut, with work that grows with its length alone."""

import re
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from typing_extensions import override

from palier.shadow.reply import FirstEvent
from palier.workers.shadow.sender import Outgoing, Sender
from tests.support.shadow.arms import Arm, serve, stream

WHOLE_LINE_OF_DATA = re.compile(rb"(?:\A|[\r\n])data: ?+(?!\[DONE\])[^\r\n]+[\r\n]")
"""What is looked for, said once more over everything that has come."""

FRAGMENTS = st.sampled_from(
    (b"data:", b"data: ", b"data", b"[DONE]", b"[DON", b"x", b" ", b":", b"\n", b"\r\n", b"\r", b"event: a", b"\xff")
)
STREAMS = st.lists(FRAGMENTS, max_size=12).map(b"".join)
LARGEST_KEPT = 12
"""Bytes of `data: [DONE]`: no more of a line is needed."""


@pytest.mark.parametrize(
    "body", [b"data: x\n", b"data:x\r\n", b": hi\n\nevent: a\rdata: x\r", b"data: [DONE]\ndata: x\n"]
)
def test_a_whole_line_of_data_is_the_first_event(body: bytes) -> None:
    """It may end in any of the three ways to end a line."""
    assert FirstEvent().take(body)


@pytest.mark.parametrize(
    "body", [b"", b"data: x", b": data: x\n", b"data: [DONE]\n\n", b"data:[DONE]\n", b"data:\n", b"mydata: x\n"]
)
def test_other_lines_are_no_event(body: bytes) -> None:
    """A comment is none, nor is the mark of the end, nor a line that has not ended."""
    assert not FirstEvent().take(body)


@given(STREAMS, st.lists(st.integers(0, 80), max_size=8))
def test_it_comes_with_the_piece_that_ends_it(body: bytes, cuts: list[int]) -> None:
    """However the stream is cut into pieces, and never more is kept than tells whether a line has data."""
    watched, come = FirstEvent(), b""
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    for start, end in pairwise(edges):
        come += body[start:end]
        came = watched.take(body[start:end])
        assert came == (WHOLE_LINE_OF_DATA.search(come) is not None)
        assert len(watched.kept) <= LARGEST_KEPT
        if came:
            return


async def test_a_stream_in_small_pieces_costs_as_much_as_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte is looked at once: 64 KiB in pieces of 16 bytes, none of which ends a line."""
    looked_at: list[int] = []

    class Counted(FirstEvent):
        @override
        def take(self, piece: bytes) -> bool:
            looked_at.append(len(self.kept) + len(piece))
            return super().take(piece)

    monkeypatch.setattr("palier.workers.shadow.sender.FirstEvent", Counted)
    pieces = [b": sixteen bytes "] * 4096
    async with AsyncExitStack() as stack:
        arm = Arm(stream(*pieces))
        await serve(arm, stack)
        sender = await stack.enter_async_context(Sender("stable", arm.url, timeout=60.0, most_bytes=2**20))
        reply = await sender.send(Outgoing("GET", "/", CIMultiDict(), b"", ""))

    assert reply.body == b"".join(pieces)
    assert reply.first_event is None
    assert sum(looked_at) <= len(reply.body) + LARGEST_KEPT * len(looked_at)
