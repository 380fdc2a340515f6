"""Files that commands read line by line, and those in which they leave what they have found."""

import os
from pathlib import Path

import pytest

from palier.cli.files import check_writable, lines_of
from palier.errors import InvalidCorpus, InvalidSettings


def test_lines_are_decoded_one_by_one(tmp_path: Path) -> None:
    """A fault belongs to its own line, however much of the file was read at once; a mark at the beginning is none."""
    file = tmp_path / "file"
    file.write_bytes(b"\xef\xbb\xbfone\r\ntw\xc3\xb6\n\n" + b"x" * 20_000 + b"\n\xff\n")
    read = []

    with pytest.raises(InvalidCorpus, match=r"^line 5: the text is not UTF-8$"):
        read.extend(lines_of(file, option="corpus"))

    read = []
    for line in lines_of(file, option="corpus"):
        read.append(line)
        if len(read) == 4:
            break
    assert read == ["one\n", "twö\n", "\n", "x" * 20_000 + "\n"]


def test_an_attempt_to_write_leaves_everything_as_it_is(tmp_path: Path) -> None:
    """No empty file, no shorter one."""
    there = tmp_path / "there"
    there.write_text("earlier")

    check_writable(there, option="result")
    check_writable(tmp_path / "new", option="result")

    assert there.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [there]


def test_a_pipe_is_left_alone(tmp_path: Path) -> None:
    """Whoever reads it would take the attempt for all, and without a reader it would wait for ever."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    check_writable(pipe, option="result")
    check_writable(Path(os.devnull), option="result")


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    """It is refused with the option."""
    tmp_path.joinpath("there").write_text("")

    with pytest.raises(InvalidSettings, match=r"--result: cannot write .*/there/result: Not a directory"):
        check_writable(tmp_path / "there" / "result", option="result")
