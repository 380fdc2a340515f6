"""The command line of the programs that keep generated files up to date: print, write, or check."""

import argparse
import difflib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def main(files: Mapping[str, str], *, program: str, folder: str, arguments: Sequence[str] | None = None) -> int:
    """Print, write or check generated files.

    Args:
        files: text by file name.
        program: the command as people type it.
        folder: where the files live unless the command line says otherwise.
        arguments: the command line; the process's own when None.

    Returns:
        The exit status: 1 when `--check` found a file that differs from what would be written.
    """
    parser = argparse.ArgumentParser(prog=program, description=f"Generate {', '.join(files)}.")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--write", nargs="?", const=folder, metavar="FOLDER", help=f"write the files (to {folder})")
    action.add_argument("--check", nargs="?", const=folder, metavar="FOLDER", help="fail when a file is out of date")
    options = parser.parse_args(arguments)
    if options.check is not None:
        return _check(files, Path(options.check), program=program)
    if options.write is not None:
        _write(files, Path(options.write))
    else:
        sys.stdout.writelines(files.values())
    return 0


def _write(files: Mapping[str, str], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def _check(files: Mapping[str, str], folder: Path, *, program: str) -> int:
    status = 0
    for name, text in files.items():
        path = folder / name
        present = path.read_text(encoding="utf-8") if path.exists() else ""
        if present != text:
            status = 1
            sys.stdout.writelines(
                difflib.unified_diff(
                    present.splitlines(keepends=True), text.splitlines(keepends=True), str(path), f"{program} --write"
                )
            )
    return status
