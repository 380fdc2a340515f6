"""Reads no more of an answer than there is room for.

What a selector names is up to whoever wrote it, and an answer of two hundred thousand series takes all the memory that
the operator has. So an answer is counted while it comes in, and given up as soon as it is too large. Small answers are
read side by side; of those that are not small one is read at a time.
"""

import threading
from collections.abc import Iterator
from typing import Any, Final

BYTES_OF_A_SERIES: Final = 1024
"""Bytes of an answer for each series that it may have; with ten labels and a few samples it needs about 400."""
SMALL: Final = 1024 * 1024
"""Bytes of an answer that may be read while another one is."""
PATIENCE: Final = 10.0
"""Seconds to wait until another large answer has been read."""
_SERIES: Final = b'"metric":{'


class TooLong(Exception):  # noqa: N818 - as in palier.errors
    """An answer that is larger than allowed.

    Attributes:
        series: series that are allowed, where there were more; 0 where it was the bytes that were too many.
        size: bytes that are allowed, where there were more.
    """

    def __init__(self, *, series: int = 0, size: int = 0) -> None:
        super().__init__(f"more than {series} series" if series else f"more than {size / 2**20:.0f} MiB")
        self.series = series
        self.size = size


class Limits:
    """How large an answer may be, and whose turn it is to read a large one.

    Args:
        series: of one answer.
        size: bytes of one answer, unpacked.
    """

    def __init__(self, series: int, size: int) -> None:
        self.series = series
        self.size = size
        self._one_large = threading.Lock()
        self._mine = threading.local()

    def bound_body(self, raw: Any) -> "_Body":  # noqa: ANN401 - a response of urllib3, or what stands for one
        """The same body, of which no more can be read than allowed."""
        return _Body(raw, self)

    def hold(self) -> None:
        """Wait until no other thread reads or decodes a large answer, and keep others waiting until `release`.

        Raises:
            TimeoutError: the others took too long.
        """
        if not getattr(self._mine, "held", False):
            self._mine.held = self._one_large.acquire(timeout=PATIENCE)
            if not self._mine.held:
                raise TimeoutError("other large answers are being read")

    def release(self) -> None:
        """This thread has decoded its answer."""
        if getattr(self._mine, "held", False):
            self._mine.held = False
            self._one_large.release()


class _Body:
    """The body of a response, as `requests` reads it."""

    def __init__(self, raw: Any, limits: Limits) -> None:  # noqa: ANN401 - see `Limits.bound_body`
        self._raw = raw
        self._limits = limits

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else the response has
        return getattr(self._raw, name)

    def stream(self, amt: int, decode_content: bool | None = None) -> Iterator[bytes]:
        """The parts of the body.

        Raises:
            TooLong: there is more than allowed.
            TimeoutError: other large answers took too long.
        """
        size = series = 0
        end = b""
        for part in self._raw.stream(amt, decode_content=decode_content):
            size += len(part)
            # The end of the part before, in case that the mark of a series lies across the border.
            series += (end + part).count(_SERIES)
            end = (end + part)[-len(_SERIES) + 1 :]
            if size > self._limits.size or series > self._limits.series:
                self._raw.close()
                too_many = series > self._limits.series
                raise TooLong(series=self._limits.series if too_many else 0, size=self._limits.size)
            if size > SMALL:
                self._limits.hold()
            yield part
