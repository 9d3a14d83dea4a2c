"""Secrets are planted, a run fails in each way, and all that it left behind is searched."""

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bodywork.model.pods import SSH_KEY_VARIABLE
from tests.bodywork.cli.conftest import CommandLine, Project, Said
from tests.support.canaries import CORE, PRINTING, betrayals, draw_values, is_betrayed

KEY = f"-----BEGIN KEY-----\n{CORE}-key-1\n-----END KEY-----\n"
NAMES = ["TOKEN", "PEM", "DOCUMENT", "WORD"]
LOOK = """
import glob
seen = []
for path in glob.glob('/proc/[0-9]*/cmdline'):
    try:
        seen.append(open(path, errors='replace').read().replace(chr(0), ' '))
    except OSError:
        pass
open({place!r}, 'w').write(chr(10).join(seen))
"""
WAYS = {
    "exit": "sys.exit(1)\n",
    "exception": "raise ValueError(os.environ['TOKEN'])\n",
    "signal": "sys.stdout.flush()\nos.kill(os.getpid(), 9)\n",
    "last words": "sys.exit('out of memory: ' + os.environ['PEM'])\n",
}
ADDRESSES = [f"https://ada:{CORE}/3@127.0.0.1:1/p", f"https://ada:{CORE} 3@127.0.0.1:1/p"]
ADDRESSES += [f"https://{CORE}@127.0.0.1:1/p", f"ssh://git:{CORE}@127.0.0.1:1/p", f"a:{CORE}@h/p"]
INSTALLER = """#!/bin/sh
case "$*" in venv*|*--offline*) exit 0;; esac
echo "$0 $*" >{seen}
env >>{seen}
echo "error: failed to fetch $UV_DEFAULT_INDEX/pandas" >&2
exit 2
"""
_arguments: list[str] = []
_hears = [False]


def _hear(event: str, details: tuple[object, ...]) -> None:
    if _hears[0] and event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
        _arguments.append(str(details[:2]))


sys.addaudithook(_hear)


@pytest.fixture(autouse=True)
def arguments() -> Iterator[list[str]]:
    """What this process has executed."""
    _arguments.clear()
    _hears[0] = True
    yield _arguments
    _hears[0] = False


def left_behind(home: Path) -> str:
    """All that is on record: not the secrets themselves, nor the logs, which are the scripts'."""
    return "\n".join(
        f"{path}\n{path.read_text('utf-8', 'replace')}"
        for path in home.rglob("*")
        if path.is_file() and path.name != "log" and "secrets" not in path.parts
        and "cache" not in path.parts and path.suffix != ".py"
    )  # fmt: skip


def told(bodywork: CommandLine, url: str) -> str:
    commands = [
        ["status"],
        ["status", "-o", "json"],
        ["status", "latest"],
        ["status", "latest", "-o", "json"],
        ["workflow", "--dry-run", url, "main"],
        ["workflow", "--resume", "--dry-run", "-o", "json", url, "main"],
        ["cancel", bodywork.newest()],
        ["secret", "display"],
        ["secret", "display", "-o", "json"],
        ["service", "display"],
        ["doctor"],
    ]
    return "\n".join(said.out + said.err for said in (bodywork(*words) for words in commands))


def ours(said: Said) -> str:
    """What Bodywork itself has said beside what the stage has printed."""
    own = [
        line
        for line in said.out.splitlines()
        if " - stage.run_stage - " in line or " - bodyw" in line
    ]
    return "\n".join([*own, said.err])


def keep_secrets(bodywork: CommandLine, folder: Path, values: dict[str, str]) -> None:
    """Store the values, each in another way, and once more, which fails."""
    assert bodywork("setup-namespace", "default").code == 0
    (folder / "pem").write_bytes(values["PEM"].encode())
    words = ["--name", "store", "--from-file", f"PEM={folder / 'pem'}"]
    words += [f"--data={name}={values[name]}" for name in NAMES if name != "PEM"]
    said = [bodywork("secret", verb, *words) for verb in ("create", "create", "update")]
    assert [each.code for each in said] == [0, 1, 0]
    assert not is_betrayed("".join(each.out + each.err for each in said))


