"""Runs kubectl and helm against one given cluster, and never against another that the environment happens to name."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local import build, catalogue
from local.errors import LocalError


@dataclass(frozen=True)
class Client:
    """The two programs for one cluster.

    Args:
        kubeconfig: the cluster's.
        scratch: where the programs may keep their caches, so that they stay out of the user's home.
    """

    kubeconfig: Path
    scratch: Path

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        """What kubectl prints; with ``check``, its failure is an error that shows its message."""
        return self._run(self.command("kubectl", arguments), stdin, check=check)

    def helm(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        """What helm prints; as for kubectl."""
        return self._run(self.command("helm", arguments), stdin, check=check)

    def succeeds(self, *arguments: str) -> bool:
        """Whether kubectl succeeds."""
        command = self.command("kubectl", arguments)
        return not subprocess.run(command, check=False, capture_output=True, env=self.environment()).returncode

    def command(self, program: str, arguments: Sequence[str]) -> list[str]:
        """The command line of one of the programs."""
        build.ensure([catalogue.CLIENTS])
        return [str(catalogue.CLIENTS.file(program)), "--kubeconfig", str(self.kubeconfig), *arguments]

    def environment(self) -> dict[str, str]:
        """The environment for both: ours, with their folders (and every hint at a cluster) replaced."""
        return {name: value for name, value in os.environ.items() if not name.startswith("HELM_")} | {
            "KUBECONFIG": str(self.kubeconfig),
            "KUBECACHEDIR": str(self.scratch / "kubectl"),
            "HELM_CACHE_HOME": str(self.scratch / "helm" / "cache"),
            "HELM_CONFIG_HOME": str(self.scratch / "helm" / "config"),
            "HELM_DATA_HOME": str(self.scratch / "helm" / "data"),
        }

    def _run(self, command: list[str], stdin: str | None, *, check: bool) -> str:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, input=stdin or "", env=self.environment()
        )
        if check and done.returncode:
            shown = " ".join((Path(command[0]).name, *command[3:]))
            raise LocalError(f"{shown}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout
