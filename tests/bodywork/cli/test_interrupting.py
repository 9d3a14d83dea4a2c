"""Ctrl-C and SIGTERM end a command soon, whatever the API server does, without a traceback.

The real command line in a process of its own, over a small API server that hangs at the n-th
request and at all that follow. The signal is sent once that request has arrived. How long the end
may take here says only that no time-out (30 s and more) was waited for: the machine may be busy.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from tests.cluster.projects import Project
from tests.servers.hanging_api import LINE, Site, hanging_api, unfinished_handshake
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_api import Misbehaviour
from tests.servers.kubernetes_controllers import NAMESPACE

EVERY = bool(os.environ.get("BODYWORK_TEST_EVERY"))
REQUESTS = 60
"""More than a run of this project sends until it is rolled back; then it has ended by itself."""
SECONDS = 25.0
ARRIVAL_SECONDS = 120.0
MAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
HANGS = [Misbehaviour.HANG_BEFORE, Misbehaviour.HANG_AFTERWARDS, Misbehaviour.HANG_HALFWAY]
SIGNALS = [signal.SIGINT, signal.SIGTERM]


class Desk:
    """A user's folder, with a project in a repository and a kubeconfig of the server.

    Attributes:
        took: seconds from each signal to the end of its command.
    """

    took: ClassVar[list[float]] = []

    def __init__(self, root: Path, repository: Path) -> None:
        self.root = root
        self.repository = repository

    def start(self, site: Site, *words: str) -> "subprocess.Popen[str]":
        path = write_kubeconfig(self.root, site.server.url, namespace=NAMESPACE)
        return self.start_with(path, *words)

    def start_with(self, kubeconfig: Path, *words: str) -> "subprocess.Popen[str]":
        kept = {key: value for key, value in os.environ.items() if "BODYWORK" not in key}
        return subprocess.Popen(
            [sys.executable, "-m", "bodywork", *words],
            env={**kept, "KUBECONFIG": str(kubeconfig), "HOME": str(self.root)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def workflow(self, site: Site) -> "subprocess.Popen[str]":
        return self.start(site, "workflow", self.repository.as_uri(), "main")

    def stop(self, command: "subprocess.Popen[str]", number: signal.Signals) -> str:
        """Send the signal, and return all that the command said; it must end."""
        began = time.monotonic()
        command.send_signal(number)
        try:
            said = command.communicate(timeout=SECONDS)[0]
        except subprocess.TimeoutExpired:
            command.kill()
            pytest.fail(f"it has not ended; it said:\n{command.communicate()[0]}")
        self.took.append(time.monotonic() - began)
        assert not re.search("Traceback|Exception ignored|Fatal Python|bug in Bodywork", said), said
        return said


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose service is deployed and, since a later stage fails, rolled back."""
    folder = tmp_path_factory.mktemp("git") / "shop"
    project = Project(folder, "image:1", "prepare >> serve >> check")
    project.batch("prepare", "print('hello')\n")
    project.service("serve")
    project.batch("check", "raise SystemExit(1)\n")
    project.commit()
    return folder


@pytest.fixture
def desk(tmp_path: Path, repository: Path) -> Desk:
    return Desk(tmp_path, repository)


@contextlib.contextmanager
def shop() -> Iterator[Site]:
    """A server with the namespace, in which the last stage fails."""
    with hanging_api() as site:
        site.server.objects.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        site.cluster.codes["check"] = 1
        yield site


@pytest.fixture
def site() -> Iterator[Site]:
    with shop() as site:
        yield site


def run_on_record(site: Site) -> tuple[str, bool]:
    """Return the name of the run, "" for none, and whether its record is sealed."""
    for (place, name), found in site.server.objects.kept.items():
        if place == MAPS and "checkpoint.json" in found.get("data", {}):
            return name, bool(found.get("immutable"))
    return "", False


def assert_resumable(site: Site, command: "subprocess.Popen[str]", said: str) -> None:
    run, sealed = run_on_record(site)
    if sealed and command.returncode == 1:
        return  # the signal came after the end, which alone decides the exit code
    assert command.returncode == 4, said
    ways = ("the same command goes on", "nothing had been started", f"--resume --run={run}")
    assert any(way in said for way in ways), said
    if run and "creating job" in said:
        assert f"bodywork workflow --resume --run={run}" in said


