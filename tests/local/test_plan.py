"""Plans and paths: nothing collides, nothing is too long, and the environment decides."""

import itertools
from dataclasses import asdict
from pathlib import Path

import pytest

from local import cluster, components, lifecycle, parts, paths, plan
from local.errors import LocalError
from local.paths import Layout


def test_a_plan_has_a_port_of_its_own_for_everything() -> None:
    """No two programs of a cluster listen on the same port."""
    ports = [value for value in asdict(plan.for_control_plane()).values() if type(value) is int]
    assert len(ports) == len(set(ports)) == 9


def test_a_plan_survives_being_saved(tmp_path: Path) -> None:
    """A later command finds the cluster where the first one put it."""
    layout = Layout(tmp_path / "state")
    assert plan.load(layout) is None
    layout.make()
    planned = plan.for_control_plane()
    planned.save(layout)
    assert plan.load(layout) == planned


def test_free_ports_do_not_repeat() -> None:
    """Whoever takes several gets different ones."""
    ports = list(itertools.islice(plan.free_ports(), 50))
    assert len(set(ports)) == 50


def test_a_control_plane_alone_listens_on_loopback_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else in the network reaches a test's API server."""
    monkeypatch.setattr(parts.Part, "file", lambda _, name: Path("/bin", name))
    commands = components.Components(Layout(tmp_path), plan.for_control_plane())
    for command in (commands.etcd(), commands.apiserver(), commands.controller_manager()):
        listening = [flag for flag in command if flag.startswith(("--bind-address", "--listen", "--advertise-address"))]
        assert listening
        assert all("127.0.0.1" in flag for flag in listening), command
        assert any(str(tmp_path) + "/" in flag for flag in command), "a process is known by the state it names"


def test_an_audit_log_can_be_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not count requests does not pay for it."""
    monkeypatch.setattr(parts.Part, "file", lambda _, name: Path("/bin", name))
    commands = components.Components(Layout(tmp_path), plan.for_control_plane())
    assert any(flag.startswith("--audit-log-path=") for flag in commands.apiserver())
    assert not any(flag.startswith("--audit") for flag in commands.apiserver(audit=False))


def test_a_state_path_too_long_for_sockets_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel would refuse the sockets later, with a message that nobody understands."""
    monkeypatch.setenv("PALIER_STATE", "/" + 60 * "x")
    with pytest.raises(LocalError, match="PALIER_STATE"):
        paths.state()


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """PALIER_CACHE wins over XDG_CACHE_HOME."""
    monkeypatch.delenv("PALIER_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert paths.cache() == Path("/x/palier")
    monkeypatch.setenv("PALIER_CACHE", "/y")
    assert paths.cache() == Path("/y")


def test_a_cluster_of_the_users_own_is_used_and_never_started_or_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PALIER_KUBECONFIG decides, and KUBECONFIG never does."""
    theirs = tmp_path / "kubeconfig"
    theirs.touch()
    monkeypatch.setenv("PALIER_KUBECONFIG", str(theirs))
    monkeypatch.setenv("PALIER_GATEWAY_ADDRESS", "192.0.2.1:8080")
    monkeypatch.setenv("PALIER_PROMETHEUS_URL", "http://192.0.2.2:9090/")
    assert cluster.kubeconfig_path() == theirs
    assert cluster.gateway_address() == "192.0.2.1:8080"
    assert cluster.prometheus_address() == "http://192.0.2.2:9090"
    for refused in (lifecycle.up, lifecycle.down, cluster.audit_log_path):
        with pytest.raises(LocalError):
            refused()


def test_a_strangers_kubeconfig_is_never_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no cluster of ours, the answer is an error and not whatever KUBECONFIG names."""
    stranger = tmp_path / "stranger"
    stranger.touch()
    monkeypatch.delenv("PALIER_KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(stranger))
    monkeypatch.setenv("PALIER_STATE", "/nonexistent")
    with pytest.raises(LocalError, match="not up"):
        cluster.kubeconfig_path()
