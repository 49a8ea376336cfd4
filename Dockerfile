FROM python:3.13-slim AS build

WORKDIR /source
COPY requirements/ requirements/
RUN python -m venv /opt/sharelink \
    && /opt/sharelink/bin/pip install --no-cache-dir --require-hashes --requirement requirements/node.txt \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes --requirement requirements/build.txt

# The wheel packs templates/ and static/ from here and README.md into its description.
COPY pyproject.toml README.md LICENSE ./
COPY sharelink/ sharelink/
COPY templates/ templates/
COPY static/ static/
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/sharelink/bin/pip install --no-cache-dir --no-deps /wheels/*.whl \
    && /opt/sharelink/bin/python -m pip uninstall --yes pip


FROM python:3.13-slim

# A numeric user, so that an orchestrator can see that it is not root.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin sharelink \
    && install --directory --owner=10001 --group=10001 --mode=0700 \
        /var/lib/sharelink /var/lib/sharelink/keyring /var/lib/sharelink/checkpoints

COPY --from=build /opt/sharelink /opt/sharelink
COPY wsgi.py deploy/gunicorn.conf.py /opt/sharelink/

# One process by itself; compose.yaml starts nodes of several with gunicorn instead.
# Nothing is written outside /var/lib/sharelink: run with --read-only, a volume there and,
# if the temporary directory is not set to one, --tmpfs /tmp.
ENV PATH=/opt/sharelink/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SHARELINK_HOST=0.0.0.0
WORKDIR /var/lib/sharelink
VOLUME /var/lib/sharelink
USER 10001:10001
EXPOSE 8000

HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('SHARELINK_PORT', '8000') + '/healthz', timeout=4).close()"]

CMD ["sharelink", "serve"]
