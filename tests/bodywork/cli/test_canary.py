"""Secrets are planted, a run fails in each way, and all that it left behind is searched."""

from pathlib import Path

import pytest

from bodywork.model.pods import SSH_KEY_VARIABLE
from tests.bodywork.cli.conftest import CommandLine, Project

KEY = "-----BEGIN KEY-----\ncanary-key-1\n-----END KEY-----\n"
VALUES = {"TOKEN": "canary/token ?#@1", "PEM": "head-canary\nbody-canary-2\n"}
TELL = (
    "import os, sys\nfor name in ('TOKEN', 'PEM'):\n    print(os.environ[name], repr(os.environ))\n"
)
WAYS = {
    "exit": f"{TELL}sys.exit(1)\n",
    "exception": f"{TELL}raise ValueError(os.environ['TOKEN'])\n",
    "signal": f"{TELL}sys.stdout.flush()\nos.kill(os.getpid(), 9)\n",
    "last words": f"{TELL}sys.exit('out of memory: ' + os.environ['PEM'])\n",
}
ADDRESSES = ["https://ada:canary/3@127.0.0.1:1/p", "https://ada:canary 3@127.0.0.1:1/p"]
ADDRESSES += ["https://canary-3@127.0.0.1:1/p", "ssh://git:canary@127.0.0.1:1/p", "ada:canary@h/p"]


def left_behind(home: Path) -> str:
    """All that is on record: not the secrets themselves, nor the logs, which are the scripts'."""
    return "\n".join(
        path.read_text("utf-8", "replace")
        for path in home.rglob("*")
        if path.is_file() and path.name != "log" and "secrets" not in path.parts
        and "cache" not in path.parts and path.suffix != ".py"
    )  # fmt: skip


def told(bodywork: CommandLine) -> str:
    said = [bodywork("status", *words) for words in ([], ["latest"], ["latest", "-o", "json"])]
    return "".join(each.out + each.err for each in said)


@pytest.mark.parametrize("way", WAYS)
def test_a_stage_that_fails_leaves_no_secret_on_record(
    way: str, home: Path, shop: Project, bodywork: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BODYWORK_ENGINE", "local")
    monkeypatch.setenv(SSH_KEY_VARIABLE, KEY)
    bodywork("setup-namespace", "default")
    data = [word for name, value in VALUES.items() for word in ("--data", f"{name}={value}")]
    assert bodywork("secret", "create", "--name", "store", *data).code == 0
    shop.batch("one", WAYS[way])
    config = next(shop.folder.glob("one/config.ini"))
    config.write_text(config.read_text() + "\n[secrets]\nTOKEN=store\nPEM=store\n")
    shop.commit()
    said = bodywork("workflow", shop.url, "main")
    assert said.code == 1
    assert "canary-key" not in said.out + said.err
    assert "canary" not in said.err
    assert "***" in told(bodywork)
    assert "canary" not in told(bodywork) + left_behind(home)


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_that_cannot_be_cloned_leaves_no_password_anywhere(
    address: str, home: Path, bodywork: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BODYWORK_ENGINE", "local")
    said = bodywork("workflow", address, "main")
    assert said.code != 0
    assert "canary" not in said.out + said.err + told(bodywork) + left_behind(home)
