"""The command line: reads it, calls the rest, and turns errors into one message and an exit code."""

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from local import build, catalogue, cluster, containerfile, lifecycle, report
from local.errors import LocalError
from local.reservation import OccupiedError, reserve

_DESCRIPTION = """\
A real Kubernetes on this machine, without Docker: built from source once, up in well under a minute, gone without a
trace. Binaries are kept in PALIER_CACHE (default: ~/.cache/palier), the running cluster's state in PALIER_STATE
(default: /tmp/palier-local). With PALIER_KUBECONFIG set, 'kubectl', 'helm' and 'env' are about that cluster instead.
"""

_EXAMPLES = """\
examples:
  python -m local up                          build what is missing, then start everything
  eval "$(python -m local env)"               point kubectl and helm of this shell at the cluster
  python -m local image . palier:dev          build ./Dockerfile into the cluster as localhost/palier:dev
  python -m local kubectl get pods -A
  python -m local down
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given and given[0] in {"kubectl", "helm"}:
            _hand_over(given[0], given[1:])  # its arguments are not ours to understand
        options = _parser().parse_args(given)
        return _run(options)
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, OccupiedError) else 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains when it exits
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace) -> int:
    match options.command:
        case "build":
            build.ensure(build.named(options.parts))
        case "up":
            with reserve("python -m local up"):
                lifecycle.up(control_plane_only=options.control_plane_only, gateway=not options.without_gateway)
        case "down":
            with reserve("python -m local down"):
                lifecycle.down()
        case "status":
            return report.status()
        case "logs":
            report.logs(options.name, follow=options.follow)
        case "env":
            build.ensure([catalogue.CLIENTS])
            print(f"export KUBECONFIG={shlex.quote(str(cluster.kubeconfig_path()))}")
            print(f"export PATH={shlex.quote(str(catalogue.CLIENTS.folder()))}:$PATH")
        case "image":
            name = containerfile.build(options.directory, options.tag, options.file, dict(options.build_arg))
            print(name)
        case _:
            raise AssertionError(options.command)
    return 0


def _hand_over(program: str, arguments: Sequence[str]) -> None:
    client = cluster.client()
    command = client.command(program, arguments)
    os.execve(command[0], command, client.environment())  # noqa: S606 (no shell is wanted)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    parts = "\n".join(f"  {part.name:14} {part.version:8} {part.what}" for part in catalogue.PARTS)
    make = commands.add_parser(
        "build",
        help="build parts that are not built yet",
        description="Builds parts (all of them by default) that are not in the cache yet. The parts:\n" + parts,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    make.add_argument("parts", nargs="*", metavar="PART", help="one of the above")

    start = commands.add_parser("up", help="start the cluster; what already runs is left alone")
    start.add_argument("--control-plane-only", action="store_true", help="etcd, API server, controllers; needs no root")
    start.add_argument("--without-gateway", action="store_true", help="no Envoy Gateway")

    commands.add_parser("down", help="stop the cluster and remove every trace of it, also after a crash")
    commands.add_parser("status", help="show what runs; exit code 0 only if everything does")

    log = commands.add_parser("logs", help="show the log of a part", description=f"Names: {', '.join(report.LOGS)}")
    log.add_argument("name", metavar="NAME", choices=report.LOGS)
    log.add_argument("-f", "--follow", action="store_true", help="go on with new lines")

    commands.add_parser("env", help="print shell lines that set KUBECONFIG and PATH, for eval")
    commands.add_parser("kubectl", help="run kubectl against the cluster", add_help=False)
    commands.add_parser("helm", help="run helm against the cluster", add_help=False)

    image = commands.add_parser(
        "image",
        help="build a Dockerfile into the cluster",
        description="Builds a Dockerfile with buildah (as root) and imports the image into the node. The build "
        f"argument BASE is {containerfile.BASE} unless given: "
        "begin with 'ARG BASE=python:3.13-slim' and 'FROM ${BASE}'. For a stage with Go add 'ARG GO_BASE=golang:1.26', "
        "and begin it with 'FROM ${GO_BASE}': Go of this machine is lent to it. "
        "What has not changed is not built again. Pods need imagePullPolicy Never or IfNotPresent.",
    )
    image.add_argument("directory", metavar="DIR", type=Path, help="the build's context")
    image.add_argument("tag", metavar="TAG", help="the image's name; 'x:1' means 'localhost/x:1'")
    image.add_argument("--build-arg", metavar="K=V", type=_pair, action="append", default=[], help="for ARG lines")
    image.add_argument("--file", metavar="DOCKERFILE", type=Path, help="default: DIR/Dockerfile")
    return parser


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form K=V")
    return name, value
