"""What git, its helpers and servers repeat of a password or a key is told to nobody."""

from pathlib import Path

import pytest

from bodywork.errors import SourceError
from bodywork.git.source import GitSource
from bodywork.model.pods import SSH_KEY_VARIABLE
from tests.support.canaries import CORE, FORMS, betrayals

PASSWORD = f"{CORE}/p w@%é"
QUOTED = FORMS["URL"](PASSWORD)
KEY = f"-----BEGIN PRIVATE KEY-----\n{CORE}AAAAA\n-----END PRIVATE KEY-----\n"
ADDRESSES = [f"https://ada:{QUOTED}@host/p", f"https://{QUOTED}@host/p", "git@host:p"]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("begin", ["fatal: ", "remote: ", "error: RPC failed; ", ""])
def test_what_a_server_repeats_is_hidden(address: str, begin: str, tmp_path: Path) -> None:
    secret = KEY if address.startswith("git@") else PASSWORD
    told = [f"{begin}{form(secret)} is wrong" for form in FORMS.values()]
    (tmp_path / "told").write_text("\n".join(told) + "\n")
    (tmp_path / "git").write_text(f"#!/bin/sh\ncat {tmp_path}/told >&2\nexit 128\n")
    (tmp_path / "git").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "TMPDIR": str(tmp_path)}
    if secret == KEY:
        environment[SSH_KEY_VARIABLE] = KEY
    said: list[str] = []
    with (
        pytest.raises(SourceError) as raised,
        GitSource(environment).checkout(address, "main", say=said.append),
    ):
        pass
    everything = "\n".join([*said, str(raised.value), raised.value.message, raised.value.hint])
    assert "***" in everything
    assert not betrayals(everything)
