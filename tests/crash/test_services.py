"""A new version that does not work never takes the old one's place, and that one goes on."""

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.crash.workplace import ANSWER, Workplace

SERVICE = "shop--serve"
BROKEN = {
    "crashes at once": "raise SystemExit(7)\n",
    "crashes after a while": "import time\ntime.sleep(0.5)\nraise SystemExit(7)\n",
    "ends without an error": "",
    "never answers": "import time\ntime.sleep(100)\n",
    "answers too late": "import time\ntime.sleep(100)\n" + ANSWER,
    "answers, then crashes": (
        "import threading, os, time\n"
        "threading.Thread(target=lambda: (time.sleep(0.4), os._exit(9))).start()\n" + ANSWER
    ),
    "listens where nobody comes": ANSWER.replace('"0.0.0.0", 5000', '"127.0.0.1", 0'),
}


class Client:
    """Asks a service again and again, and counts what goes wrong."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.answers: list[str] = []
        self.failures: list[str] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask_on)

    def __enter__(self) -> "Client":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _ask_on(self) -> None:
        while not self._ended.wait(0.02):
            try:
                self.answers.append(ask(self.address))
            except OSError as error:
                self.failures.append(str(error))


def ask(address: str) -> str:
    with urllib.request.urlopen(address, timeout=5) as answer:
        return str(answer.read().decode())


def deploy(place: Workplace, script: str = "", *, version: str, codes: tuple[int, ...]) -> str:
    place.project("serve")
    place.service("serve", script, version=version, seconds=3)
    place.commit(version)
    place.workflow(codes=codes)
    return str(place.runs()[0]["state"])


@contextmanager
def old_version(place: Workplace) -> Iterator[Client]:
    """Deploy version one, and ask it all the time."""
    assert deploy(place, version="v1", codes=(0,)) == "succeeded"
    with Client(place.services()[0]["address"]) as client:
        yield client


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_version_is_rolled_back_while_the_old_one_answers(
    fault: str, place: Workplace
) -> None:
    with old_version(place) as client:
        script = BROKEN[fault] or "pass\n"
        assert deploy(place, script, version="v2", codes=(1,)) == "rolled-back"
    assert client.failures == []
    assert set(client.answers) == {"v1"}
    [service] = place.services()
    assert service["available_replicas"] == 1
    assert ask(service["address"]) == "v1"


@pytest.mark.parametrize("fault", ["crashes at once", "never answers"])
def test_a_broken_first_version_is_removed(fault: str, place: Workplace) -> None:
    assert deploy(place, BROKEN[fault], version="v1", codes=(1,)) == "rolled-back"
    assert place.services() == []


def test_a_later_failure_brings_the_old_version_back(place: Workplace) -> None:
    with old_version(place) as client:
        place.project("serve >> check")
        place.service("serve", version="v2")
        place.batch("check", "raise SystemExit(1)")
        place.commit()
        place.workflow(codes=(1,))
    assert place.runs()[0]["state"] == "rolled-back"
    [service] = place.services()
    assert ask(service["address"]) == "v1"
    assert set(client.answers) == {"v1"}


def test_a_new_version_takes_over_ten_times(place: Workplace) -> None:
    for number in range(1, 11):
        assert deploy(place, version=f"v{number}", codes=(0,)) == "succeeded"
    [service] = place.services()
    assert ask(service["address"]) == "v10"
    assert deploy(place, "raise SystemExit(7)\n", version="v11", codes=(1,)) == "rolled-back"
    assert ask(place.services()[0]["address"]) == "v10"
