# The image of stages and of controllers: Python, Git, an SSH client, uv, and Bodywork.
#
#   docker build -t bodywork .
#
# An image of your own needs Python >= 3.11, Git, and `pip install bodywork`; see docs/stage.md.
ARG BASE_IMAGE=python:3.12-slim

FROM ${BASE_IMAGE} AS tools
RUN python3 -m venv /tools && /tools/bin/pip install --no-cache-dir hatchling uv

FROM tools AS wheel
WORKDIR /project
COPY pyproject.toml README.md LICENSE ./
COPY bodywork bodywork
COPY statemachine statemachine
COPY examples/iris-classifier examples/iris-classifier
RUN /tools/bin/hatchling build --target wheel --directory /wheels

# What Bodywork stands on changes seldom; it is a layer of its own, which most builds find made.
FROM tools AS installed
RUN python3 -m venv --without-pip /opt/bodywork
COPY pyproject.toml /tools/
RUN /tools/bin/uv pip install --no-cache --python /opt/bodywork/bin/python uv -r /tools/pyproject.toml && \
    /opt/bodywork/bin/python -m compileall -q -x 'kubernetes/client/(api|models)/(?!__init__)' /opt/bodywork/lib
COPY --from=wheel /wheels /wheels
RUN /tools/bin/uv pip install --no-cache --python /opt/bodywork/bin/python --no-deps --compile-bytecode /wheels/*.whl

FROM ${BASE_IMAGE}
RUN if ! command -v git >/dev/null || ! command -v ssh >/dev/null; then \
        apt-get update && \
        apt-get install --yes --no-install-recommends git openssh-client ca-certificates && \
        rm -rf /var/lib/apt/lists/*; \
    fi
# Who runs here may write no bytecode, and many base images bring none: it would be made anew at
# each start, of a stage as well as of a controller.
RUN python3 -m compileall -q -x '/(test|tests|idlelib|lib2to3|site-packages|dist-packages)/' \
    "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
# ssh wants to find the user that it runs as.
RUN useradd --uid 10001 --home-dir /tmp --no-create-home --shell /usr/sbin/nologin bodywork
COPY --from=installed /opt/bodywork /opt/bodywork
RUN ln -s /opt/bodywork/bin/bodywork /opt/bodywork/bin/uv /usr/local/bin/
ENV HOME=/tmp PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["bodywork"]
