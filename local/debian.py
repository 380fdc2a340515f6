"""Finds the few programs that come from the operating system, and installs missing ones on Debian and its like."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from local.errors import LocalError
from local.progress import step

# Program → the Debian package that has it.
PACKAGES = {
    "bridge": "containernetworking-plugins",
    "buildah": "buildah",
    "ip": "iproute2",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "openssl": "openssl",
    "runc": "runc",
}
_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"
_CNI_FOLDERS = ("/usr/lib/cni", "/opt/cni/bin")


def find(program: str) -> Path | None:
    """Where a program is, or None; an ordinary user's PATH lacks the administrator's folders, so they are added."""
    if program == "bridge":  # also the name of a program of iproute2
        return next((Path(folder, program) for folder in _CNI_FOLDERS if Path(folder, program).exists()), None)
    path = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:{_FOLDERS}")
    return Path(path) if path else None


def need(program: str) -> Path:
    """Where a program is; an error if it is missing."""
    if path := find(program):
        return path
    raise LocalError(f"{program} is missing: install it (Debian's package is {PACKAGES.get(program, program)})")


def ensure(programs: Iterable[str]) -> None:
    """Installs the packages of the programs that are missing, as root on Debian; elsewhere says what to install."""
    missing = sorted({PACKAGES[program] for program in programs if find(program) is None})
    if not missing:
        return
    if os.getuid() or shutil.which("apt-get") is None:
        raise LocalError(f"these Debian packages (or your distribution's) are missing: {' '.join(missing)}")
    with step(f"installing Debian packages: {' '.join(missing)}"):
        _apt("update")
        _apt("install", "--yes", "--no-install-recommends", *missing)


def _apt(*arguments: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(["apt-get", *arguments], check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise LocalError(f"apt-get {arguments[0]} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
