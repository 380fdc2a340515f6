"""Takes a cluster away so that the machine is as before, also after a crash, and checks that it is.

The order matters. Only the container runtime can take pods apart without leaving namespaces, mounts and interfaces
behind, so it goes after the pods; if it has died, it is started again for that purpose. The state folder goes last:
until then, another run can finish what this one could not.
"""

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from local import control_plane, network, node, plan
from local.components import Components
from local.errors import LocalError
from local.images import Store
from local.paths import Layout, cache
from local.plan import Plan
from local.processes import Daemon, left_over
from local.progress import say, step

_PODS = "kubepods"
_LOG_LINKS = Path("/var/log/containers")
# Folders that kubelet and the network plugins make, wherever they are told to keep their files; inner ones first.
_HARD_CODED = (
    *(Path("/var/lib/kubelet/device-plugins"), Path("/var/lib/kubelet")),
    *(Path("/var/lib/cni/results"), Path("/var/lib/cni"), _LOG_LINKS),
)


def down(layout: Layout) -> None:
    """Takes the cluster away and reports what was checked; an error if something is left."""
    planned = plan.load(layout)
    if layout.claimed():
        if planned is not None and planned.node:
            _down_node(layout, planned)
        with step("stopping the control plane"):
            control_plane.stop(layout)
        with step("removing the state"):
            _remove_system_files(layout)
            _unmount(layout)
            _remove(layout)
    _verify(layout, kernel=planned is None or planned.node)


def purge(layout: Layout, planned: Plan) -> None:
    """Takes every pod apart."""
    done = subprocess.run(Components(layout, planned).purge(), check=False, capture_output=True, text=True)
    if done.returncode:
        raise LocalError(f"pods could not be removed, run 'python -m local down' again: {done.stderr.strip()}")


def remember(layout: Layout) -> None:
    """Writes down which folders of the system are not there yet, so that no others are removed in the end."""
    missing = [str(folder) for folder in _HARD_CODED if not folder.exists()]
    _missing(layout).write_text(json.dumps(missing))


def conflicts() -> list[str]:
    """Control groups of pods on this machine, in words."""
    return [f"control group {group}" for group in _pod_groups()]


def _down_node(layout: Layout, planned: Plan) -> None:
    with step("stopping kubelet, kube-proxy and DNS"):
        node.stop_agents(layout)
    with step("removing pods"):
        if (layout.config / "containerd.toml").exists():
            node.start_runtime(layout, planned)
            node.wait_for_runtime(layout)
            purge(layout, planned)
        Daemon("containerd", layout).stop(10)
    with step("removing network and control groups"):
        network.down(layout)
        for group in _pod_groups():
            _remove_group(group)


def _pod_groups() -> list[Path]:
    """The top of the pods' control groups, in every hierarchy that is mounted."""
    mounts = (line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines())
    hierarchies = [Path(words[4]) for words in mounts if words[words.index("-") + 1].startswith("cgroup")]
    return [folder / _PODS for folder in hierarchies if (folder / _PODS).is_dir()]


def _remove_group(group: Path) -> None:
    """Removes a tree of control groups; the kernel may need a moment after the last process in one has ended."""
    for folder, _, _ in os.walk(group, topdown=False):
        deadline = time.monotonic() + 5
        while True:
            try:
                Path(folder).rmdir()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def _mounts(folders: list[Path]) -> Iterator[Path]:
    """Mounts below (or at) the folders, the latest first."""
    for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
        point = Path(line.split()[4].encode().decode("unicode_escape"))  # blanks are written as \040
        if any(point.is_relative_to(folder) for folder in folders):
            yield point


def _unmount(layout: Layout) -> None:
    for point in list(_mounts([layout.root, Store.folder()])):
        done = subprocess.run(["umount", point], check=False, capture_output=True, text=True)
        if done.returncode:
            raise LocalError(done.stderr.strip())


def _remove_system_files(layout: Layout) -> None:
    """Removes links to the pods' logs, and those of the system's folders that have come up with the cluster."""
    if _LOG_LINKS.is_dir():
        for link in _LOG_LINKS.iterdir():
            if link.is_symlink() and link.readlink().is_relative_to(layout.root):
                link.unlink()
    for name in json.loads(_missing(layout).read_text()) if _missing(layout).exists() else []:
        folder = Path(name)
        (folder / "kubelet.sock").unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it is not there, or somebody else has put something into it
            folder.rmdir()


def _missing(layout: Layout) -> Path:
    return layout.root / "system-folders.json"


def _remove(layout: Layout) -> None:
    if list(_mounts([layout.root])):
        raise LocalError(f"something is still mounted below {layout.root}")
    shutil.rmtree(layout.root)


def _verify(layout: Layout, *, kernel: bool) -> None:
    checks: dict[str, Callable[[], object]] = {
        "process": lambda: left_over(layout.root, cache()),
        "mount": lambda: [str(point) for point in _mounts([layout.root])],
        "state": lambda: [str(layout.root)] if layout.root.exists() else [],
    }
    if kernel and os.getuid() == 0:
        checks |= _kernel_checks()
    leftovers = {kind: remains for kind, check in checks.items() if (remains := check())}
    if leftovers:
        raise LocalError("left behind: " + "; ".join(f"{kind}: {remains}" for kind, remains in leftovers.items()))
    say(f"checked: no {', no '.join(checks)} is left")


def _kernel_checks() -> dict[str, Callable[[], object]]:
    """What only a node leaves; a control plane alone may go while another cluster's node stays."""
    return {
        "bridge": lambda: [plan.BRIDGE] if network.bridge_exists() else [],
        "interface": network.veths,
        "nftables table": network.tables,
        "control group": lambda: [str(group) for group in _pod_groups()],
    }
