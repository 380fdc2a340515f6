"""A real Kubernetes on one machine, built from source and run without Docker.

Palier's tests and its demo need an API server that validates, a kubelet that starts pods, a gateway that splits
traffic and a Prometheus that scrapes it. This package builds all of them from package registries, starts them as plain
processes and takes them away again without a trace. ``python -m local --help`` shows what it can do;
``local.control_plane`` and ``local.cluster`` are what tests import.
"""
