# The operator's image. BASE may be any image with `python` >= 3.11 and `pip` on the PATH.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements/ requirements/
# A folder of its own instead of site-packages: it is the same on every base and goes into the last stage in one copy.
RUN python -m pip install --require-hashes --only-binary=:all: --no-compile \
        --target /opt/palier -r requirements/operator.txt \
 && python -m pip install --require-hashes --only-binary=:all: --target /opt/build -r requirements/build.txt \
 && find /opt/palier/numpy /opt/palier/scipy -type d -name tests -prune -exec rm -rf {} +
COPY pyproject.toml README.md LICENSE ./
COPY operator/ operator/
# --upgrade: pip leaves an existing bin/ alone without it; the new one holds `palier` and nothing else.
RUN PYTHONPATH=/opt/build python -m pip install --no-index --no-deps --no-build-isolation --no-compile --upgrade \
        --target /opt/palier .
# The root file system is read-only when the operator runs, so what it imports is compiled here, and only that.
RUN PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/opt/palier python -c 'import importlib, pkgutil, py_compile, sys, palier; \
        [importlib.import_module(module.name) for module in pkgutil.walk_packages(palier.__path__, "palier.")]; \
        sources = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}; \
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH; \
        [py_compile.compile(source, doraise=True, invalidation_mode=mode) \
            for source in sources if source.startswith("/opt/palier/") and source.endswith(".py")]'

FROM ${BASE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Palier" \
      org.opencontainers.image.description="Takes a served model to production step by step, and back down when the evidence says so" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/palier /opt/palier
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
