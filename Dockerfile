FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY service service
COPY sql sql
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .
RUN python -m venv /opt/trecento && /opt/trecento/bin/pip install --no-cache-dir /wheels/*.whl

FROM python:3.13-slim
COPY --from=build /opt/trecento /opt/trecento
# A number, so that an orchestrator can tell that it is not root. Nothing is written: the file system may be read-only,
# with DATABASE_URL and TRECENTO_SECRET given.
USER 10001:10001
ENV PATH=/opt/trecento/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TRECENTO_HOST=0.0.0.0
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["python", "-c", "import http.client, os, sys; live = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('TRECENTO_PORT') or 8080), timeout=2); live.request('GET', '/health/live'); sys.exit(live.getresponse().status != 200)"]
ENTRYPOINT ["trecento"]
CMD ["serve"]
