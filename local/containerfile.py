"""Builds a Dockerfile without Docker and puts the image into the node's store.

The build may use pip and Go as this machine does (see `lending`), and nothing of them stays in the image.
"""

import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from local import build as builder
from local import catalogue, lending, lifecycle, node
from local.debian import need
from local.errors import LocalError
from local.images import SOURCE_LABEL, Store
from local.oci import Image, write_archive
from local.paths import Layout, cache, state
from local.progress import say, step
from local.recipes import run_logged

BASE = f"localhost/python:{catalogue.PYTHON}"
_NEVER_SENT = (".git", ".venv", "__pycache__", "*.pyc")


def build(directory: Path, tag: str, file: Path | None, arguments: Mapping[str, str]) -> str:
    """Builds and imports an image, unless it is in the store already from the same files; returns its full name."""
    lifecycle.refuse_with_foreign_cluster("image")
    if os.getuid():
        raise LocalError("only root can build images")
    layout = Layout(state())
    node.require(layout)
    builder.ensure([catalogue.CONTAINERD, catalogue.PYTHON_BASE])
    dockerfile = file or directory / "Dockerfile"
    if not dockerfile.is_file():
        raise LocalError(f"there is no {dockerfile}")
    name = tag if tag.startswith("localhost/") else f"localhost/{tag}"
    chosen = {"BASE": BASE} | dict(arguments)
    go: dict[str, str] = {}
    if uses_go(dockerfile) and "GO_BASE" not in arguments:
        go = lending.go_settings()
        chosen["GO_BASE"] = BASE  # any image will do: Go itself is lent
    source = fingerprint(directory, dockerfile, [catalogue.PYTHON_BASE.key(), *(f"{k}={v}" for k, v in chosen.items())])
    store = Store(layout)
    if store.has(name, source):
        say(f"{name} is up to date")
        return name
    with builder.exclusive(cache() / "locks" / "buildah", "another image build"):
        _buildah("rm", "--all")  # what a failed or killed build has left keeps its images from being pruned
        if BASE in chosen.values():
            _import_base()
        _run_build(directory, dockerfile, name, arguments=chosen, go=go)
        with step(f"importing {name}"), tempfile.TemporaryDirectory(dir=builder.scratch()) as folder:
            archive = Path(folder, "image.tar")
            # Neither compressed nor in the newer format: both take several times as long.
            _buildah("push", name, f"docker-archive:{archive}:{name}")
            store.add(archive, name, source)
            _buildah("rmi", "--prune")
    return name


def uses_go(dockerfile: Path) -> bool:
    """Whether a part of the image is built with Go."""
    return re.search(r"^ARG GO_BASE\b", dockerfile.read_text(), re.MULTILINE) is not None


def _run_build(
    directory: Path, dockerfile: Path, name: str, *, arguments: Mapping[str, str], go: Mapping[str, str]
) -> None:
    log = cache() / "logs" / "image.log"
    log.unlink(missing_ok=True)
    with step(f"building {name}") as current, tempfile.TemporaryDirectory(dir=builder.scratch()) as folder:
        options = [f"--build-arg={key}={value}" for key, value in arguments.items()]
        flags = ["--isolation=chroot", "--layers", "--pull-never", f"--tag={name}", f"--file={dockerfile}"]
        mounts = lending.lend_pip(Path(folder)) + (lending.lend_go(Path(folder), go) if go else [])
        lent = [mount.option for mount in mounts]
        run_logged(_command("bud", *flags, *options, *lent, str(directory)), log, current)


def fingerprint(directory: Path, dockerfile: Path, inputs: Sequence[str]) -> str:
    """A hash of everything that an image is made from: the context's files, the Dockerfile, the other inputs."""
    digest = hashlib.sha256("\0".join(inputs).encode())
    digest.update(dockerfile.read_bytes())
    for path in sorted(_context(directory)):
        digest.update(f"\0{path.relative_to(directory)}\0{path.lstat().st_mode}\0".encode())
        digest.update(os.fsencode(path.readlink()) if path.is_symlink() else hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _context(directory: Path) -> Iterator[Path]:
    """The files that a build may see: as .dockerignore says, the last line that matches decides."""
    ignore_file = directory / ".dockerignore"
    lines = ignore_file.read_text().splitlines() if ignore_file.exists() else []
    patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    rules = [(pattern.removeprefix("!").strip("/").split("/"), not pattern.startswith("!")) for pattern in patterns]
    for parent, folders, files in os.walk(directory):
        folder = Path(parent).relative_to(directory)
        folders[:] = [name for name in folders if not _never_sent(name)]
        paths = [folder / name for name in files if not _never_sent(name)]
        paths += [folder / name for name in folders if Path(parent, name).is_symlink()]
        yield from (directory / path for path in paths if not _is_ignored(path, rules))


def _never_sent(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in _NEVER_SENT)


def _is_ignored(path: Path, rules: Sequence[tuple[Sequence[str], bool]]) -> bool:
    """What the last rule says whose pattern names the path, or a folder that it is in."""
    places = [place.parts for place in (path, *path.parents)]
    answers = [ignored for pattern, ignored in rules if any(_matches(pattern, place) for place in places)]
    return bool(answers) and answers[-1]


def _matches(pattern: Sequence[str], place: Sequence[str]) -> bool:
    if not pattern:
        return not place
    if pattern[0] == "**":
        return any(_matches(pattern[1:], place[start:]) for start in range(len(place) + 1))
    return bool(place) and fnmatch(place[0], pattern[0]) and _matches(pattern[1:], place[1:])


def _import_base() -> None:
    part = catalogue.PYTHON_BASE
    inspect = ("inspect", "--type=image", f'--format={{{{index .OCIv1.Config.Labels "{SOURCE_LABEL}"}}}}', BASE)
    if _buildah(*inspect, check=False).strip() == part.key():
        return
    with step(f"importing {BASE}"), tempfile.TemporaryDirectory(dir=builder.scratch()) as folder:
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        image = Image(BASE, (), {"PATH": path, "LANG": "C.UTF-8"}, {SOURCE_LABEL: part.key()})
        archive = Path(folder, "base.tar")
        write_archive(archive, image, part.file("rootfs.tar"))
        _buildah("pull", f"oci-archive:{archive}")


def _buildah(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(_command(*arguments), check=False, capture_output=True, text=True)
    if check and done.returncode:
        raise LocalError(f"buildah {arguments[0]} failed:\n{(done.stdout + done.stderr).strip()[-3000:]}")
    return done.stdout


def _command(*arguments: str) -> list[str]:
    """A command line of buildah's, with stores of our own."""
    folder = cache() / "buildah"
    return [str(need("buildah")), f"--root={folder / 'root'}", f"--runroot={folder / 'run'}", *arguments]
