# Two images out of one lock, which differ in what they hold:
#   --target service   the reference service, and the PLoT stand-in: what would go to production
#   --target stack     engine, sink, provisioning and load besides
# No `# syntax=` line: it would fetch the builder from a registry.
ARG BASE_IMAGE=python:3.13-slim-trixie

FROM ${BASE_IMAGE} AS build
WORKDIR /build
# strip, for wheels that carry debug symbols: a tenth of the image. It is in no image, and a pinned version of a Debian
# package is gone from the mirrors with the next one.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv --without-pip /opt/isl && python3 -m venv /opt/tools
COPY requirements.lock pyproject.toml scripts/lock_part.py scripts/strip-packages.sh ./
# Exactly the locked files, by hash, and no linters. A proxy's certificate or a private index comes as a build secret.
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    python3 lock_part.py . <requirements.lock >service.lock && \
    python3 lock_part.py '.[rehearsal]' <requirements.lock >stack.lock && \
    python3 lock_part.py hatchling <requirements.lock >tools.lock && \
    /opt/tools/bin/pip install --disable-pip-version-check --require-hashes -r tools.lock && \
    /opt/tools/bin/pip --python /opt/isl install --no-compile --disable-pip-version-check --require-hashes -r service.lock && \
    sh strip-packages.sh /opt/isl

FROM build AS build-service
COPY README.md LICENSE ./
# Our own code last: a change of it leaves the layers above as they are.
COPY monitors/__init__.py monitors/signals.py monitors/
COPY service service
RUN /opt/tools/bin/hatchling build -t wheel -d dist && \
    /opt/tools/bin/pip --python /opt/isl install --no-compile --disable-pip-version-check --no-deps --no-index dist/*.whl && \
    rm /opt/isl/bin/rehearse && \
    ISL_AUTH_DISABLED=true /opt/isl/bin/python -c \
        'import gunicorn.app.wsgiapp, service.app, service.gunicorn_conf, service.plot_engine.__main__, uvicorn_worker'

FROM build AS build-stack
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    /opt/tools/bin/pip --python /opt/isl install --no-compile --disable-pip-version-check --require-hashes -r stack.lock && \
    sh strip-packages.sh /opt/isl
COPY README.md LICENSE ./
COPY monitors monitors
COPY service service
COPY embedded embedded
COPY loadtest loadtest
COPY rehearsal rehearsal
RUN /opt/tools/bin/hatchling build -t wheel -d dist && \
    /opt/tools/bin/pip --python /opt/isl install --no-compile --disable-pip-version-check --no-deps --no-index dist/*.whl && \
    /opt/isl/bin/python -c 'import embedded.app, rehearsal.provisioning, rehearsal.sink.__main__'

FROM ${BASE_IMAGE} AS run
ARG STACK_UID=10001
ARG STACK_GID=10001
COPY --chmod=0755 scripts/with-secrets.sh /usr/local/bin/with-secrets
ENV PATH=/opt/isl/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
LABEL org.opencontainers.image.title=sentry-rehearsal
WORKDIR /tmp
ENTRYPOINT ["with-secrets"]

FROM run AS stack
# A user without a name, home or shell; what it may write is a volume, owned as this folder is when it is first made.
RUN mkdir -p /var/lib/embedded && chown ${STACK_UID}:${STACK_GID} /var/lib/embedded
COPY --from=build-stack /opt/isl /opt/isl
COPY loadtest/locustfile.py /opt/loadtest/
USER ${STACK_UID}:${STACK_GID}
CMD ["python", "-m", "embedded"]

FROM run AS service
COPY --from=build-service /opt/isl /opt/isl
USER ${STACK_UID}:${STACK_GID}
ARG ISL_GIT_SHA=
ENV ISL_GIT_SHA=${ISL_GIT_SHA}
CMD ["gunicorn", "-c", "python:service.gunicorn_conf", "service.app:build_app()"]
