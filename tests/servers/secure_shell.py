"""A real OpenSSH server on a port of this machine, with host keys of its own and one user: us.

It serves what git asks for (`git-upload-pack PATH`) to whoever holds the client key.
"""

import contextlib
import getpass
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class SshServer:
    """A running server.

    Attributes:
        key: the private key it lets in, OpenSSH's text form.
        stranger: a private key it does not let in.
        known_hosts: the line that vouches for it.
    """

    port: int
    user: str
    key: str
    stranger: str
    known_hosts: str
    address: str = LOOPBACK

    def url(self, repository: Path) -> str:
        """Return the address of a repository in this machine's file system."""
        return f"ssh://{self.user}@{self.address}:{self.port}{repository}"


def find_sshd() -> str | None:
    """Return the server's absolute path (which it insists on), or None where there is none, or
    where we are a user that no server lets in."""
    if pwd.getpwuid(os.getuid()).pw_shell.endswith(("nologin", "false")):
        return None
    return shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@contextlib.contextmanager
def ssh_server(
    folder: Path, host_key: str = "ed25519", address: str = LOOPBACK
) -> Iterator[SshServer]:
    """Run a server that keeps all its files in `folder`; it is gone when the context ends."""
    sshd = find_sshd()
    assert sshd is not None
    folder.mkdir(mode=0o700, parents=True)
    for name in ("host", "client", "stranger"):
        kind = host_key if name == "host" else "ed25519"
        make = ("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", str(folder / name))
        subprocess.run(make, check=True)
    port = free_port(address)
    (folder / "config").write_text(_configuration(folder, address, port))
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where sshd separates its privileges
    command = [sshd, "-D", "-e", "-f", str(folder / "config")]
    with (
        open(folder / "log", "wb") as log,
        subprocess.Popen(command, stderr=log, stdin=subprocess.DEVNULL) as process,
    ):
        try:
            wait_until_it_listens((address, port), process, folder / "log")
            public = " ".join((folder / "host.pub").read_text().split()[:2])
            yield SshServer(
                port,
                getpass.getuser(),
                (folder / "client").read_text(),
                (folder / "stranger").read_text(),
                f"[{address}]:{port} {public}",
                address,
            )
        finally:
            process.terminate()


def free_port(address: str = LOOPBACK) -> int:
    """Return a TCP port of that address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


def _configuration(folder: Path, address: str, port: int) -> str:
    lines = (
        f"Port {port}",
        f"ListenAddress {address}",
        f"HostKey {folder / 'host'}",
        f"AuthorizedKeysFile {folder / 'client.pub'}",
        f"PidFile {folder / 'pid'}",
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin prohibit-password",
        "LogLevel VERBOSE",
    )
    return "\n".join(lines) + "\n"


def wait_until_it_listens(
    address: tuple[str, int], process: subprocess.Popen[bytes], log: Path
) -> None:
    """Return as soon as the server takes connections; raise where its process has ended."""
    while process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(address, 1):
            return
    raise AssertionError(log.read_text())