@pytest.mark.parametrize("way", WAYS)
def test_a_stage_that_fails_leaves_no_secret_on_record(
    way: str,
    home: Path,
    tmp_path: Path,
    shop: Project,
    bodywork: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
) -> None:
    monkeypatch.setenv(SSH_KEY_VARIABLE, KEY)
    keep_secrets(bodywork, tmp_path, draw_values(list(WAYS).index(way)))
    looted = tmp_path / "command lines"
    shop.dag("one", log_level="DEBUG")
    script = LOOK.format(place=str(looted)) + PRINTING.format(names=NAMES) + WAYS[way]
    shop.batch("one", script)
    config = shop.folder / "one" / "config.ini"
    variables = "".join(f"{name}=store\n" for name in NAMES)
    config.write_text(f"{config.read_text()}\n[secrets]\n{variables}")
    shop.commit()
    arguments.clear()  # what this test itself has typed
    said = bodywork("workflow", shop.url, "main")
    assert said.code == 1
    assert is_betrayed(said.out), "the stage has printed none"
    assert "-key-1" not in said.out
    assert not betrayals(ours(said))
    everything = told(bodywork, shop.url)
    assert "***" in everything
    assert not betrayals(everything)
    assert not betrayals(left_behind(home))
    assert "main.py" in looted.read_text()
    assert not betrayals(looted.read_text())
    assert "git" in "".join(arguments)
    assert not betrayals("\n".join(arguments))


def python_with(installer: str, folder: Path) -> str:
    """Return a Python of the same packages as ours that has this installer beside it."""
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/python").symlink_to(Path(sys.executable).resolve())
    (folder / "lib").symlink_to(Path(sys.prefix, "lib"))
    shutil.copyfile(Path(sys.prefix, "pyvenv.cfg"), folder / "pyvenv.cfg")
    (folder / "bin/uv").write_text(installer)
    (folder / "bin/uv").chmod(0o755)
    return str(folder / "bin/python")


def test_an_installer_that_fails_tells_no_password_and_is_given_no_key(
    home: Path,
    tmp_path: Path,
    shop: Project,
    bodywork: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = tmp_path / "seen"
    python = python_with(INSTALLER.format(seen=seen), tmp_path / "tools")
    monkeypatch.setattr(sys, "executable", python)
    monkeypatch.setenv("PIP_INDEX_URL", f"https://robot:{CORE} x@index.example/simple")
    monkeypatch.setenv(SSH_KEY_VARIABLE, KEY)
    keep_secrets(bodywork, tmp_path, draw_values(11))
    (shop.folder / "one" / "requirements.txt").write_text("pandas\n")
    config = shop.folder / "one" / "config.ini"
    config.write_text(f"{config.read_text()}\n[secrets]\nTOKEN=store\n")
    shop.commit()
    said = bodywork("workflow", shop.url, "main")
    assert said.code == 1
    assert "failed to fetch https://***@index.example/simple/pandas" in said.out
    logs = bodywork("logs", "latest")
    everything = said.out + said.err + logs.out + told(bodywork, shop.url) + left_behind(home)
    assert not betrayals(everything)
    given = seen.read_text()
    assert "TOKEN=" in given, "an index may want a secret of the stage"
    assert SSH_KEY_VARIABLE not in given
    assert "-key-1" not in given


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_that_cannot_be_cloned_leaves_no_password_anywhere(
    address: str, home: Path, bodywork: CommandLine, arguments: list[str]
) -> None:
    said = [bodywork("workflow", address, "main"), bodywork("workflow", "--dry-run", address, "b")]
    assert all(each.code != 0 for each in said)
    said += [bodywork("status"), bodywork("status", "latest", "-o", "json")]
    said += [bodywork("stage", address, "main", "train")]
    everything = "".join(each.out + each.err for each in said) + left_behind(home)
    assert not betrayals(everything + "\n".join(arguments))


def test_what_is_kept_on_this_machine_is_its_owner_s(
    home: Path, tmp_path: Path, bodywork: CommandLine, shop: Project
) -> None:
    before = os.umask(0o022)
    try:
        keep_secrets(bodywork, tmp_path, draw_values(12))
        assert bodywork("workflow", shop.url, "main").code == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "cache").stat().st_mode) == 0o700
    open_ones = [
        path
        for path in (home / "namespaces").rglob("*")
        if "work" not in path.parts and stat.S_IMODE(path.lstat().st_mode) & 0o077
    ]
    assert not open_ones
