"""The files that `palier drift` reads: rows as CSV or as JSON lines, or a saved profile.

A row that cannot be read is counted and told with its line, never dropped in silence: a thousand of them may be the
drift that is looked for.
"""

import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from palier.cli.texts import shown_name
from palier.errors import InvalidCorpus, InvalidSettings
from palier.watch.features.counting import Cell
from palier.watch.features.profile import Profile, is_profile, read_profile
from palier.watch.features.rows import Row, profile_rows

MOST_COLUMNS: Final = 2000
"""More are no features: a program has written its data as names."""
_LARGEST_PROFILE: Final = 2**26
"""Characters of a profile that was written in many lines: so much is read to see whether it is one."""
_SEPARATORS: Final = ",;\t|"
_SHOWN: Final = 3


@dataclass(slots=True)
class BadRows:
    """The rows of a file that could not be read."""

    number: int = 0
    examples: list[str] = field(default_factory=list)
    """The first of them, each with its line and what is wrong."""

    def add(self, line: int, message: str) -> None:
        """Count one more."""
        self.number += 1
        if len(self.examples) < _SHOWN:
            self.examples.append(f"line {line}: {message}")

    def describe(self) -> str:
        """All of them in one sentence without its full stop."""
        rows = "1 row cannot be read and is" if self.number == 1 else f"{self.number} rows cannot be read and are"
        return f"{rows} left out: {'; '.join(self.examples)}{'; ...' if self.number > len(self.examples) else ''}"


@dataclass(frozen=True, slots=True)
class Window:
    """A file that was read."""

    name: str
    profile: Profile
    bad: BadRows


def read_window(path: str, *, by: str = "", like: Profile | None = None) -> Window:
    """Read a file; `-` is the standard input.

    Args:
        path: of rows, or of a profile.
        by: a column that groups are told apart by.
        like: the reference, as which it is read.

    Raises:
        InvalidSettings: it cannot be read, or has no such groups.
        InvalidCorpus: it holds nothing to compare.
    """
    name = shown_name(path)
    with _open(path) as file:
        try:
            start = _find_start(file)
            if start.startswith("["):
                raise InvalidCorpus(f"{name} is a JSON array: write one object a line, as jq -c '.[]' does")
            is_json = start.startswith("{")
            if is_json and (text := _find_profile(file)):
                return _read_saved(name, text, by)
            bad = BadRows()
            rows = _read_json_lines(file, bad) if is_json else _read_csv(file, bad)
            profile = profile_rows(rows, by=by, like=like)
        except OSError as error:
            raise InvalidSettings(f"cannot read {name}: {error.strerror or error}") from error
        except ValueError as error:
            raise InvalidSettings(f"{name}: {error}") from error
    if not profile.rows:
        why = f": {bad.describe()}" if bad.number else ""
        raise InvalidCorpus(f"{name} has no row that can be read{why}")
    if not profile.features:
        raise InvalidCorpus(f"{name} has no column")
    return Window(name, profile, bad)


def _open(path: str) -> IO[str]:
    """A text that can be read again from its beginning; bytes that are no UTF-8 are kept, to be found in their rows."""
    try:
        data = io.BytesIO(sys.stdin.buffer.read()) if path == "-" else Path(path).open("rb")  # noqa: SIM115
    except OSError as error:
        raise InvalidSettings(f"cannot read {shown_name(path)}: {error.strerror or error}") from error
    except ValueError as error:  # a name that no file can have
        raise InvalidSettings(f"cannot read {path!r}: {error}") from error
    return io.TextIOWrapper(data, encoding="utf-8-sig", errors="surrogateescape", newline="")


def _find_start(file: IO[str]) -> str:
    """The first line that holds anything, of which only the beginning matters; the file is at its beginning again."""
    start = next((line for line in file if line.strip()), "")
    file.seek(0)
    return start.lstrip()


def _find_profile(file: IO[str]) -> str | None:
    """The text of a saved profile, in one line or in many; None, and the file at its beginning, if it holds rows."""
    text = next((line for line in file if line.strip()), "")
    if _parse(text) is None:
        text += file.read(_LARGEST_PROFILE)
    found = is_profile(_parse(text))
    file.seek(0)
    return text if found else None


def _parse(text: str) -> Any:  # noqa: ANN401 - any JSON
    """The JSON value that a text is; None for none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _read_saved(name: str, text: str, by: str) -> Window:
    profile = read_profile(text)
    if by and by != profile.by:
        groups = f"by {profile.by}" if profile.by else "not at all"
        raise InvalidSettings(f"{name} tells groups apart {groups}: write it again with --by {by}")
    if not (profile.rows and profile.features):
        raise InvalidCorpus(f"{name} is the profile of nothing")
    return Window(name, profile, BadRows())


def _read_csv(file: IO[str], bad: BadRows) -> Iterator[Row]:
    """The rows below the header.

    Raises:
        ValueError: two columns have one name, or there are too many.
    """
    separator = _find_separator(next((line for line in file if line.strip()), ""))
    file.seek(0)
    lines = csv.reader(file, delimiter=separator, strict=True)
    names: list[str] | None = None
    while True:
        first = lines.line_num + 1
        try:
            cells = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            bad.add(first, str(error))
            continue
        if not any(cell.strip() for cell in cells) and len(cells) <= 1:
            continue  # an empty line is no row
        if names is None:
            names = _read_header(cells)
        elif len(cells) != len(names):
            bad.add(first, f"{len(cells)} cells instead of {len(names)}")
        elif any(map(_is_no_text, cells)):
            bad.add(first, "it is not UTF-8")
        else:
            yield dict(zip(names, cells, strict=True))


def _find_separator(header: str) -> str:
    """What stands between the names of the header most often; a comma where nothing does."""
    return max(_SEPARATORS, key=header.count)


def _read_header(cells: list[str]) -> list[str]:
    names = [cell.strip() or f"(column {place})" for place, cell in enumerate(cells, start=1)]
    twice = [name for name, number in Counter(names).items() if number > 1]
    if twice:
        raise ValueError(f"two columns are called {twice[0]!r}")
    if any(map(_is_no_text, names)):
        raise ValueError("the header is not UTF-8")
    _check_columns(len(names))
    return names


def _read_json_lines(file: IO[str], bad: BadRows) -> Iterator[Row]:
    """The objects, one a line; a value that is a list or an object is a text.

    Raises:
        ValueError: there are too many columns.
    """
    names: set[str] = set()
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        if _is_no_text(line):
            bad.add(number, "it is not UTF-8")
            continue
        row = _parse(line)
        if not isinstance(row, dict):
            bad.add(number, "it is no JSON object")
            continue
        names.update(row)
        _check_columns(len(names))
        yield {name: _flatten(value) for name, value in row.items()}


def _flatten(value: Any) -> Cell:  # noqa: ANN401 - any JSON
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _check_columns(number: int) -> None:
    if number > MOST_COLUMNS:
        raise ValueError(f"it has more than {MOST_COLUMNS} columns")


def _is_no_text(text: str) -> bool:
    """Whether some bytes of it were no UTF-8."""
    return any("\udc80" <= letter <= "\udcff" for letter in text) if not text.isascii() else False
