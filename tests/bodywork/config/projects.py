"""A good project, and changes to it."""

from collections.abc import Mapping
from pathlib import Path

from bodywork.errors import Problem

GOOD: Mapping[str, str] = {
    "bodywork.ini": (
        "[default]\n"
        'PROJECT_NAME="shop"\n'
        'DOCKER_IMAGE="bodyworkml/bodywork-core:latest"\n'
        "\n"
        "[workflow]\n"
        "DAG=prepare >> train-a, train-b >> serve\n"
        "\n"
        "[logging]\n"
        'LOG_LEVEL="INFO"\n'
    ),
    **{
        f"{stage}/config.ini": (
            "[default]\n"
            'STAGE_TYPE="batch"\n'
            'EXECUTABLE_SCRIPT="main.py"\n'
            "CPU_REQUEST=0.25\n"
            "MEMORY_REQUEST_MB=100\n"
            "\n"
            "[batch]\n"
            "MAX_COMPLETION_TIME_SECONDS=30\n"
            "RETRIES=2\n"
            "\n"
            "[secrets]\n"
            'USERNAME="credentials"\n'
        )
        for stage in ("prepare", "train-a", "train-b")
    },
    "serve/config.ini": (
        "[default]\n"
        'STAGE_TYPE="service"\n'
        'EXECUTABLE_SCRIPT="main.py"\n'
        "\n"
        "[service]\n"
        "MAX_STARTUP_TIME_SECONDS=30\n"
        "REPLICAS=1\n"
        "PORT=5000\n"
    ),
    **{f"{stage}/main.py": "" for stage in ("prepare", "train-a", "train-b", "serve")},
    **{f"{stage}/requirements.txt": "" for stage in ("prepare", "train-a", "train-b", "serve")},
}


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write a project's files."""
    for name, content in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def changed(root: Path, file: str, old: str, new: str) -> Path:
    """Write the good project with one replacement; `old` must be in the file."""
    assert old in GOOD[file], f"{old!r} is not in {file}"
    return write(root, {**GOOD, file: GOOD[file].replace(old, new, 1)})


def shown(problem: Problem) -> str:
    """Return a problem as one line."""
    return f"{problem.file}:{problem.line} [{problem.section}] {problem.key}: {problem.message}"
