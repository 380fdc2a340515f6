# The operator's image. BASE may be any image with `python` >= 3.11 and `pip` on the PATH; GO_BASE, of which nothing stays
# in the image, any with `go` >= 1.26.
ARG BASE=python:3.13-slim
ARG GO_BASE=golang:1.26-bookworm

# The load generator, as one static program. Modules first: they change less often than our own code.
FROM ${GO_BASE} AS generator
WORKDIR /src
COPY operator/generator/go.mod operator/generator/go.sum ./
RUN go mod download
COPY operator/generator/*.go ./
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w" -o /opt/generator/palier-generator .
# The licences of what is linked into it ask for their texts to come along.
RUN go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Dir}}{{end}}{{end}}' . | sort -u \
 | while read -r module folder; do mkdir -p "/opt/licenses/$module" \
 && find "$folder" -maxdepth 1 -iname 'licen[cs]e*' -exec cp {} "/opt/licenses/$module/" \; ; done

# A folder of its own instead of site-packages: it is the same on every base, and goes into the last stage in one copy.
FROM ${BASE} AS dependencies
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements/operator.txt requirements/build.txt requirements/
RUN python -m pip install --require-hashes --only-binary=:all: --no-compile --target /opt/palier -r requirements/operator.txt \
 && python -m pip install --require-hashes --only-binary=:all: --no-compile --target /opt/build -r requirements/build.txt \
 && find /opt/palier/numpy /opt/palier/scipy -type d -name tests -prune -exec rm -rf {} + \
 && rm -rf /opt/palier/bin

FROM dependencies AS build
COPY pyproject.toml README.md LICENSE ./
COPY operator/palier/ operator/palier/
RUN PYTHONPATH=/opt/build python -m pip install --no-index --no-deps --no-build-isolation --no-compile --target /opt/own .
# Nothing can be compiled later, because the root file system is read-only then. So all that the operator imports, and
# only that, is compiled here: a fifth of the size of everything.
RUN PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/opt/own:/opt/palier python -c 'import importlib.util, pkgutil, sys; \
        from py_compile import PycInvalidationMode, compile; import palier; \
        [importlib.import_module(module.name) for module in pkgutil.walk_packages(palier.__path__, "palier.")]; \
        sources = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}; \
        [compile(source, "/opt/own/" + importlib.util.cache_from_source(source).split("/", 3)[3], doraise=True, \
                 invalidation_mode=PycInvalidationMode.UNCHECKED_HASH) \
            for source in sources if source.startswith(("/opt/own/", "/opt/palier/")) and source.endswith(".py")]'

FROM ${BASE}
# Three copies, so that a change of our own code leaves the large layers as they are.
COPY --from=dependencies /opt/palier /opt/palier
COPY --from=generator /opt/generator /opt/palier/bin
COPY --from=generator /opt/licenses /usr/share/licenses
COPY --from=build /opt/own /opt/palier
# HOME and USER: the uid has no entry in /etc/passwd, and a platform may choose another one.
# OPENBLAS_NUM_THREADS: one thread per core of a large node would only cost memory.
ENV PATH=/opt/palier/bin:$PATH \
    PYTHONPATH=/opt/palier \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONFAULTHANDLER=1 \
    OPENBLAS_NUM_THREADS=1 \
    HOME=/tmp \
    USER=palier
WORKDIR /tmp
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["palier"]
CMD ["operator"]
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Palier" \
      org.opencontainers.image.description="Takes a served model to production step by step, and back down when the evidence says so" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
