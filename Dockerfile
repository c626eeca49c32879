# docker build -t trending-papers-digest .
# docker run -p 127.0.0.1:8000:8000 -v digest:/data -e DIGEST_SECRET_KEY=… trending-papers-digest
FROM python:3.11-slim

# Safe path: nothing that lies in the volume is ever imported.
ENV DIGEST_STATE_DIR=/data/state \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PYTHONPATH=/app \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1

# The libraries first: they change less often than the project.
COPY requirements/run.txt /app/requirements.txt
RUN pip install --require-hashes -r /app/requirements.txt

# The project is run from its folder: `pip install .` would fetch a build backend without a hash.
COPY config /app/config
COPY templates /app/templates
COPY digest /app/digest
RUN python -m compileall -q /app \
    && printf '#!/bin/sh\nexec python -m digest "$@"\n' >/usr/local/bin/digest \
    && chmod +x /usr/local/bin/digest \
    && useradd --system --uid 10001 digest \
    && install -d -o digest -g digest /data /data/var /data/state

# The default database, var/digest.db, lies in the volume.
WORKDIR /data
VOLUME /data
USER digest
EXPOSE 8000
HEALTHCHECK --start-period=10s CMD ["python", "-c", \
    "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=5)"]
CMD ["digest", "serve", "--host", "0.0.0.0"]
