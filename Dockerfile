# The image of stages and of controllers: Python, Git, an SSH client, uv, and Bodywork.
#
#   docker build -t bodywork .
#
# An image for your own stages needs Python >= 3.11, Git, and `pip install bodywork`; see docs/stage.md.
ARG BASE_IMAGE=python:3.12-slim

FROM ${BASE_IMAGE} AS wheel
WORKDIR /project
COPY . .
RUN python3 -m venv /build && /build/bin/pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM ${BASE_IMAGE}
RUN if ! command -v git >/dev/null || ! command -v ssh >/dev/null; then \
        apt-get update && \
        apt-get install --yes --no-install-recommends git openssh-client ca-certificates && \
        rm -rf /var/lib/apt/lists/*; \
    fi
COPY --from=wheel /wheels /wheels
RUN python3 -m venv --without-pip /opt/bodywork && \
    python3 -m venv /tmp/pip && \
    /tmp/pip/bin/pip --python /opt/bodywork/bin/python install --no-cache-dir /wheels/*.whl uv && \
    rm -rf /tmp/pip /wheels && \
    ln -s /opt/bodywork/bin/bodywork /opt/bodywork/bin/uv /usr/local/bin/
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["bodywork"]
