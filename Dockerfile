# One image for every process of ours; docker-compose.yml says which one a container runs.
FROM python:3.11.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /opt/build && python -m venv /opt/continuity
COPY requirements requirements
RUN /opt/build/bin/pip install --require-hashes -r requirements/build.txt \
 && /opt/continuity/bin/pip install --require-hashes -r requirements/server.txt
COPY LICENSE NOTICE README.md hatch_build.py package.json package-lock.json pyproject.toml .npmrc ./
COPY api api
COPY evidence evidence
COPY ingest ingest
COPY retention retention
COPY transcode transcode
# The wheel fetches the pages' style sheets through npm, which checks them against package-lock.json.
RUN PATH=/opt/build/bin:$PATH pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/continuity/bin/pip install --no-deps /wheels/*.whl

FROM python:3.11.11-slim-bookworm
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libseccomp2 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin continuity \
 && install -d -o continuity -g continuity -m 700 /srv/scratch /srv/agent
COPY --from=build /opt/continuity /opt/continuity
COPY ops /opt/continuity/ops
ENV PATH=/opt/continuity/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /opt/continuity
USER continuity
CMD ["continuity", "--help"]
