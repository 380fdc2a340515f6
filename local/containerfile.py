"""Builds a Dockerfile without Docker and puts the image into the node's store.

The build may use pip as this machine does: its configuration and the certificates it trusts are lent to the build, and
nothing of them stays in the image.
"""

import ast
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from local import build as builder
from local import catalogue, lifecycle, node
from local.debian import need
from local.errors import LocalError
from local.images import SOURCE_LABEL, Store
from local.oci import Image, write_archive
from local.paths import Layout, cache, state
from local.progress import say, step
from local.recipes import run_logged

BASE = f"localhost/python:{catalogue.PYTHON}"
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")  # where Debian's programs look
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
    source = fingerprint(directory, dockerfile, [catalogue.PYTHON_BASE.key(), *(f"{k}={v}" for k, v in chosen.items())])
    store = Store(layout)
    if store.has(name, source):
        say(f"{name} is up to date")
        return name
    with builder.exclusive(cache() / "locks" / "buildah", "another image build"):
        if chosen["BASE"] == BASE:
            _import_base()
        _run_build(directory, dockerfile, name, chosen)
        with step(f"importing {name}"), tempfile.TemporaryDirectory(dir=builder.scratch()) as folder:
            archive = Path(folder, "image.tar")
            # Neither compressed nor in the newer format: both take several times as long.
            _buildah("push", name, f"docker-archive:{archive}:{name}")
            store.add(archive, name, source)
            _buildah("rmi", "--prune")
    return name


def _run_build(directory: Path, dockerfile: Path, name: str, arguments: Mapping[str, str]) -> None:
    log = cache() / "logs" / "image.log"
    log.unlink(missing_ok=True)
    with step(f"building {name}") as current, tempfile.TemporaryDirectory(dir=builder.scratch()) as folder:
        options = [f"--build-arg={key}={value}" for key, value in arguments.items()]
        flags = ["--isolation=chroot", "--layers", "--pull-never", f"--tag={name}", f"--file={dockerfile}"]
        run_logged(_command("bud", *flags, *options, *_lend(Path(folder)), str(directory)), log, current)


def fingerprint(directory: Path, dockerfile: Path, inputs: Sequence[str]) -> str:
    """A hash of everything that an image is made from: the context's files, the Dockerfile, the other inputs."""
    digest = hashlib.sha256("\0".join(inputs).encode())
    digest.update(dockerfile.read_bytes())
    for path in sorted(_context(directory)):
        digest.update(f"\0{path.relative_to(directory)}\0{path.lstat().st_mode}\0".encode())
        digest.update(os.fsencode(path.readlink()) if path.is_symlink() else hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _context(directory: Path) -> Iterator[Path]:
    """The files that a build may see; where in doubt, one too many."""
    ignored: tuple[str, ...] = _NEVER_SENT
    ignore_file = directory / ".dockerignore"
    if ignore_file.exists():
        lines = [line.strip().strip("/") for line in ignore_file.read_text().splitlines()]
        if not any(line.startswith("!") for line in lines):  # exceptions are rare: then everything counts
            ignored += tuple(line.removeprefix("**/") for line in lines if line and not line.startswith("#"))
    for parent, folders, files in os.walk(directory):
        here = Path(parent).relative_to(directory)

        def seen(name: str, here: Path = here) -> bool:
            return not any(fnmatch(name, pattern) or fnmatch(str(here / name), pattern) for pattern in ignored)

        folders[:] = [folder for folder in folders if seen(folder)]
        yield from (Path(parent, file) for file in files if seen(file))
        yield from (path for folder in folders if (path := Path(parent, folder)).is_symlink())


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


def _lend(folder: Path) -> list[str]:
    """Options that let pip in a build reach what it reaches here; nothing of it gets into the image."""
    options = pip_options()
    mounts = []
    authorities = Path(options.pop("cert", "") or os.environ.get("SSL_CERT_FILE", _AUTHORITIES))
    if authorities.is_file():
        mounts.append((authorities.resolve(), _AUTHORITIES))
        options["cert"] = str(_AUTHORITIES)
    links = []
    for link in options.pop("find-links", "").split():
        if "://" in link:
            links.append(link)
        elif Path(link).is_dir() and any(Path(link).iterdir()):
            mounts.append((Path(link), Path(link)))
            links.append(link)
    if links:
        options["find-links"] = " ".join(links)
    configuration = folder / "pip.conf"
    lines = [f"{name} = {value}".replace("\n", "\n    ") for name, value in sorted(options.items())]
    configuration.write_text("\n".join(["[global]", *lines, ""]))
    mounts.append((configuration, Path("/etc/pip.conf")))
    return [f"--volume={here}:{there}:ro" for here, there in mounts]


def pip_options() -> dict[str, str]:
    """How pip is configured here, by files and environment."""
    done = subprocess.run([sys.executable, "-m", "pip", "config", "list"], check=False, capture_output=True, text=True)
    return parse_pip_options(done.stdout)


def parse_pip_options(listing: str) -> dict[str, str]:
    """Reads what ``pip config list`` prints; the environment wins over files, as it does for pip."""
    found: dict[str, str] = {}
    for prefix in ("global.", "install.", ":env:."):
        for line in listing.splitlines():
            name, equals, value = line.partition("=")
            if equals and name.startswith(prefix):
                found[name.removeprefix(prefix)] = str(ast.literal_eval(value))
    return found


def _buildah(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(_command(*arguments), check=False, capture_output=True, text=True)
    if check and done.returncode:
        raise LocalError(f"buildah {arguments[0]} failed:\n{(done.stdout + done.stderr).strip()[-3000:]}")
    return done.stdout


def _command(*arguments: str) -> list[str]:
    """A command line of buildah's, with stores of our own."""
    folder = cache() / "buildah"
    return [str(need("buildah")), f"--root={folder / 'root'}", f"--runroot={folder / 'run'}", *arguments]
