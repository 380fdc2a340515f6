"""Brings images into the node's store, which is kept between runs so that each is imported once.

There is no registry. An image's name starts with ``localhost/``, and pods use it with ``imagePullPolicy: Never`` (or
``IfNotPresent``). Each image in the store carries a label that says what it was made from; that is how a later run
knows that it is still right.
"""

import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local import catalogue
from local.build import scratch
from local.errors import LocalError
from local.oci import Image, write_archive, write_layer
from local.parts import Part
from local.paths import Layout, cache
from local.progress import step

SOURCE_LABEL = "palier.dev/source"
_FORMAT = 1  # to be raised when the images below change other than by their parts


@dataclass(frozen=True)
class Program:
    """An image of one program, made from a part.

    Args:
        part: has the program.
        program: its name.
        libraries: whether it needs the C library, which is taken from this machine.
    """

    part: Part
    program: str
    libraries: bool = False

    @property
    def name(self) -> str:
        """The image's name."""
        return f"localhost/{self.part.name}:{self.part.version}"

    @property
    def source(self) -> str:
        """What it is made from."""
        return f"{self.part.key()}-{_FORMAT}"

    def write(self, target: Path) -> None:
        """Writes an archive of it."""
        binary = self.part.file(self.program)
        files = {f"usr/local/bin/{self.program}": binary}
        if self.libraries:
            files |= _libraries(binary)
        image = Image(self.name, (f"/usr/local/bin/{self.program}",), {"PATH": "/usr/local/bin"})
        layer = target.with_suffix(".layer")
        write_layer(layer, files, {"tmp": 0o1777})
        write_archive(target, image, layer)
        layer.unlink()


PAUSE = Program(catalogue.PAUSE, "pause")
GATEWAY = Program(catalogue.GATEWAY, "envoy-gateway")
PROXY = Program(catalogue.PROXY, "envoy", libraries=True)
METRICS = Program(catalogue.METRICS, "prometheus")


class Store:
    """The node's image store, as long as the container runtime runs."""

    def __init__(self, layout: Layout) -> None:
        self._socket = layout.containerd_socket

    @staticmethod
    def folder() -> Path:
        """Where it is kept."""
        return cache() / "containerd"

    def answers(self) -> bool:
        """Whether the container runtime answers."""
        return not self._ctr("version").returncode

    def has(self, name: str, source: str) -> bool:
        """Whether the image is there, made from this very source."""
        done = self._ctr("images", "list", "--quiet", f'name=={name},labels."{SOURCE_LABEL}"=={source}')
        return name in done.stdout.split()

    def add(self, archive: Path, name: str, source: str) -> None:
        """Imports an image in place of an earlier one of the same name."""
        for arguments in (("import", "--local", str(archive)), ("label", name, f"{SOURCE_LABEL}={source}")):
            done = self._ctr("images", *arguments)
            if done.returncode:
                raise LocalError(f"ctr images {arguments[0]} of {name} failed: {done.stderr.strip()}")

    def add_programs(self, *programs: Program) -> None:
        """Imports those of the images that are not there."""
        for program in programs:
            if not self.has(program.name, program.source):
                with step(f"importing {program.name}"), tempfile.TemporaryDirectory(dir=scratch()) as folder:
                    archive = Path(folder, "image.tar")
                    program.write(archive)
                    self.add(archive, program.name, program.source)

    def _ctr(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [
            str(catalogue.CONTAINERD.file("ctr")),
            "--address",
            str(self._socket),
            "--namespace",
            "k8s.io",
            *arguments,
        ]
        return subprocess.run(command, check=False, capture_output=True, text=True)


def _libraries(binary: Path) -> Mapping[str, Path]:
    """The shared libraries of a program, by their path in the image: the same as here."""
    done = subprocess.run(["ldd", binary], check=True, capture_output=True, text=True)
    words = {word for line in done.stdout.splitlines() for word in line.split() if word.startswith("/")}
    return {word.lstrip("/"): Path(word).resolve() for word in words if word != str(binary)}
