"""Each reason is given once in the log and once at the end; hints stand on lines of their own."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from bodywork.cli.choice import Choice, Order
from bodywork.cli.launch import launch
from bodywork.cli.render import summarize
from bodywork.errors import ConfigError, EngineError, Problem, SourceError
from bodywork.model.names import RunName, StageName
from bodywork.model.run import Observation, Phase, ServiceVersion
from bodywork.workflow.execute import Controller
from statemachine.hooks import Hooks
from statemachine.retries import RetryPolicy
from tests.bodywork.cli.conftest import CommandLine, Project
from tests.bodywork.cli.places import MemoryPlace
from tests.bodywork.workflow.harness import REQUEST, Office, Repository, batch, service, workflow
from tests.fakes.engine import FAILED, FakeEngine

OLD = ServiceVersion("v0", RunName("run-zero"), StageName("serve"), "c9")
PULL = (
    'the image cannot be pulled: failed to pull and unpack image "registry.test/shop/model:7": '
    'failed to resolve reference "registry.test/shop/model:7": failed to do request: Head '
    '"https://registry.test/v2/shop/model/manifests/7": dial tcp: lookup registry.test on '
    "10.96.0.10:53: no such host"
)
HINT = "do this"


class Scripted(FakeEngine):
    """An engine in which the stages wait for these reasons, one after the other, and then fail."""

    waits: tuple[str, ...] = ()
    refusal: EngineError | None = None

    def observe_job(self, attempt: Any) -> Observation:
        seen = super().observe_job(attempt)
        if seen.phase is Phase.RUNNING and self.waits:
            reason, self.waits = self.waits[0], self.waits[1:]
            return replace(seen, phase=Phase.PENDING, reason=reason, hint=HINT)
        return seen

    def ensure_version(self, *arguments: Any) -> str:
        if self.refusal:
            raise self.refusal
        return super().ensure_version(*arguments)


class Shop(MemoryPlace):
    """A place with a scripted engine."""

    def __init__(self, *steps: Any) -> None:
        super().__init__(Office(Repository(c0=workflow(*steps))))
        self.waits: tuple[str, ...] = ()
        self.refusal: EngineError | None = None

    @contextmanager
    def controller(self, *_: Any, **__: Any) -> Iterator[Controller]:
        def scripted(_: Any) -> FakeEngine:
            engine = Scripted(self.office.world, self.namespace)
            engine.waits, engine.refusal = self.waits, self.refusal
            return engine

        yield self.office.controller(wrap_engine=scripted)


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def told(shop: Shop, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """Return the log and the final lines of a run."""
    order = Order(git_repo_url="repo", git_repo_branch="c0")
    launch(shop, order, Choice(None, REQUEST))
    said = capsys.readouterr()
    return said.out, said.err


def assert_once(log: str, final: str, reason: str, *, hint: str = "") -> None:
    assert log.count(reason) == 1, log
    assert final.count(summarize(reason)) == 1, final
    assert "hint: " not in log
    assert not [line for line in final.splitlines() if "; hint" in line]
    if hint:
        assert final.splitlines().count(f"hint: {hint}") == 1, final
    errors = [line for line in final.splitlines() if line.startswith("error: ")]
    assert all(len(line) < 300 for line in errors)


FAILURES = {
    "exit code": "exit code 3",
    "time limit": "exceeded MAX_COMPLETION_TIME_SECONDS=30",
    "image": PULL,
    "secret": 'its container cannot be configured: secret "store" not found',
    "quota": "the namespace's quota is exhausted: requested: pods=1, used: pods=2",
    "lost": "its Job was deleted",
}


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("reason", FAILURES.values(), ids=FAILURES)
def test_a_failed_stage(reason: str, waits: bool, capsys: pytest.CaptureFixture[str]) -> None:
    shop = Shop((batch("a"),))
    shop.office.world.outcomes["a"] = [replace(FAILED, reason=reason, hint=HINT)]
    shop.waits = (reason, "something else", reason) if waits else ()
    assert_once(*told(shop, capsys), reason, hint=HINT)


def test_each_attempt_gives_its_reason_once(capsys: pytest.CaptureFixture[str]) -> None:
    shop = Shop((batch("a", retries=1),))
    shop.office.world.outcomes["a"] = [replace(FAILED, reason=f"exit code {n}") for n in (3, 4)]
    log, final = told(shop, capsys)
    assert_once(log, final, "exit code 4")
    assert log.count("exit code 3") == 1
    assert "exit code 3" not in final
    assert log.count("stage=a failed after 2 attempts") == 1


@pytest.mark.parametrize("reason", ["exit code 1", "the container restarts again and again"])
def test_a_crashing_service(reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    shop = Shop((service("serve"),))
    shop.office.world.live["shop--serve"] = OLD
    shop.office.world.outcomes["serve"] = [replace(FAILED, reason=reason)]
    log, final = told(shop, capsys)
    assert_once(log, final, reason)
    assert [line[-30:] for line in log.splitlines() if "restored" in line] == [
        "deployment=shop--serve restored"[-30:]
    ]


def test_a_foreign_object(capsys: pytest.CaptureFixture[str]) -> None:
    shop = Shop((service("serve"),))
    shop.refusal = EngineError("there is a Deployment shop--serve that is not ours", hint=HINT)
    assert_once(*told(shop, capsys), shop.refusal.message, hint=HINT)


def test_a_roll_back_that_fails(capsys: pytest.CaptureFixture[str]) -> None:
    shop = Shop((service("serve"),))
    shop.office.world.live["shop--serve"] = OLD
    shop.office.world.outcomes["serve"] = [replace(FAILED, reason="exit code 9")]
    shop.office.world.unrestorable.add("shop--serve")
    log, final = told(shop, capsys)
    assert_once(log, final, "its folder is gone")
    assert_once(log, final, "exit code 9")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            ConfigError([Problem("bodywork.ini", 3, "workflow", "DAG", "is empty", HINT)]),
            "bodywork.ini:3: [workflow] DAG: is empty",
        ),
        (EngineError("the source is too large", hint=HINT), "the source is too large"),
    ],
)
def test_what_keeps_a_run_from_beginning(
    error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    shop = Shop((batch("a"),))

    def fail(_: Any) -> Any:
        raise error

    monkeypatch.setattr(shop.office.repository, "load", fail)
    log, final = told(shop, capsys)
    assert_once(log, final, reason)
    assert [line.strip() for line in final.splitlines()].count(f"hint: {HINT}") == 1


def test_a_branch_that_is_missing_is_said_by_the_last_error_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = Shop((batch("a"),))
    error = SourceError("there is no branch 'nowhere'", hint=HINT)

    def fail(_: Any) -> Any:
        raise error

    monkeypatch.setattr(shop.office.repository, "load", fail)
    log, final = told(shop, capsys)
    assert (log + final).count(error.message) == final.count(error.message) == 1
    assert [line.strip() for line in final.splitlines()].count(f"hint: {HINT}") == 1


def test_a_hook_that_fails(capsys: pytest.CaptureFixture[str]) -> None:
    shop = Shop((batch("a"),))
    hooks = Hooks()

    @hooks.on(
        "enter:cloned",
        name="tell",
        required=True,
        retry=RetryPolicy(1, 1.0, initial_wait_seconds=0),
    )
    def tell(event: Any) -> None:
        raise KeyError("MODEL")

    shop.office.hooks = hooks
    log, final = told(shop, capsys)
    assert_once(log, final, "the required hook tell failed")
    assert (log + final).count("MODEL") == 1


SLEEP = "import time\ntime.sleep(60)\n"
LISTEN = """
import socket
s = socket.create_server(("127.0.0.1", {port}))
"""


def run_shop(bodywork: CommandLine, shop: Project) -> tuple[str, str]:
    shop.commit()
    done = bodywork("workflow", shop.url, "main")
    assert done.code in (1, 2)
    return done.out, done.err


def config(shop: Project, stage: str, *pairs: tuple[str, str]) -> None:
    file = shop.folder / stage / "config.ini"
    text = file.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)


def test_a_real_exit_code(bodywork: CommandLine, shop: Project) -> None:
    shop.batch("one", "raise SystemExit(3)\n")
    assert_once(*run_shop(bodywork, shop), "exit code 3")


def test_a_real_time_limit(bodywork: CommandLine, shop: Project) -> None:
    shop.batch("one", SLEEP)
    config(shop, "one", ("SECONDS=30", "SECONDS=1"))
    assert_once(*run_shop(bodywork, shop), "MAX_COMPLETION_TIME_SECONDS=1")


def test_a_real_missing_secret(bodywork: CommandLine, shop: Project) -> None:
    config(shop, "one", ("[batch]", "[secrets]\nTOKEN=login\n[batch]"))
    log, final = run_shop(bodywork, shop)
    command = "bodywork secret create --namespace=default --name=login --data TOKEN=…"
    assert_once(log, final, "the secret login does not exist", hint=command)
    assert f"hint: {command}" in bodywork("status", bodywork.newest()).out


def test_a_real_port_that_is_taken(bodywork: CommandLine, shop: Project) -> None:
    with socket.create_server(("", 0)) as held:
        port = held.getsockname()[1]
        shop.service("two", SLEEP)
        config(shop, "two", ("PORT=5000", f"PORT={port}"))
        log, final = run_shop(bodywork, shop)
    assert_once(log, final, f"port {port} is held by", hint="end it, or choose another PORT")


def test_a_real_configuration(bodywork: CommandLine, shop: Project) -> None:
    shop.dag("one > two")
    assert_once(*run_shop(bodywork, shop), "one > two: steps are separated by >>")


def test_a_real_missing_package(bodywork: CommandLine, shop: Project) -> None:
    shop.batch("one", "import a_package_that_is_missing\n")
    log, final = run_shop(bodywork, shop)
    hint = (
        "the stage's environment has no a_package_that_is_missing: add it to one/requirements.txt "
        "(a stage does not see the packages of your own environment)"
    )
    assert_once(log, final, "exit code 1", hint=hint)
    assert f"hint: {hint}" in bodywork("status", bodywork.newest()).out


def test_a_real_module_of_another_stage(bodywork: CommandLine, shop: Project) -> None:
    (shop.folder / "two" / "helpers.py").touch()
    shop.batch("one", "import helpers\n")
    _, final = run_shop(bodywork, shop)
    assert "hint: helpers is in the repository (two/helpers.py), but not on the path" in final


def test_a_long_reason_keeps_what_failed_and_the_innermost_cause() -> None:
    short = summarize(PULL)
    assert len(short) <= 200
    assert short.startswith("the image cannot be pulled: failed to pull and unpack image")
    assert short.endswith(": …: no such host")


@pytest.mark.parametrize(
    "text", ["", "x", "x" * 200, "x" * 201, ": ".join(["y" * 150] * 3), "a: " * 99]
)
def test_a_summary_is_never_longer_than_asked(text: str) -> None:
    assert len(summarize(text)) <= 200