def interrupt_run(desk: Desk, site: Site, number: int, kind: Misbehaviour) -> bool:
    """Interrupt a run whose n-th request hangs; return False where it sends fewer."""
    fault = site.hang(number, kind)
    command = desk.workflow(site)
    while not fault.begun.wait(0.2):
        if command.poll() is not None:
            said = command.communicate()[0]
            assert command.returncode == 1, said
            return False
    said = desk.stop(command, SIGNALS[number % 2])
    assert_resumable(site, command, said)
    return True


@pytest.mark.parametrize("number", range(1, REQUESTS, 1 if EVERY else 7))
def test_a_run_is_interrupted_at_each_request(desk: Desk, site: Site, number: int) -> None:
    arrived = interrupt_run(desk, site, number, HANGS[number % len(HANGS)])
    assert arrived or number > 35, "a run sends more requests than that"


@pytest.fixture(scope="module")
def abandoned(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Iterator[Site]:
    """A server with a run on record whose first stage never ends, and that has no controller."""
    desk = Desk(tmp_path_factory.mktemp("abandoned"), repository)
    with shop() as site:
        site.cluster.ended.set()
        command = desk.workflow(site)
        assert command.stdout is not None
        for line in command.stdout:
            if "creating job" in line:
                break
        command.kill()
        command.communicate()
        yield site


LOOKS = {
    "status": ["status"],
    "status of a run": ["status", "{run}"],
    "logs": ["logs", "--follow", "{run}"],
    "cronjobs": ["cronjob", "display"],
    "services": ["service", "display"],
    "secrets": ["secret", "display"],
    "doctor": ["doctor"],
    "resume": ["workflow", "--resume"],
    "cancel": ["cancel", "{run}"],
}
ENDED_BY = {signal.SIGINT: {130, 4}, signal.SIGTERM: {-signal.SIGTERM, 130, 4}}
"""A command that changes no run ends as the signal ends any program."""


@pytest.mark.parametrize("number", range(1, 9) if EVERY else [2])
@pytest.mark.parametrize("words", LOOKS.values(), ids=LOOKS.keys())
def test_other_commands_are_interrupted(
    desk: Desk, abandoned: Site, words: list[str], number: int
) -> None:
    site = abandoned
    run, _ = run_on_record(site)
    fault = site.hang(number, HANGS[len(words[0]) % len(HANGS)])
    command = desk.start(site, *(word.format(run=run) for word in words))
    while not fault.begun.wait(0.2):
        if command.poll() is not None:
            said = command.communicate()[0]
            assert number > 2, said
            return
    chosen = SIGNALS[(number + len(words)) % 2]
    said = desk.stop(command, chosen)
    assert command.returncode in ENDED_BY[chosen], said
    if words[0] == "workflow":
        assert command.returncode == 4, said


@pytest.mark.parametrize("number", SIGNALS)
def test_a_silent_watch_and_a_silent_log(desk: Desk, site: Site, number: signal.Signals) -> None:
    """All requests are answered; nothing happens any more, and neither stream says so."""
    site.server.logs.default_factory = lambda: [LINE, None]  # type: ignore[attr-defined]
    command = desk.workflow(site)
    assert command.stdout is not None
    for line in command.stdout:
        if "hello" in line:
            break
    said = desk.stop(command, number)
    assert_resumable(site, command, "creating job" + said)


@pytest.mark.parametrize(
    "words", [["workflow", "--resume"], ["status"]], ids=lambda words: words[0]
)
def test_a_hang_while_connecting(desk: Desk, words: list[str]) -> None:
    with unfinished_handshake() as (port, accepted):
        address = f"https://127.0.0.1:{port}"
        path = write_kubeconfig(desk.root, address)
        command = desk.start_with(path, *words)
        assert accepted.wait(ARRIVAL_SECONDS)
        said = desk.stop(command, signal.SIGINT)
    assert command.returncode == (4 if words[0] == "workflow" else 130), said


def test_the_second_signal_ends_at_once(desk: Desk, site: Site) -> None:
    fault = site.hang(20)
    command = desk.workflow(site)
    assert fault.begun.wait(ARRIVAL_SECONDS)
    command.send_signal(signal.SIGINT)
    said = desk.stop(command, signal.SIGINT)
    assert command.returncode == 4, said


def test_what_was_interrupted_is_resumed(desk: Desk, site: Site) -> None:
    assert interrupt_run(desk, site, 20, Misbehaviour.HANG_BEFORE)
    site.server.faults.clear()
    run, _ = run_on_record(site)
    command = desk.start(site, "workflow", "--resume", f"--run={run}")
    said = command.communicate(timeout=ARRIVAL_SECONDS)[0]
    assert command.returncode == 1, said
    assert site.server.objects.get(MAPS, run)["data"]["state"] == "rolled-back"
