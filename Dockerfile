# The image of all our processes; compose.yaml says which one a container runs. The Python is the tests' own.
ARG PYTHON=3.11-slim-bookworm
ARG NODE=22-bookworm-slim

FROM node:${NODE} AS web
WORKDIR /src
COPY web/ web/
RUN cd web && npm ci --ignore-scripts && node vendor.mjs

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python -m venv --without-pip /opt/breakouts
COPY requirements.lock ./
RUN pip --python /opt/breakouts/bin/python install --no-deps --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY schemas/ schemas/
COPY orchestrator/ orchestrator/
COPY workers/ workers/
COPY --from=web /src/orchestrator/api/static/vendor/ orchestrator/api/static/vendor/
RUN pip --python /opt/breakouts/bin/python install --no-deps --no-build-isolation . \
    && pip --python /opt/breakouts/bin/python uninstall --yes setuptools

FROM python:${PYTHON}
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /var/lib/breakouts breakouts \
    && install --directory --owner=breakouts --group=breakouts --mode=0700 /var/lib/breakouts
COPY --from=build /opt/breakouts /opt/breakouts
# Bytecode is in the image already, and its file system is read-only.
ENV PATH=/opt/breakouts/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 BREAKOUTS_HOME=/var/lib/breakouts
WORKDIR /var/lib/breakouts
USER breakouts
CMD ["breakouts", "--help"]
