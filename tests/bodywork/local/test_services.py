"""Services: proven beside the live version, switched to, brought back, restarted, removed."""

import contextlib
import json
import os
import signal
import socket
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bodywork.errors import EngineError, NotFound
from bodywork.local import draining, processes
from bodywork.model.names import RunName, StageName
from bodywork.model.run import Claim, Phase, ServiceVersion
from tests.bodywork.local.machine import (
    NAMESPACE,
    PROJECT,
    SERVER,
    Machine,
    attempt_of,
    service,
    until,
)

NAME = "shop--serve"


def answer(machine: Machine) -> str:
    [found] = machine.administration.services(NAMESPACE)
    with urllib.request.urlopen(found.address, timeout=5) as reply:
        return str(reply.read().decode())


def deploy(machine: Machine, word: str, run: str) -> ServiceVersion:
    machine.publish({"serve/main.py": SERVER.replace("{word}", word)}, run)
    assert machine.deploy(service(), run).phase is Phase.READY
    live = machine.engine.live_version(PROJECT, service().name)
    assert live
    return live


def bring_back(machine: Machine, run: str, previous: ServiceVersion | None) -> Phase:
    attempt = attempt_of("serve", 1, run)
    while (
        seen := machine.engine.restore_version(attempt, Claim(previous=previous))
    ).phase is Phase.RUNNING:
        machine.engine.wait([attempt], 0.1)
    return seen.phase


def test_a_ready_version_becomes_the_live_one_when_it_is_accepted(machine: Machine) -> None:
    machine.publish({"serve/main.py": SERVER.replace("{word}", "v1")})
    assert machine.deploy(service(), "run-1", accept=False).phase is Phase.READY
    assert machine.engine.live_version(PROJECT, service().name) is None
    assert machine.administration.services(NAMESPACE) == []
    machine.engine.accept_version(attempt_of("serve"))
    machine.engine.accept_version(attempt_of("serve"))
    live = machine.engine.live_version(PROJECT, service().name)
    assert live
    assert (live.run, live.stage) == ("run-1", "serve")
    [found] = machine.administration.services(NAMESPACE)
    assert (found.name, found.url) == (NAME, "http://shop--serve:5000")
    assert (found.available_replicas, found.unavailable_replicas) == (1, 0)


def test_the_live_version_answers_until_the_new_one_is_accepted(machine: Machine) -> None:
    deploy(machine, "v1", "run-1")
    machine.publish({"serve/main.py": SERVER.replace("{word}", "v2")}, "run-2")
    assert machine.deploy(service(), "run-2", accept=False).phase is Phase.READY
    assert answer(machine) == "v1"
    machine.engine.accept_version(attempt_of("serve", 1, "run-2"))
    assert answer(machine) == "v2"


def test_an_accepted_version_can_be_taken_back(machine: Machine) -> None:
    first = deploy(machine, "v1", "run-1")
    deploy(machine, "v2", "run-2")
    assert bring_back(machine, "run-2", first) is Phase.READY
    assert answer(machine) == "v1"
    assert machine.engine.live_version(PROJECT, service().name) == first
    assert bring_back(machine, "run-2", first) is Phase.READY


def test_a_first_version_is_taken_back_by_removing_it(machine: Machine) -> None:
    deploy(machine, "v1", "run-1")
    assert bring_back(machine, "run-1", None) is Phase.ABSENT
    assert machine.administration.services(NAMESPACE) == []
    assert bring_back(machine, "run-1", None) is Phase.ABSENT


def test_what_another_run_deployed_since_is_left_alone(machine: Machine) -> None:
    first = deploy(machine, "v1", "run-1")
    deploy(machine, "v2", "run-2")
    deploy(machine, "v3", "run-3")
    seen = machine.engine.restore_version(attempt_of("serve", 1, "run-2"), Claim(previous=first))
    assert (seen.phase, seen.reason) == (Phase.READY, "run run-3 has claimed it since")
    assert answer(machine) == "v3"


