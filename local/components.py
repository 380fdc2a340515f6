"""The command line of each process, as a value: nothing here starts anything, so that tests can look at it."""

from local import catalogue, plan
from local.paths import Layout
from local.plan import Plan


class Components:
    """The command lines for one cluster."""

    def __init__(self, layout: Layout, planned: Plan) -> None:
        self.layout = layout
        self.plan = planned

    def etcd(self) -> list[str]:
        """The store; it need not survive a power cut, so it does not wait for the disk."""
        client, peer = (f"https://127.0.0.1:{port}" for port in (self.plan.etcd, self.plan.etcd_peer))
        flags = {
            "name": "local",
            "data-dir": self.layout.root / "etcd",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"local={peer}",
            "log-level": "warn",
        }
        for prefix in ("", "peer-"):
            flags |= {f"{prefix}trusted-ca-file": self._pki("etcd-ca.crt")} | self._pair("etcd", prefix, "-file")
        return _command(self._kube("etcd"), flags, "client-cert-auth", "peer-client-cert-auth", "unsafe-no-fsync")

    def apiserver(self, *, audit: bool = True) -> list[str]:
        """The API server."""
        flags: dict[str, object] = {
            "bind-address": self.plan.address,
            "advertise-address": self.plan.address,
            "secure-port": self.plan.api,
            "client-ca-file": self._pki("ca.crt"),
            "etcd-servers": f"https://127.0.0.1:{self.plan.etcd}",
            "etcd-cafile": self._pki("etcd-ca.crt"),
            "etcd-certfile": self._pki("etcd-client.crt"),
            "etcd-keyfile": self._pki("etcd-client.key"),
            "authorization-mode": "Node,RBAC",
            "enable-admission-plugins": "NodeRestriction",
            "service-cluster-ip-range": plan.SERVICES,
            "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
            "service-account-key-file": self._pki("sa.pub"),
            "service-account-signing-key-file": self._pki("sa.key"),
            "kubelet-certificate-authority": self._pki("ca.crt"),
            "kubelet-client-certificate": self._pki("apiserver-kubelet.crt"),
            "kubelet-client-key": self._pki("apiserver-kubelet.key"),
            "kubelet-preferred-address-types": "InternalIP",
            # Without these, the other parts ask for them for ever.
            "requestheader-client-ca-file": self._pki("front-ca.crt"),
            "requestheader-allowed-names": "front-proxy-client",
            "requestheader-username-headers": "X-Remote-User",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "proxy-client-cert-file": self._pki("front.crt"),
            "proxy-client-key-file": self._pki("front.key"),
        }
        flags |= self._pair("apiserver", "tls-", "-file", key="private-key")
        if not self.plan.node:
            flags["endpoint-reconciler-type"] = "none"  # nobody can reach loopback through a Service
        if audit:
            flags |= {
                "audit-policy-file": self.layout.config / "audit-policy.yaml",
                "audit-log-path": self.layout.audit_log,
                "audit-log-maxsize": 1024,  # megabytes; the default of 100 would cut a long test's log
                "audit-log-maxbackup": 1,
            }
        return _command(self._kube("kube-apiserver"), flags, "allow-privileged")

    def controller_manager(self) -> list[str]:
        """The controllers."""
        flags = self._controller("controller-manager", self.plan.controllers) | {
            "client-ca-file": self._pki("ca.crt"),
            "root-ca-file": self._pki("ca.crt"),
            "service-account-private-key-file": self._pki("sa.key"),
            "cluster-signing-cert-file": self._pki("ca.crt"),
            "cluster-signing-key-file": self._pki("ca.key"),
            "flex-volume-plugin-dir": self.layout.root / "plugins",  # made at the start, by default outside our folders
        }
        return _command(self._kube("kube-controller-manager"), flags, "use-service-account-credentials")

    def scheduler(self) -> list[str]:
        """The scheduler."""
        return _command(self._kube("kube-scheduler"), self._controller("scheduler", self.plan.scheduler))

    def containerd(self) -> list[str]:
        """The container runtime."""
        return [str(catalogue.CONTAINERD.file("containerd")), "--config", str(self.layout.config / "containerd.toml")]

    def kubelet(self) -> list[str]:
        """The node's agent."""
        flags = {
            "config": self.layout.config / "kubelet.yaml",
            "kubeconfig": self._pki("kubelet.kubeconfig"),
            "root-dir": self.layout.root / "kubelet",
            "cert-dir": self.layout.pki,
            "hostname-override": plan.NODE,
            "node-ip": plan.NODE_ADDRESS,
            # How often pods' use of CPU and memory is read; the default of 10 s is coarse compared with a test of 20 s.
            "housekeeping-interval": "2s",
        }
        return _command(self._kube("kubelet"), flags)

    def kube_proxy(self) -> list[str]:
        """What makes Services' addresses work."""
        return _command(self._kube("kube-proxy"), {"config": self.layout.config / "kube-proxy.yaml"})

    def coredns(self) -> list[str]:
        """Cluster DNS, as a process of the host: it needs no image and is ready before the first pod."""
        return [str(catalogue.COREDNS.file("coredns")), "-conf", str(self.layout.config / "Corefile")]

    def purge(self) -> list[str]:
        """Takes every pod apart; ends by itself."""
        return [self._kube("cri-purge"), f"unix://{self.layout.containerd_socket}"]

    def _controller(self, name: str, port: int) -> dict[str, object]:
        kubeconfig = self._pki(f"{name}.kubeconfig")
        return {
            "kubeconfig": kubeconfig,
            "authentication-kubeconfig": kubeconfig,
            "authorization-kubeconfig": kubeconfig,
            "bind-address": "127.0.0.1",
            "secure-port": port,
            "leader-elect": "false",
            # The defaults spare a shared API server, and make the start of all controllers wait for seconds.
            "kube-api-qps": 200,
            "kube-api-burst": 400,
        } | self._pair(name, "tls-", "-file", key="private-key")

    def _pair(self, name: str, prefix: str, suffix: str, key: str = "key") -> dict[str, object]:
        return {f"{prefix}cert{suffix}": self._pki(f"{name}.crt"), f"{prefix}{key}{suffix}": self._pki(f"{name}.key")}

    def _pki(self, name: str) -> str:
        return str(self.layout.pki / name)

    def _kube(self, name: str) -> str:
        return str(catalogue.KUBE.file(name))


def _command(program: str, flags: dict[str, object], *switches: str) -> list[str]:
    return [program, *(f"--{name}={value}" for name, value in flags.items()), *(f"--{name}" for name in switches)]
