"""Files that commands read line by line, and those in which they leave what they have found.

Whether a file can be read or written is found out before anything is asked: an examination may take an hour.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from palier.errors import InvalidCorpus, InvalidSettings

Plan = TypeVar("Plan")


def lines_of(path: Path, *, option: str) -> Iterator[str]:
    """The lines of a file, read one by one.

    Raises:
        InvalidSettings: the file cannot be read.
        InvalidCorpus: a line is not UTF-8.
    """
    number = 1
    try:
        for number, line in enumerate(decode_lines(path), start=2):  # noqa: B007 - the line that comes next
            yield line
    except UnicodeDecodeError:
        raise InvalidCorpus(f"line {number}: the text is not UTF-8") from None
    except OSError as error:
        raise _refuse_reading(path, option, error) from error


def decode_lines(path: Path) -> Iterator[str]:
    """The lines of a file, each decoded by itself, so that a fault belongs to its line.

    Raises:
        OSError, UnicodeDecodeError: as of a text file.
    """
    mark = b"\xef\xbb\xbf"
    with path.open("rb") as file:
        for line in file:
            text = line.removeprefix(mark).decode()
            mark = b""
            yield f"{text[:-2]}\n" if text.endswith("\r\n") else text


def read_text(path: Path, *, option: str, encoding: str = "utf-8") -> str:
    """The text of a file.

    Raises:
        InvalidSettings: it cannot be read.
    """
    try:
        return path.read_text(encoding=encoding)
    except OSError as error:
        raise _refuse_reading(path, option, error) from error
    except UnicodeDecodeError as error:
        raise InvalidSettings(f"--{option}: {path} is not UTF-8") from error


def read_plan(path: Path, read: Callable[[str], Plan], *, encoding: str = "utf-8") -> Plan:
    """The plan that the operator has written into the file of `--plan`.

    Raises:
        InvalidSettings: the file cannot be read, or has no such plan.
    """
    text = read_text(path, option="plan", encoding=encoding)
    try:
        return read(text)
    except json.JSONDecodeError as error:
        raise InvalidSettings(f"--plan: {path} is not JSON: {error}") from error
    except ValueError as error:
        raise InvalidSettings(f"--plan: {path}: {error}") from error


def check_readable(path: Path, *, option: str) -> None:
    """Refuse a file that cannot be read.

    Raises:
        InvalidSettings: it cannot.
    """
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise _refuse_reading(path, option, error) from error


def check_writable(path: Path, *, option: str) -> None:
    """Refuse a file that could not be written in the end; what is there stays as it is.

    Raises:
        InvalidSettings: it cannot.
    """
    exists = path.exists()
    if exists and not (path.is_file() or path.is_dir()):
        return  # of a pipe, whoever reads it would take the attempt for all
    try:
        with path.open("ab"):
            pass
        if not exists:
            path.unlink()
    except OSError as error:
        raise refuse_writing(path, option, error) from error


def leave(path: Path | str, text: str, *, option: str) -> None:
    """Write a file.

    Raises:
        InvalidSettings: it cannot be written.
    """
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise refuse_writing(path, option, error) from error


def _refuse_reading(path: Path, option: str, error: OSError) -> InvalidSettings:
    return InvalidSettings(f"--{option}: cannot read {path}: {error.strerror or error}")


def refuse_writing(path: Path | str, option: str, error: OSError) -> InvalidSettings:
    """The mistake that a file cannot be written, in words."""
    return InvalidSettings(f"--{option}: cannot write {path}: {error.strerror or error}")
