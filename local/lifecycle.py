"""Brings the cluster up, in the order in which its parts need each other; what already runs is left alone."""

import os
import time
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from local import addons, build, catalogue, control_plane, images, network, node, plan, teardown
from local.client import Client
from local.errors import LocalError
from local.paths import Layout, cache, state
from local.plan import Plan
from local.processes import Daemon
from local.progress import say, step
from local.render import render

_CONTROL_PLANE = (catalogue.CLIENTS, catalogue.KUBE)
_NODE = (*_CONTROL_PLANE, catalogue.CONTAINERD, catalogue.PAUSE, catalogue.COREDNS, catalogue.METRICS)
_GATEWAY = (catalogue.PROXY, catalogue.GATEWAY)


def up(*, control_plane_only: bool = False, gateway: bool = True) -> None:
    """Brings up a cluster, or a control plane alone, and builds what is missing for it."""
    refuse_with_foreign_cluster("up")
    if not control_plane_only and os.getuid():
        raise LocalError("a node needs root: run this as root, or with --control-plane-only")
    build.ensure(_CONTROL_PLANE if control_plane_only else (*_NODE, *(_GATEWAY if gateway else ())))
    start = time.monotonic()
    with locked():
        layout = Layout(state())
        planned = _take_over(layout, node_wanted=not control_plane_only)
        client = client_of(layout)
        if control_plane_only:
            _up_control_plane(layout, planned or plan.for_control_plane(), fresh=planned is None)
        else:
            if planned is None:
                planned = _prepare_node(layout)
            _up_node(layout, planned, client, gateway=gateway)
    what = "control plane" if control_plane_only else "cluster"
    say(f"the {what} is up after {time.monotonic() - start:.1f} s: export KUBECONFIG={layout.kubeconfig}")
    say('or, with kubectl and helm as well: eval "$(python -m local env)"')


def down() -> None:
    """Takes the cluster away, whatever state it is in."""
    refuse_with_foreign_cluster("down")
    with locked():
        layout = Layout(state())
        if layout.root.exists() and plan.load(layout) is None and not layout.claimed():
            raise LocalError(f"{layout.root} was not made by this program: remove it yourself, or set PALIER_STATE")
        start = time.monotonic()
        teardown.down(layout)
        say(f"the cluster is down after {time.monotonic() - start:.1f} s")


def is_up() -> bool:
    """Whether a cluster or a control plane of ours runs, in whatever state; a folder with nothing running is none."""
    layout = Layout(state())
    planned = plan.load(layout)
    return planned is not None and any(daemon.pid() for daemon in node.daemons(layout, planned))


def locked() -> AbstractContextManager[None]:
    """Holds the lock under which one run at a time changes the cluster."""
    name = str(state()).strip("/").replace("/", "-")
    return build.exclusive(cache() / "locks" / f"state-{name}", "another run that changes the cluster")


def refuse_with_foreign_cluster(command: str) -> None:
    """Keeps us from starting or ending anything while the user has chosen a cluster of their own."""
    if chosen := os.environ.get("PALIER_KUBECONFIG"):
        raise LocalError(
            f"PALIER_KUBECONFIG names a cluster of yours ({chosen}); '{command}' is for the local one only"
        )


def client_of(layout: Layout) -> Client:
    """The programs kubectl and helm, for the cluster."""
    return Client(layout.kubeconfig, layout.root / "clients")


def _take_over(layout: Layout, *, node_wanted: bool) -> Plan | None:
    """The plan of a cluster that runs, after clearing away one that does not."""
    planned = plan.load(layout)
    if planned is None:
        if layout.claimed():
            say("an earlier start was interrupted: clearing its remains away")
            teardown.down(layout)
        return None
    if not is_up():
        say("the cluster of an earlier run has ended: clearing its remains away")
        teardown.down(layout)
        return None
    if node_wanted and not planned.node:
        raise LocalError("a control plane alone is up: run 'python -m local down' first")
    return planned


def _up_control_plane(layout: Layout, planned: Plan, *, fresh: bool) -> None:
    if fresh:
        with step("certificates"):
            control_plane.prepare(layout, planned)
    with step("etcd and API server"):
        control_plane.start(layout, planned)
        control_plane.wait_ready(layout, planned)
    control_plane.start_controllers(layout, planned)
    if planned.node:
        say("(this is a whole cluster already)")


def _prepare_node(layout: Layout) -> Plan:
    if conflicts := [*network.conflicts(), *teardown.conflicts()]:
        raise LocalError("another cluster seems to run on this machine; found: " + "; ".join(conflicts))
    with step("certificates, network"):
        layout.make()
        teardown.remember(layout)
        planned = plan.for_cluster()
        planned.save(layout)  # from here on, 'down' knows what to look for
        network.up(layout)
        control_plane.prepare(layout, planned)
        node.configure(layout, planned)
    return planned


def _up_node(layout: Layout, planned: Plan, client: Client, *, gateway: bool) -> None:
    if gateway and not planned.gateway:
        planned = replace(planned, gateway=True)
        planned.save(layout)
    network.up(layout)
    fresh_runtime = Daemon("containerd", layout).pid() is None
    with step("container runtime"):
        control_plane.start(layout, planned)
        node.start_runtime(layout, planned)
        node.wait_for_runtime(layout)
        if fresh_runtime and Daemon("kubelet", layout).pid() is None:
            teardown.purge(layout, planned)  # the image store may remember pods of a run that was cut off
    wanted = [images.PAUSE, images.METRICS, *((images.GATEWAY, images.PROXY) if gateway else ())]
    images.Store(layout).add_programs(*wanted)
    with step("etcd and API server"):
        control_plane.wait_ready(layout, planned)
    with step("controllers, kubelet, DNS, Services"):
        control_plane.start_controllers(layout, planned)
        node.start(layout, planned)
        values = {"dns_service": plan.DNS_SERVICE, "node_address": plan.NODE_ADDRESS}
        addons.apply(client, render("system.yaml", values))
        addons.apply_prometheus(layout, client)
        node.wait_ready(layout, client)
    if gateway:
        with step("gateway's controller"):
            addons.apply_gateway(client)
    with step("Prometheus"):
        addons.wait_for_prometheus(client)
    if gateway:
        with step("gateway"):
            addons.wait_for_gateway(client)


def kubeconfig() -> Path:
    """The local cluster's kubeconfig; an error if it is not up."""
    path = Layout(state()).kubeconfig
    if not path.exists():
        raise LocalError("the local cluster is not up: run 'python -m local up'")
    return path
