"""`workflow --as RUN --retries N`: what a retry may mend is tried again, nothing else is."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from bodywork.errors import ConfigError, EngineError, Problem, SourceError, UsageError
from bodywork.workflow.resume import may_retry
from tests.bodywork.cli.conftest import CommandLine, Project
from tests.bodywork.workflow.harness import PIPELINE, Office, Repository
from tests.fakes.engine import FAILED
from tests.servers.secure_http import HttpsServer, https_server

RETRIES = ("--as=tick", "--retries=2")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the tries that were paused for; no pause takes time."""
    made: list[int] = []

    def pause(policy: object, number: int) -> float:
        made.append(number)
        return 0.0

    monkeypatch.setattr("statemachine.retries.pause_seconds", pause)
    return made


@pytest.fixture
def server(shop: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpsServer]:
    with https_server(shop.folder.parent, tmp_path / "certificates") as server:
        monkeypatch.setenv("GIT_SSL_CAINFO", str(server.authority))
        yield server


def runs(bodywork: CommandLine) -> list[str]:
    return sorted(run["run"] for run in bodywork("status", "-o", "json").json["runs"])


TICK = ["tick"]
ALL = ["tick", "tick-retry-1", "tick-retry-2"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (HTTPStatus.NOT_FOUND, TICK),
        (HTTPStatus.FORBIDDEN, TICK),
        (HTTPStatus.UNAUTHORIZED, TICK),
        (HTTPStatus.TOO_MANY_REQUESTS, ALL),
        (HTTPStatus.SERVICE_UNAVAILABLE, ALL),
    ],
)
def test_what_the_server_answers_decides(
    bodywork: CommandLine,
    server: HttpsServer,
    pauses: list[int],
    status: HTTPStatus,
    expected: list[str],
) -> None:
    server.refuse = status
    said = bodywork("workflow", *RETRIES, server.url("shop"), "main")
    assert said.code == 2
    assert said.err.count("error: the run could not begin: ") == 1
    assert runs(bodywork) == expected
    assert len(pauses) == len(expected) - 1
    document = bodywork("status", "tick", "-o", "json").json
    assert document["verdict"]["final"] is (expected == TICK)


def test_a_server_that_comes_back_is_read_by_a_retry(
    bodywork: CommandLine,
    server: HttpsServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.refuse = HTTPStatus.BAD_GATEWAY

    def pause(policy: object, number: int) -> float:
        server.refuse = None
        return 0.0

    monkeypatch.setattr("statemachine.retries.pause_seconds", pause)
    assert bodywork("workflow", *RETRIES, server.url("shop"), "main").code == 0
    assert runs(bodywork) == ALL[:2]


@pytest.mark.parametrize("reference", ["typo", "1234567", "0" * 40])
def test_a_reference_that_is_missing_is_tried_once(
    bodywork: CommandLine, shop: Project, pauses: list[int], reference: str
) -> None:
    assert bodywork("workflow", *RETRIES, shop.url, reference).code == 2
    assert (runs(bodywork), pauses) == (TICK, [])


def test_a_wrong_configuration_is_tried_once(
    bodywork: CommandLine, shop: Project, pauses: list[int]
) -> None:
    shop.dag("one >> tow")
    shop.commit()
    assert bodywork("workflow", *RETRIES, shop.url, "main").code == 2
    assert (runs(bodywork), pauses) == (TICK, [])


def test_a_stage_that_cannot_ever_start_is_tried_once(
    bodywork: CommandLine, shop: Project, pauses: list[int]
) -> None:
    with (shop.folder / "one" / "config.ini").open("a") as config:
        config.write("[secrets]\nTOKEN=no-such-secret\n")
    shop.commit()
    assert bodywork("workflow", *RETRIES, shop.url, "main").code == 1
    assert (runs(bodywork), pauses) == (TICK, [])


def test_a_script_that_fails_is_tried_again_after_a_pause(
    bodywork: CommandLine, shop: Project, pauses: list[int]
) -> None:
    shop.batch("two", "raise SystemExit(7)\n")
    shop.commit()
    assert bodywork("workflow", *RETRIES, shop.url, "main").code == 1
    assert (runs(bodywork), len(pauses)) == (ALL, 2)


def test_the_same_command_again_does_not_begin_what_is_final(
    bodywork: CommandLine, shop: Project, pauses: list[int]
) -> None:
    # As Kubernetes does after the controller's pod was killed.
    for _ in range(2):
        assert bodywork("workflow", *RETRIES, shop.url, "typo").code == 2
    assert (runs(bodywork), pauses) == (TICK, [])


@pytest.mark.parametrize(
    ("error", "retried"),
    [
        (SourceError("the host cannot be reached", temporary=True), True),
        (SourceError("there is no branch"), False),
        (ConfigError([Problem("bodywork.ini", 1, "", "", "is wrong")]), False),
        (UsageError("--from x: the workflow has no such stage"), False),
        (EngineError("the quota is exhausted"), True),
    ],
)
def test_the_record_says_whether_a_retry_can_mend_it(error: Exception, retried: bool) -> None:
    office = Office(Repository(c0=PIPELINE))

    def fail(_: object) -> None:
        raise error

    office.repository.load = fail  # type: ignore[assignment,method-assign]
    assert may_retry(office.run()) is retried


def test_records_of_earlier_versions_are_judged_as_before() -> None:
    office = Office(Repository(c0=PIPELINE))
    office.world.outcomes["a"] = [FAILED]
    checkpoint = office.run()
    assert "final" not in json.dumps(checkpoint.data)
    assert may_retry(checkpoint)
