"""The node's network in the kernel: a bridge that only this machine can reach, and its removal.

Pods get no route but the one to Services, so nothing that runs in the cluster can talk to the outside.
"""

import ipaddress
import json
import subprocess
from pathlib import Path
from typing import Any

from local import plan
from local.debian import need
from local.errors import LocalError
from local.paths import Layout

_SYSCTLS = ("net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables")
_TABLES = (("ip", "kube-proxy"), ("ip6", "kube-proxy"))


def conflicts() -> list[str]:
    """What is on this machine that a cluster here would fight with, in words."""
    messages = [f"nftables table '{family} {name}' (of another kube-proxy?)" for family, name in tables()]
    subnets = [ipaddress.ip_network(network) for network in (plan.PODS, plan.SERVICES)]
    for route in _ip("route", "show"):
        if route["dst"] != "default" and route.get("dev") != plan.BRIDGE:
            network = ipaddress.ip_network(route["dst"])
            messages += [
                f"route to {network} (the cluster uses {subnet})" for subnet in subnets if subnet.overlaps(network)
            ]
    return messages


def bridge_exists() -> bool:
    """Whether the bridge is there."""
    return Path("/sys/class/net", plan.BRIDGE).exists()


def up(layout: Layout) -> None:
    """Makes the bridge if it is missing, and lets packets cross it; remembers what it changed."""
    if not bridge_exists():
        _change("link", "add", plan.BRIDGE, "type", "bridge")
    if not any(
        address["local"] == plan.NODE_ADDRESS for link in _ip("address", "show") for address in link["addr_info"]
    ):
        _change("address", "add", f"{plan.NODE_ADDRESS}/24", "dev", plan.BRIDGE)
    _change("link", "set", plan.BRIDGE, "up")
    if not _sysctl(_SYSCTLS[1]).exists():
        subprocess.run([need("modprobe"), "br_netfilter"], check=False, capture_output=True)
    saved = _saved(layout)
    if not saved.exists():
        saved.write_text(json.dumps({name: _sysctl(name).read_text() for name in _SYSCTLS if _sysctl(name).exists()}))
    for name in _SYSCTLS:
        if _sysctl(name).exists():
            _sysctl(name).write_text("1")


def down(layout: Layout) -> None:
    """Removes the bridge, what hangs on it and kube-proxy's tables, and sets the kernel's switches back."""
    for family, name in tables():
        subprocess.run([need("nft"), "delete", "table", family, name], check=False, capture_output=True)
    for veth in veths():
        _change("link", "delete", veth)
    if bridge_exists():
        _change("link", "delete", plan.BRIDGE)
    if _saved(layout).exists():
        for name, value in json.loads(_saved(layout).read_text()).items():
            _sysctl(name).write_text(value)


def veths() -> list[str]:
    """The pods' ends on the bridge."""
    return [link["ifname"] for link in _ip("link", "show", "master", plan.BRIDGE)] if bridge_exists() else []


def tables() -> list[tuple[str, str]]:
    """kube-proxy's tables that exist."""
    done = subprocess.run([need("nft"), "list", "tables"], check=False, capture_output=True, text=True)
    present = {tuple(line.split()[1:]) for line in done.stdout.splitlines()}
    return [table for table in _TABLES if table in present]


def _ip(*arguments: str) -> list[dict[str, Any]]:
    done = subprocess.run([need("ip"), "-json", "-4", *arguments], check=False, capture_output=True, text=True)
    return [entry for entry in json.loads(done.stdout or "[]") if entry]


def _change(*arguments: str) -> None:
    done = subprocess.run([need("ip"), *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise LocalError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def _sysctl(name: str) -> Path:
    return Path("/proc/sys", name)


def _saved(layout: Layout) -> Path:
    return layout.root / "sysctl.json"
