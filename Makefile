# One door for each thing that a person or CI does here. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PYTEST := $(PY) -m pytest
# Tests that run at the same time: whole files, or single tests on one cluster.
FILES := -n 2 --dist loadfile --no-loadscope-reorder
WORKERS ?= 5
COMPANY := -n $(WORKERS)
# Some images forbid Python to keep what it has compiled: then each of our processes compiles all of it again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/ready: requirements/dev.txt pyproject.toml
	@echo "==> Python environment in $(VENV)"
	if ! $(PYTHON) -c 'import ensurepip' 2>/dev/null; then
	  [ "$$(id -u)" = 0 ] || { echo "python3-venv is missing: install it, or run this once as root"; exit 1; }
	  apt-get update -qq && apt-get install -y -qq python3-venv
	fi
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

.PHONY: setup
setup: $(VENV)/ready ## install the Python environment

.PHONY: demo
demo: setup ## the main job on a real Kubernetes, told as a story (first run builds for about 30 minutes)
	$(PY) -m local.demo

.PHONY: up
up: setup ## a real Kubernetes with gateway and Prometheus on this machine
	$(PY) -m local up

.PHONY: down
down: setup ## take it down again; leaves nothing behind
	$(PY) -m local down

.PHONY: status
status: setup ## what of it is running
	$(PY) -m local status

.PHONY: test
test: check unit prometheus apiserver e2e ## everything that CI runs

.PHONY: check
check: setup ## style, types, layers, generated files
	# Two at a time; one that fails stops no other, and each says what it has to say in one piece.
	$(MAKE) --no-print-directory --keep-going --jobs=2 --output-sync=target check-types check-style check-layers check-generator check-generated

.PHONY: check-types check-style check-layers check-generator check-generated
check-types:
	$(VENV)/bin/mypy

check-style:
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

check-layers:
	$(VENV)/bin/lint-imports

check-generator:
	unformatted=$$(gofmt -l operator/generator); [ -z "$$unformatted" ] || { echo "gofmt: $$unformatted"; exit 1; }
	go -C operator/generator vet ./...

check-generated:
	$(PY) -m palier.api.generate.crd --check
	$(PY) -m palier.api.generate.reference --check
	$(PY) -m palier.presets --check

.PHONY: unit
unit: setup ## unit and property tests: no cluster, three processes
	go -C operator/generator test -timeout 2m ./...
	# A file's tests share what it sets up, so they stay together; most of the slow ones are in tests/property. Two
	# processes for two cores, and one more because the tests of load tests and proxies wait most of their time.
	$(PYTEST) $(FILES) -n 3 tests/property tests/unit tests/local

.PHONY: prometheus
prometheus: setup ## tests of what is read, against a real Prometheus: presets, histograms
	$(PY) -m local build prometheus
	$(PYTEST) $(FILES) tests/prometheus

.PHONY: apiserver
apiserver: setup ## tests against a real kube-apiserver and etcd, no node needed
	$(PY) -m local build kube clients
	$(PYTEST) $(FILES) tests/apiserver tests/chart

.PHONY: e2e
e2e: setup ## tests on a real node with a real gateway, Prometheus and models
	# Two cores carry several tests side by side, but not always: what failed then has to pass alone.
	$(PYTEST) $(COMPANY) tests/e2e || {
	  echo "==> once more, alone: what failed beside others"
	  $(PYTEST) --last-failed --last-failed-no-failures none tests/e2e
	}

.PHONY: generate
generate: setup ## write the generated files again: CRD, API reference, the chart's copy of the CRD
	$(PY) -m palier.api.generate.crd --write
	$(PY) -m palier.api.generate.reference --write
	$(PY) -m palier.presets --write
	cp crds/*.yaml charts/palier/files/crds/

.PHONY: format
format: setup ## format, and correct style
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

.PHONY: lock
lock: setup ## resolve the requirements again
	$(VENV)/bin/pip install --quiet uv
	$(VENV)/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade -o requirements/operator.txt
	$(VENV)/bin/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade -o requirements/dev.txt
