"""A client certificate that cannot be read is told as such: nothing is wrong with the cluster."""

import base64
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bodywork.cluster.client import Client
from bodywork.errors import EngineError, EngineUnavailable
from statemachine.retries import RetryPolicy
from tests.servers.kubeconfig import write_kubeconfig

ONCE = RetryPolicy(attempts=1, deadline_seconds=5.0)
BROKEN = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n"


@pytest.fixture
def server() -> Iterator[str]:
    """The address of something that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"


def ask(folder: Path, server: str, user: dict[str, str]) -> None:
    client = Client.connect(
        kubeconfig=str(write_kubeconfig(folder, server, user=user)), policy=ONCE
    )
    try:
        client.get("/version")
    finally:
        client.close()


@pytest.mark.parametrize("key", ["x", BROKEN])
@pytest.mark.parametrize("certificate", ["x", BROKEN])
def test_certificates_in_the_kubeconfig(
    certificate: str, key: str, server: str, tmp_path: Path
) -> None:
    user = {
        "client-certificate-data": base64.b64encode(certificate.encode()).decode(),
        "client-key-data": base64.b64encode(key.encode()).decode(),
    }
    with pytest.raises(
        EngineError, match=r"the client certificate or key .* cannot be read"
    ) as got:
        ask(tmp_path, server, user)
    assert "client-certificate(-data)" in got.value.hint
    assert not isinstance(got.value, EngineUnavailable)


@pytest.mark.parametrize("content", ["", "x", BROKEN])
def test_certificates_in_files(content: str, server: str, tmp_path: Path) -> None:
    for name in ("user.crt", "user.key"):
        (tmp_path / name).write_text(content)
    user = {
        "client-certificate": str(tmp_path / "user.crt"),
        "client-key": str(tmp_path / "user.key"),
    }
    with pytest.raises(EngineError, match=r"the client certificate or key .* cannot be read"):
        ask(tmp_path, server, user)
