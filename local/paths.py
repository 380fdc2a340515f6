"""Where everything lives, decided in one place: what may be kept between runs, and what a cluster throws away.

Nothing is ever written into the checkout. The environment is read at each call, so that tests can set it.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError

# A Unix socket's path has at most 107 bytes, and containerd names those of its shims by 64 digits.
_LONGEST_SOCKET = len("/s/") + 64
_SOCKET_LIMIT = 107


def checkout() -> Path:
    """The folder that holds this package: the root of the checkout."""
    return Path(__file__).resolve().parent.parent


def resource(*names: str) -> Path:
    """A file or folder that is part of this package."""
    return Path(__file__).resolve().parent.joinpath(*names)


def cache() -> Path:
    """What is worth keeping: binaries, the image stores, build logs."""
    if chosen := os.environ.get("PALIER_CACHE"):
        return Path(chosen).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "palier"


def state() -> Path:
    """What belongs to the running cluster and goes with it; short, because sockets live below it."""
    if chosen := os.environ.get("PALIER_STATE"):
        path = Path(chosen).absolute()
    elif os.getuid() == 0:
        path = Path("/tmp/palier-local")  # noqa: S108 (Layout.make checks who owns it)
    else:
        path = Path(f"/tmp/palier-local-{os.getuid()}")  # noqa: S108 (the same)
    if len(os.fsencode(path)) + _LONGEST_SOCKET > _SOCKET_LIMIT:
        raise LocalError(f"{path} is too long for the sockets below it: set PALIER_STATE to a shorter path")
    return path


@dataclass(frozen=True)
class Layout:
    """The folders of one cluster's (or one control plane's) state."""

    root: Path

    @property
    def pki(self) -> Path:
        """Keys, certificates and the kubeconfigs of the cluster's own parts."""
        return self.root / "pki"

    @property
    def config(self) -> Path:
        """Configuration files that were rendered for this cluster."""
        return self.root / "config"

    @property
    def logs(self) -> Path:
        """One log for each part, and the API server's audit log."""
        return self.root / "logs"

    @property
    def pids(self) -> Path:
        """One file for each process that was started."""
        return self.root / "pids"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.root / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        """One JSON line for each request that the API server has answered."""
        return self.logs / "audit.log"

    @property
    def containerd_socket(self) -> Path:
        """Where the container runtime listens."""
        return self.root / "containerd" / "containerd.sock"

    def claimed(self) -> bool:
        """Whether the folder was made by this program: only then may it be deleted."""
        return self._mark.exists()

    def make(self) -> None:
        """Makes the folders, which only we can enter; refuses one that was there before and is not empty."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = self.root.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            raise LocalError(f"{self.root} is not a folder of yours: remove it, or choose another (PALIER_STATE)")
        if not self.claimed() and any(self.root.iterdir()):
            raise LocalError(f"{self.root} has other files in it: choose an empty or a new folder (PALIER_STATE)")
        self.root.chmod(0o700)
        self._mark.touch()
        for folder in (self.pki, self.config, self.logs, self.pids):
            folder.mkdir(exist_ok=True)

    @property
    def _mark(self) -> Path:
        return self.root / ".palier-local"
