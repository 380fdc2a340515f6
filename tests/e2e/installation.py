"""What all end-to-end tests share: the cluster, the images, and Palier installed by its chart."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local import cluster, containerfile, lifecycle
from local.errors import LocalError
from local.reservation import reserve
from tests.e2e.support import Faults, kubectl

ROOT = Path(__file__).parents[2]
SYSTEM = "palier-system"
OPERATOR_IMAGE = os.environ.get("PALIER_IMAGE", "localhost/palier:dev")
MODEL_IMAGE = os.environ.get("PALIER_MODEL_IMAGE", "localhost/language-id:1")
CAPACITY_IMAGE = os.environ.get("PALIER_CAPACITY_IMAGE", "localhost/capacity:1")
FRONT_END_IMAGE = os.environ.get("PALIER_FRONT_END_IMAGE", "localhost/front-end:1")

_SOURCES = {
    OPERATOR_IMAGE: ROOT,
    MODEL_IMAGE: ROOT / "examples" / "language-id" / "server",
    CAPACITY_IMAGE: ROOT / "examples" / "capacity" / "server",
    FRONT_END_IMAGE: ROOT / "examples" / "product-signals" / "server",
}


@contextmanager
def install_palier() -> Iterator[None]:
    """The cluster, started if it is not there, with Palier looking every second; taken down if it was started.

    Raises:
        LocalError: the cluster is in use, or has a Palier already that the tests would replace.
    """
    with reserve("the end-to-end tests"):
        started = cluster.is_local() and not lifecycle.is_up()
        if not cluster.is_local() and "palier" in cluster.helm("list", "--namespace", SYSTEM, "--short").split():
            raise LocalError(f"Palier is installed in {SYSTEM} of this cluster already: the tests would replace it")
        try:
            if cluster.is_local():
                lifecycle.up()
                for image, source in _SOURCES.items():
                    containerfile.build(source, image, None, {})
            _install()
            yield
        finally:
            if started:
                lifecycle.down()
            else:
                cluster.helm("uninstall", "palier", "--namespace", SYSTEM, "--ignore-not-found")
                kubectl("delete", "namespace", SYSTEM, "--wait=false", "--ignore-not-found")


def _install() -> None:
    # An earlier run may have left the namespace on its way out: until it is gone, nothing can be put into it.
    if kubectl("get", "namespace", SYSTEM, "--ignore-not-found", "-o", "jsonpath={.status.phase}") == "Terminating":
        kubectl("wait", "--for=delete", f"namespace/{SYSTEM}", "--timeout=3m")
    if SYSTEM not in kubectl("get", "namespaces", "-o", "name"):
        kubectl("create", "namespace", SYSTEM)
    Faults.install(SYSTEM, image=OPERATOR_IMAGE, prometheus=cluster.prometheus_address())
    repository, _, tag = OPERATOR_IMAGE.rpartition(":")
    cluster.helm(
        *("upgrade", "--install", "palier", str(ROOT / "charts" / "palier"), "--namespace", SYSTEM),
        *("--set", f"image.repository={repository}", "--set", f"image.tag={tag}"),
        *("--set", f"prometheus.url=http://faults.{SYSTEM}:9090", "--set", "prometheus.scrapeInterval=1s"),
        *("--set", "operator.lookInterval=1s"),
        # A new pod each time: the image may be new under the same tag.
        *("--set-string", f"podAnnotations.started={time.time():.0f}"),
        *("--wait", "--timeout", "3m"),
    )
