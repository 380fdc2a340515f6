"""The last line of defence against odd values: an overlooked fault is reported to the author, and stops nobody else.

Every rule that names the field and says what is allowed comes before. But somebody will store a value that nobody has
thought of. Then the object reads `InvalidSpec` and rests instead of raising the same error at every look for ever.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from palier.errors import InvalidSpec

ODD = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What Python raises over a value that is not what a line expects; nothing that comes from outside is among them."""
LONGEST_WORDS = 200
"""Characters of an error that are quoted."""


@contextmanager
def blame(field: str) -> Iterator[None]:
    """Report what fails inside as the fault of a field.

    Raises:
        InvalidSpec: something inside failed over an odd value; the original error is its cause.
    """
    try:
        yield
    except ODD as error:
        raise InvalidSpec(field, f"Palier cannot work with it ({_words(error)})") from error


def _words(error: BaseException) -> str:
    """Kind and place of an error and the beginning of its text, in one printable line."""
    text = " ".join(str(error).split())[:LONGEST_WORDS]
    printable = text if text.isprintable() else ascii(text)[1:-1]
    last = next(iter(traceback.extract_tb(error.__traceback__, limit=-1)), None)
    place = f" at {Path(last.filename).name}:{last.lineno}" if last else ""
    return f"{type(error).__name__}{place}{': ' if printable else ''}{printable}"
