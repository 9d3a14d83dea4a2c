"""The webhook example, called by the real command line when a run fails."""

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "webhook"


class Webhook(http.server.ThreadingHTTPServer):
    """A server that keeps what is posted to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.posts: list[tuple[str, str]] = []


class Handler(http.server.BaseHTTPRequestHandler):
    """Takes a post, and is quiet about it."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert isinstance(self.server, Webhook)
        self.server.posts.append((self.headers["Idempotency-Key"], json.loads(body)["text"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  (the base's)
        """Say nothing."""


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def project(folder: Path) -> None:
    (folder / "bodywork.ini").write_text(
        "[default]\nPROJECT_NAME=shop\nDOCKER_IMAGE=python:3.12-slim\n[workflow]\nDAG=a\n"
    )
    (folder / "a").mkdir()
    (folder / "a" / "config.ini").write_text(
        "[default]\nSTAGE_TYPE=batch\nEXECUTABLE_SCRIPT=main.py\n"
        "[batch]\nMAX_COMPLETION_TIME_SECONDS=30\n"
    )
    (folder / "a" / "requirements.txt").write_text("")
    (folder / "a" / "main.py").write_text("raise SystemExit(1)\n")
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "work"]):
        subprocess.run(["git", *identity, *command], cwd=folder, check=True)


def test_a_failed_run_is_posted_once_with_a_key(webhook: Webhook, tmp_path: Path) -> None:
    repository = tmp_path / "project"
    repository.mkdir()
    project(repository)
    done = subprocess.run(
        [sys.executable, "-m", "bodywork", "workflow", "--engine=local",
         "--hook=notify:tell_the_team", repository.as_uri(), "main"],
        cwd=EXAMPLE,
        env={
            **os.environ,
            "BODYWORK_HOME": str(tmp_path / "state"),
            "WEBHOOK_URL": f"http://127.0.0.1:{webhook.server_port}/hook",
            "NO_PROXY": "127.0.0.1",
        },
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    [(key, text)] = webhook.posts
    run = text.split()[1]
    assert text == f"run {run} is failed"
    assert key.startswith(f"{run}/")
