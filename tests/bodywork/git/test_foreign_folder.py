"""What a repository of another user can make git do: nothing but be read."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from bodywork.git import transport
from bodywork.git.repository import parse_repository


def test_upload_pack_fetches_nothing_by_the_config_of_another_users_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As git before 2.39.4 would: it starts upload-pack by a shell, and that runs what fetches.
    monkeypatch.setattr(transport, "_is_foreign", lambda folder: True)
    [option] = transport.build_transport(parse_repository(str(tmp_path)), {}, tmp_path).options
    told = tmp_path / "told"
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\n{{ env; echo "$*"; }} > {shlex.quote(str(told))}\n')
    fake.chmod(0o755)
    command = f"{option.removeprefix('--upload-pack=')} {shlex.quote(str(tmp_path))}"
    environment = {"PATH": f"{fake.parent}:{os.environ['PATH']}", "GIT_ALLOW_PROTOCOL": "file:ssh"}
    subprocess.run(["sh", "-c", command], env=environment, check=True)
    lines = told.read_text().splitlines()
    assert {"GIT_ALLOW_PROTOCOL=", "GIT_NO_LAZY_FETCH=1"} <= set(lines)
    assert lines[-1] == f"-c safe.directory=* upload-pack {tmp_path}"


def test_an_empty_list_of_protocols_allows_none(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    done = subprocess.run(
        ["git", "ls-remote", f"file://{tmp_path}"],
        env={**os.environ, "GIT_ALLOW_PROTOCOL": "", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "transport 'file' not allowed" in done.stderr