def test_a_version_whose_files_are_gone_cannot_be_brought_back(machine: Machine) -> None:
    first = deploy(machine, "v1", "run-1")
    deploy(machine, "v2", "run-2")
    machine.engine.settle(attempt_of("serve", 1, "run-2"), keep=())
    seen = machine.engine.restore_version(attempt_of("serve", 1, "run-2"), Claim(previous=first))
    assert seen.phase is Phase.FAILED
    assert "are gone" in seen.reason
    assert answer(machine) == "v2"


def test_forgetting_a_run_keeps_its_live_service(machine: Machine) -> None:
    deploy(machine, "v1", "run-1")
    machine.engine.release(RunName("run-1"))
    machine.engine.forget(RunName("run-1"))
    assert answer(machine) == "v1"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_an_accepted_service_that_dies_is_started_again(machine: Machine) -> None:
    live = deploy(machine, "v1", "run-1")
    versions = machine.root / "namespaces" / NAMESPACE / "services" / NAME / "versions"
    status = versions / live.id / "status.json"

    def pid() -> int:
        return int(json.loads(status.read_text())["pid"])

    first = pid()
    os.kill(first, signal.SIGKILL)
    until(lambda: pid() != first)
    until(lambda: machine.administration.services(NAMESPACE)[0].available_replicas == 1)
    assert answer(machine) == "v1"


def test_a_port_that_a_stranger_holds_is_named(machine: Machine) -> None:
    with contextlib.closing(socket.socket()) as stranger:
        stranger.bind(("0.0.0.0", 0))  # noqa: S104  (that is what strangers do)
        stranger.listen()
        port = stranger.getsockname()[1]
        machine.publish({"serve/main.py": ""})
        with pytest.raises(EngineError, match=f"port {port} is held by") as caught:
            machine.deploy(service(port=port), "run-1")
        if Path("/proc/self").exists():
            assert f"(process {os.getpid()})" in caught.value.message


def test_a_service_must_not_end(machine: Machine) -> None:
    machine.publish({"serve/main.py": "print('so short')\n"})
    seen = machine.deploy(service(), "run-1")
    assert seen.phase is Phase.FAILED
    assert seen.reason == "the script ended (exit code 0); a service's must not"
    assert seen.tail == ("so short",)


LISTENER = "import socket, time\nserver = socket.create_server({address})\ntime.sleep(100)\n"
FORKED = "import os, time\nif os.fork():\n    time.sleep(100)\n" + LISTENER
AT = "did not answer on port 5000 within MAX_STARTUP_TIME_SECONDS=1"
ALL_ADDRESSES = "let it listen on 0.0.0.0: on a cluster, too, only that can be reached"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.parametrize(
    ("script", "where", "hint"),
    [
        (LISTENER.format(address=("127.0.0.1", 5000)), "127.0.0.1:5000", ALL_ADDRESSES),
        (FORKED.format(address=("127.0.0.1", 5000)), "127.0.0.1:5000", ALL_ADDRESSES),
        (
            LISTENER.format(address="('::1', 5000), family=socket.AF_INET6"),
            "[::1]:5000",
            ALL_ADDRESSES,
        ),
        (
            LISTENER.format(address=("0.0.0.0", 5077)),  # noqa: S104
            "0.0.0.0:5077",
            "let it listen on 0.0.0.0:5000, or set PORT=5077 in config.ini",
        ),
        (
            LISTENER.format(address=("127.0.0.1", 5077)),
            "127.0.0.1:5077",
            "let it listen on 0.0.0.0:5000, or set PORT=5077 in config.ini",
        ),
    ],
)
def test_a_service_that_listens_elsewhere_is_told_where_it_does(
    machine: Machine, script: str, where: str, hint: str
) -> None:
    machine.publish({"serve/main.py": script})
    seen = machine.deploy(service(seconds=1), "run-1")
    assert (seen.phase, seen.reason) == (Phase.FAILED, f"{AT}: it listens on {where}")
    assert seen.hint == hint


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_service_that_does_not_listen_is_told_so(machine: Machine) -> None:
    machine.publish({"serve/main.py": "import time\ntime.sleep(100)\n"})
    seen = machine.deploy(service(seconds=1), "run-1")
    assert (seen.phase, seen.reason) == (Phase.FAILED, f"{AT}: it does not listen yet")
    assert "raise MAX_STARTUP_TIME_SECONDS" in seen.hint


