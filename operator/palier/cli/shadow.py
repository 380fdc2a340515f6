"""`palier shadow-proxy`: the program in the pod of a shadow."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from palier.cli.commands import Commands, new_command
from palier.cli.files import read_plan
from palier.cli.terminal import print_text
from palier.errors import InvalidSettings

if TYPE_CHECKING:
    from palier.shadow.plan import ShadowPlan

SWITCH_INTERVAL = 0.001
"""Seconds after which a long comparison lets the event loop run: answers that wait look slower than they are."""
_HIGHEST_PORT = 65535

DESCRIPTION = """\
Takes copies of users' requests, sends each of them to the candidate and to stable at the same moment, and counts how
often they answer differently. Users do not notice. The operator starts it in a pod of its own.

  palier shadow-proxy --plan /plan/plan.json
  palier shadow-proxy --plan plan.json --port 8080 --metrics-port 9090 --disagreements-port 9091

The plan is the JSON that the operator writes; docs/shadow.md has the metrics. Where the plan keeps disagreements,
http://127.0.0.1:9091/disagreements has them, on the loopback address only. SIGTERM ends it, with exit status 0."""


def add_command(commands: Commands) -> None:
    """Add `palier shadow-proxy` to the commands."""
    command = new_command(commands, "shadow-proxy", "compare how two revisions answer copies of requests", DESCRIPTION)
    command.add_argument("--plan", type=Path, required=True, metavar="FILE", help="what is compared, and how")
    for option, port, words in (
        ("--port", 8080, "where copies are taken"),
        ("--metrics-port", 9090, "where the metrics are"),
        ("--disagreements-port", 9091, "where disagreements are, on the loopback address, if the plan keeps any"),
    ):
        command.add_argument(option, type=_port, default=port, metavar="PORT", help=f"{words} (default: {port})")
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    # Only now: the other commands must not wait for aiohttp to load.
    from palier.workers.shadow.run import run  # noqa: PLC0415

    plan = _plan(options.plan)
    used = {options.port: "copies"}
    for name, port, use in (
        ("--metrics-port", options.metrics_port, "metrics"),
        ("--disagreements-port", options.disagreements_port, "disagreements"),
    ):
        if port in used:
            raise InvalidSettings(f"{name}: {port} is already the port of the {used[port]}")
        used[port] = use
    sys.setswitchinterval(SWITCH_INTERVAL)
    ports = {"metrics_port": options.metrics_port, "disagreements_port": options.disagreements_port}
    asyncio.run(run(plan, port=options.port, **ports, tell=_tell))


def _tell(line: str) -> None:
    print_text(f"shadow-proxy: {line}")


def _plan(path: Path) -> "ShadowPlan":
    """Read the plan.

    Raises:
        InvalidSettings: it cannot be read, or is none.
    """
    from palier.shadow.plan import ShadowPlan  # noqa: PLC0415

    plan = read_plan(path, ShadowPlan.from_json)
    for name, url in (("candidateUrl", plan.candidate_url), ("stableUrl", plan.stable_url)):
        if not _is_address(url):
            raise InvalidSettings(f"--plan: {path}: {name} must be like http://host:port, not {url!r}")
    return plan


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0) and not parts.query
    except ValueError:
        return False


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) <= _HIGHEST_PORT):
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to {_HIGHEST_PORT}, not {text!r}")
    return int(text)
