# One image for every part of ours: service, engine, sink, load. They share one lock, and differ in their command.
# No `# syntax=` line: it would fetch the builder from a registry.
ARG BASE_IMAGE=python:3.13-slim-trixie

FROM ${BASE_IMAGE} AS build
WORKDIR /build
RUN python3 -m venv /opt/isl && python3 -m venv /opt/tools
COPY requirements.lock scripts/lock_part.py ./
# Exactly the locked files, by hash, and no linters. A proxy's certificate or a private index comes as a build secret.
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    python3 lock_part.py sentry-rehearsal <requirements.lock >run.lock && \
    python3 lock_part.py hatchling <requirements.lock >tools.lock && \
    /opt/isl/bin/pip install --disable-pip-version-check --require-hashes -r run.lock && \
    /opt/tools/bin/pip install --disable-pip-version-check --require-hashes -r tools.lock
# Our own code last: a change of it leaves the layers above as they are.
COPY pyproject.toml README.md LICENSE ./
COPY monitors monitors
COPY service service
COPY embedded embedded
COPY loadtest loadtest
COPY rehearsal rehearsal
RUN /opt/tools/bin/hatchling build -t wheel -d dist && \
    /opt/isl/bin/pip install --disable-pip-version-check --no-deps --no-index dist/*.whl && \
    /opt/isl/bin/pip uninstall --yes pip

FROM ${BASE_IMAGE} AS run
ARG STACK_UID=10001
ARG STACK_GID=10001
# A user without a name, home or shell; what it may write is a volume, owned as this folder is when it is first made.
RUN mkdir -p /var/lib/embedded && chown ${STACK_UID}:${STACK_GID} /var/lib/embedded
COPY --from=build /opt/isl /opt/isl
COPY --chmod=0755 scripts/with-secrets.sh /usr/local/bin/with-secrets
COPY loadtest/locustfile.py /opt/loadtest/
ENV PATH=/opt/isl/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
ARG ISL_GIT_SHA=
ENV ISL_GIT_SHA=${ISL_GIT_SHA}
LABEL org.opencontainers.image.title=sentry-rehearsal
USER ${STACK_UID}:${STACK_GID}
WORKDIR /tmp
ENTRYPOINT ["with-secrets"]
CMD ["gunicorn", "-c", "python:service.gunicorn_conf", "service.app:build_app()"]