def test_where_listeners_are_unknown_the_usual_cause_is_named(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bodywork.local.services.find_listeners", lambda group: None)
    machine.publish({"serve/main.py": "import time\ntime.sleep(100)\n"})
    seen = machine.deploy(service(seconds=1), "run-1")
    assert (seen.phase, seen.reason) == (Phase.FAILED, AT)
    assert "does it listen on 0.0.0.0?" in seen.hint


def test_replicas_that_are_not_started_are_said(machine: Machine) -> None:
    machine.publish({"serve/main.py": SERVER.replace("{word}", "v1")})
    machine.deploy(service(replicas=3), "run-1")
    assert machine.log(attempt_of("serve"))[0].startswith("REPLICAS=3: one is started")


def test_a_deleted_service_is_gone_and_another_cannot_be_deleted(machine: Machine) -> None:
    deploy(machine, "v1", "run-1")
    machine.administration.delete_service(NAMESPACE, NAME)
    assert machine.administration.services(NAMESPACE) == []
    with pytest.raises(NotFound):
        machine.administration.delete_service(NAMESPACE, NAME)
    with pytest.raises(NotFound):
        machine.administration.delete_service(NAMESPACE, "../secrets")


PATIENT = """
import http.server
import os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/slow":
            open("{began}", "w").close()  # it waits for the test to look
            open("{goes_on}").read(1)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{word}")
    def log_message(self, *arguments):
        pass
http.server.ThreadingHTTPServer(("0.0.0.0", 5000), Handler).serve_forever()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_request_under_way_is_answered_when_its_version_is_replaced(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draining, "DRAIN_SECONDS", 60.0)  # however busy the machine is
    began, goes_on = tmp_path / "began", tmp_path / "goes-on"
    os.mkfifo(began)
    os.mkfifo(goes_on)
    gate = os.open(goes_on, os.O_RDWR)
    text = PATIENT.replace("{began}", str(began)).replace("{goes_on}", str(goes_on))
    machine.publish({"serve/main.py": text.replace("{word}", "v1")}, "run-1")
    assert machine.deploy(service(), "run-1").phase is Phase.READY
    [found] = machine.administration.services(NAMESPACE)
    machine.publish({"serve/main.py": SERVER.replace("{word}", "v2")}, "run-2")
    assert machine.deploy(service(), "run-2", accept=False).phase is Phase.READY
    with ThreadPoolExecutor(2) as others:
        request = others.submit(urllib.request.urlopen, f"{found.address}/slow", timeout=60)
        began.read_text()
        accepted = others.submit(machine.engine.accept_version, attempt_of("serve", 1, "run-2"))
        until(lambda: answer(machine) == "v2", seconds=60.0)  # the switch comes first
        assert not accepted.done()
        os.write(gate, b"+")
        with request.result() as reply:
            assert reply.read() == b"v1"
        accepted.result()
    os.close(gate)


def test_a_service_that_is_down_is_shown_as_down_whoever_answers_at_its_address(
    machine: Machine,
) -> None:
    deploy(machine, "v1", "run-1")
    [found] = machine.administration.services(NAMESPACE)
    assert found.available_replicas == 1
    version = machine.root / "namespaces" / NAMESPACE / "services" / NAME / "versions" / "run-1-1"
    assert processes.stop(version)  # as after a restart of the machine: live.json is still there
    host, _, port = found.address.removeprefix("http://").rpartition(":")
    with socket.create_server((host, int(port))):
        [found] = machine.administration.services(NAMESPACE)
    assert (found.available_replicas, found.unavailable_replicas) == (0, 1)
    assert machine.engine.live_version(PROJECT, StageName("serve")) is None
    assert deploy(machine, "v1", "run-2").run == "run-2"  # the next run brings it back
    assert answer(machine) == "v1"
