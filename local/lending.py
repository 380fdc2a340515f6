"""What an image build may use of this machine: how pip and Go are set up here, Go itself, and trusted certificates.

All of it is mounted while a build runs, so nothing of it stays in the image. A build on a machine that only reaches a
mirror, or that has no image of Go, then works as everything else here does.
"""

import ast
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError

_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")  # where Debian's programs look
_LENT_GO = Path("/usr/local/bin/go")
_LENT_NETRC = Path("/etc/netrc.lent")  # in the build; this machine's own is wherever it is
# What decides where Go gets modules from, whom it trusts, and which Go it is.
_GO_SETTINGS = (
    *("GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB", "GOINSECURE", "GOVCS", "GOAUTH"),
    *("GOFLAGS", "GOTOOLCHAIN", "GOROOT", "GOMODCACHE", "GOCACHE"),
)


@dataclass(frozen=True)
class Mount:
    """A file or folder of this machine, and where a build sees it."""

    here: Path
    there: Path
    writable: bool = False

    @property
    def option(self) -> str:
        """The option of buildah's for it."""
        return f"--volume={self.here}:{self.there}:{'rw' if self.writable else 'ro'}"


def lend_pip(folder: Path) -> list[Mount]:
    """What lets pip in a build reach what it reaches here; the folder holds files while the build runs."""
    options = pip_options()
    mounts = []
    authorities = Path(options.pop("cert", "") or os.environ.get("SSL_CERT_FILE", _AUTHORITIES))
    if authorities.is_file():
        mounts.append(Mount(authorities.resolve(), _AUTHORITIES))
        options["cert"] = str(_AUTHORITIES)
    links = []
    for link in options.pop("find-links", "").split():
        if "://" in link:
            links.append(link)
        elif Path(link).is_dir() and any(Path(link).iterdir()):
            mounts.append(Mount(Path(link), Path(link)))
            links.append(link)
    if links:
        options["find-links"] = " ".join(links)
    configuration = folder / "pip.conf"
    lines = [f"{name} = {value}".replace("\n", "\n    ") for name, value in sorted(options.items())]
    configuration.write_text("\n".join(["[global]", *lines, ""]))
    return [*mounts, Mount(configuration, Path("/etc/pip.conf"))]


def pip_options() -> dict[str, str]:
    """How pip is configured here, by files and environment."""
    done = subprocess.run([sys.executable, "-m", "pip", "config", "list"], check=False, capture_output=True, text=True)
    return parse_pip_options(done.stdout)


def parse_pip_options(listing: str) -> dict[str, str]:
    """Reads what ``pip config list`` prints; the environment wins over files, as it does for pip."""
    options: dict[str, str] = {}
    for prefix in ("global.", "install.", ":env:."):
        for line in listing.splitlines():
            name, equals, value = line.partition("=")
            if equals and name.startswith(prefix):
                options[name.removeprefix(prefix)] = str(ast.literal_eval(value))
    return options


def go_settings() -> dict[str, str]:
    """How Go is set up here; an error when there is none."""
    if shutil.which("go") is None:
        raise LocalError("go is missing: this image has a part in Go; install Go (https://go.dev/dl) and run it again")
    command = ["go", "env", "-json", *_GO_SETTINGS]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise LocalError(f"go env failed: {done.stderr.strip()}")
    return {name: str(value) for name, value in json.loads(done.stdout).items()}


def lend_go(folder: Path, settings: Mapping[str, str]) -> list[Mount]:
    """Go of this machine, for a build that has none: it is called `go` there, and set up and cached as here."""
    root = Path(settings["GOROOT"])
    caches = [Path(settings[name]) for name in ("GOMODCACHE", "GOCACHE")]
    for cache in caches:
        cache.mkdir(parents=True, exist_ok=True)
    script = folder / "go"
    netrc = Path(os.environ.get("NETRC", Path.home() / ".netrc"))
    exports = [f"export {name}={shlex.quote(settings[name])}" for name in _GO_SETTINGS]
    exports.append(f"export NETRC={_LENT_NETRC}")
    # GOENV: all that this machine's file says is in the exports.
    script.write_text(
        "\n".join(["#!/bin/sh", "export GOENV=off", *exports, f'exec {shlex.quote(str(root / "bin" / "go"))} "$@"', ""])
    )
    script.chmod(0o755)
    mounts = [Mount(path, path) for path in (root, *_linked(root))]
    mounts += [Mount(path, path, writable=True) for path in caches]
    if netrc.is_file():
        mounts.append(Mount(netrc, _LENT_NETRC))
    return [*mounts, Mount(script, _LENT_GO)]


def _linked(root: Path) -> Iterator[Path]:
    """Folders outside that a Go of Debian's has links to: its sources are in /usr/share."""
    for path in (*root.iterdir(), *(root / "pkg").glob("*")):
        if path.is_symlink() and path.is_dir() and not path.resolve().is_relative_to(root):
            yield path.resolve()
