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
RUN PYTHONPATH=/opt/build:/opt/palier python -m pip install --no-index --no-deps --no-build-isolation --no-compile \
        --target /opt/palier .
# The root file system is read-only when the operator runs, so what it imports is compiled here: importing writes it.
# Hash-based without a check, because the files never change.
RUN PYTHONPATH=/opt/palier python -c 'import palier.cli.main' \
 && /opt/palier/bin/palier --help > /dev/null

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
EXPOSE 8081
ENTRYPOINT ["palier"]
CMD ["operator"]
