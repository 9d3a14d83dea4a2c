"""No secret of a stage, and none that reads its repository, is told by its container."""

from pathlib import Path

import pytest

from tests.bodywork.stage.test_run_stage import Container
from tests.support.canaries import CORE, PRINTING, betrayals, draw_values

KEY = f"-----BEGIN KEY-----\n{CORE}key\n-----END KEY-----\n"
INDEX = f"https://robot:{CORE} x@index.example/simple"
INSTALLER = """#!/bin/sh
[ "$1" = venv ] && exit 0
printf 'looking at %s\\nfailed: %s\\n' "$UV_DEFAULT_INDEX" "$TOKEN" >&2
echo "$0 $*"
exit 2
"""


@pytest.fixture
def container(tmp_path: Path) -> Container:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    return Container(tmp_path, temporary)


@pytest.mark.parametrize("seed", range(3))
def test_the_end_of_its_output_is_told_without_its_secrets(container: Container, seed: int) -> None:
    values = draw_values(30 + seed)
    container.message.touch()
    container.secrets = list(values)
    script = f"{PRINTING.format(names=[['TOKEN', 'WORD'], ['PEM'], ['DOCUMENT']][seed])}sys.exit(3)"
    code, lines = container.run(script, **values)
    assert code == 3
    assert betrayals("\n".join(lines)), "the script has printed none"
    assert "told: ***" in container.message.read_text()
    assert not betrayals(container.message.read_text())


def test_a_value_that_is_not_utf_8_is_found(container: Container) -> None:
    value = b"\xff" + CORE.encode() + b"\xfe"
    container.message.touch()
    container.secrets = ["RAW"]
    script = (
        "import os, sys\nsys.stdout.buffer.write(b'it is ' + os.environb[b'RAW'] + b'!\\xff\\n')"
    )
    raw = value.decode("utf-8", "surrogateescape")
    with container.start(f"{script}\nsys.exit(1)", RAW=raw) as process:
        assert process.wait() == 1
    assert container.message.read_text() == "it is ***!\ufffd\n"


def test_an_installer_that_fails_tells_none(container: Container, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "python3").write_text(INSTALLER)  # pip is run with it
    (tools / "python3").chmod(0o755)
    (container.folder / "train" / "requirements.txt").write_text("pandas\n")
    container.message.touch()
    container.secrets = ["TOKEN", "PIP_INDEX_URL"]
    code, lines = container.run(
        "print('ran')",
        PATH=f"{tools}:/usr/bin:/bin",
        BODYWORK_INSTALLER="pip",
        TOKEN=draw_values(33)["TOKEN"],
        PIP_INDEX_URL=INDEX,
        BODYWORK_GITHUB_SSH_PRIVATE_KEY=KEY,
    )
    assert code == 1
    assert "looking at ***" in lines
    assert "failed: ***" in lines
    assert lines[-1].startswith("error: the requirements of stage train cannot be installed")
    assert not betrayals("\n".join(lines) + container.message.read_text())


@pytest.mark.parametrize("name", ["BODYWORK_GITHUB_SSH_PRIVATE_KEY", "BODYWORK_GIT_PASSWORD"])
def test_an_error_holds_nothing_that_reads_the_repository(container: Container, name: str) -> None:
    """The name of the script stands for any foreign text: it comes from the repository."""
    container.message.touch()
    code, lines = container.run("", script=f"{CORE}key.py", **{name: f"{CORE}key"})
    assert code == 1
    assert lines[-1] == "error: stage train: there is no script ***.py in its folder"
    assert not betrayals(container.message.read_text())


def test_an_error_holds_no_value_of_a_secret(container: Container) -> None:
    container.message.touch()
    container.secrets = ["TOKEN", f"MISSING_{CORE}"]
    code, lines = container.run("", TOKEN=CORE)
    assert code == 1
    assert "needs MISSING_*** (secret vault)" in lines[-1]
    assert not betrayals(lines[-1] + container.message.read_text())
