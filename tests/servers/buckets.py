"""An S3-compatible server (moto's), in an environment and a process of its own."""

import contextlib
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.servers.environments import cached_environment
from tests.servers.secure_shell import LOOPBACK, free_port, wait_until_it_listens


@dataclass(frozen=True, slots=True)
class BucketServer:
    """A running server; it lets in whoever has any key."""

    url: str

    def make_bucket(self, name: str) -> None:
        """Make a bucket."""
        request = urllib.request.Request(f"{self.url}/{name}", method="PUT")
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    def keys(self, bucket: str) -> str:
        """Return the listing of a bucket, S3's XML."""
        with urllib.request.urlopen(f"{self.url}/{bucket}?list-type=2", timeout=10) as answer:
            return str(answer.read().decode())


@contextlib.contextmanager
def bucket_server(log: Path, address: str = LOOPBACK) -> Iterator[BucketServer]:
    """Serve buckets, kept in memory, until the context ends."""
    python = cached_environment("moto", ["moto[s3,server]>=5,<6"])
    port = free_port(address)
    command = [str(python.with_name("moto_server")), "-H", address, "-p", str(port)]
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL) as process,
    ):
        try:
            wait_until_it_listens((address, port), process, log)
            yield BucketServer(f"http://{address}:{port}")
        finally:
            process.terminate()
