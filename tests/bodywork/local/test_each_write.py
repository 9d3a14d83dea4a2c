"""A disk that is full at each write of a stage: the old state or the new one, and in words why."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bodywork.errors import EngineError
from bodywork.local import spawn
from bodywork.model.names import RunName
from bodywork.model.run import Checkout, Observation, Phase
from statemachine.errors import StoreFull
from tests.bodywork.local.faulty_disk import Disk
from tests.bodywork.local.machine import NAMESPACE, Machine, attempt_of, batch, service

DATA = "".join(f"row {number}\n" for number in range(5000))
DIGEST = hashlib.sha256(DATA.encode()).hexdigest()
SCRIPT = (
    "import hashlib, os\n"
    "assert os.environ['TOKEN'] == 'precious'\n"
    "print(hashlib.sha256(open('../shared/data.txt', 'rb').read()).hexdigest())\n"
    "print('done')\n"
)
STAGE = batch("job", 60, ("TOKEN", "login"))
MOST_POINTS = 200


def install(disk: Disk, full: pytest.MonkeyPatch) -> None:
    def replace(name: str, value: object) -> None:
        full.setattr(os, name, value)

    disk.install(replace)


def meeting(
    disk: Disk, full: pytest.MonkeyPatch, call: Callable[[RunName, Checkout], None]
) -> Callable[[RunName, Checkout], None]:
    """Return the call, over a disk that is installed when it begins."""

    def meet(run: RunName, checkout: Checkout) -> None:
        install(disk, full)
        call(run, checkout)

    return meet


@pytest.fixture
def project(machine: Machine) -> Machine:
    machine.administration.create_secret(NAMESPACE, "login", {"TOKEN": "precious"})
    machine.publish({"job/main.py": SCRIPT, "shared/data.txt": DATA})
    assert machine.finish(machine.start(STAGE)).phase is Phase.SUCCEEDED
    return machine


def check_that_it_runs(machine: Machine, number: int) -> None:
    """With room again: this attempt, or one more, finds everything as it was."""
    attempt = attempt_of("job", number)
    machine.engine.ensure_job(attempt, STAGE, "c" * 40, "image")
    assert machine.finish(attempt).phase is Phase.SUCCEEDED
    assert machine.log(attempt)[-2:] == [DIGEST, "done"]
    assert machine.administration.secrets(NAMESPACE) == {"login": {"TOKEN": "precious"}}


@pytest.mark.parametrize("lasts", [False, True])
def test_of_the_controller(project: Machine, monkeypatch: pytest.MonkeyPatch, lasts: bool) -> None:
    refused = 0
    for first in range(1, MOST_POINTS):
        disk = Disk(first, lasts)
        with monkeypatch.context() as full:
            install(disk, full)
            try:
                project.start(STAGE, first + 1)
            except StoreFull as error:
                refused += 1
                assert "the disk is full" in str(error)  # noqa: PT017
        check_that_it_runs(project, first + 1)
        if disk.count < first:
            break
    assert refused >= 5
    names = {path.name for path in (project.run_folder() / "attempts" / "job").iterdir()}
    assert names == {str(number) for number in range(1, first + 2)}, "something was left"


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What the spawners of new engines need to meet a full disk, but for its description."""
    words = spawn._PROGRAM.partition("main(")
    disk = "from tests.bodywork.local.faulty_disk import install; install(); "
    monkeypatch.setattr(spawn, "_PROGRAM", f"{words[0]}{disk}main({words[2]}")
    return monkeypatch


def fails_in_words(seen: Observation) -> bool:
    """Say whether an attempt has failed; then it says why, and may be tried again."""
    if seen.phase is Phase.SUCCEEDED:
        return False
    assert seen.phase is Phase.FAILED
    assert "the disk is full" in seen.reason
    assert not seen.final
    return True


@pytest.mark.parametrize("lasts", ["", "yes"])
def test_of_the_supervisor(project: Machine, full: pytest.MonkeyPatch, lasts: str) -> None:
    failed = succeeded = 0
    full.setenv("DISK_LASTS", lasts)
    for first in range(1, MOST_POINTS):
        number = 2 * first
        full.setenv("DISK_FIRST", str(first))
        engine = project.new_engine()
        attempt = attempt_of("job", number)
        has_failed = has_begun = False
        try:
            engine.ensure_job(attempt, STAGE, "c" * 40, "image")
            has_begun = True
            has_failed = fails_in_words(project.finish(attempt))
            log = project.log(attempt)
            assert log == [DIGEST, "done"][: len(log)], "a half line, or none where one was"
        except EngineError:
            engine.wait([attempt], None)  # for the process that could not begin with it
        engine.close()
        failed += has_failed
        check_that_it_runs(project, number + has_begun)
        succeeded = 0 if has_failed or not has_begun else succeeded + 1
        if succeeded == 5:  # there are no more writes, or only those of the log
            break
    assert failed >= 5


@pytest.mark.parametrize("lasts", ["", "yes"])
def test_of_the_supervisor_of_a_service(
    machine: Machine, full: pytest.MonkeyPatch, lasts: str
) -> None:
    """It ends at once, so each of its writes comes."""
    full.setenv("DISK_LASTS", lasts)
    machine.publish({"serve/main.py": "raise SystemExit('ends')\n"})
    reasons = set()
    for first in range(1, 16):
        full.setenv("DISK_FIRST", str(first))
        engine = machine.new_engine()
        attempt = attempt_of("serve", first)
        machine.claim(attempt)
        try:
            engine.ensure_version(attempt, service(), "c" * 40, "image")
            seen = machine.prove(attempt)
            assert seen.phase is Phase.FAILED
            reasons.add(seen.reason)
        except EngineError:
            continue
        finally:
            engine.close()
    assert any("the disk is full" in reason for reason in reasons)
    assert all(
        "the disk is full" in reason or "ended" in reason or "exit" in reason for reason in reasons
    )


def test_of_a_secret(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.administration.create_secret(NAMESPACE, "login", {"TOKEN": "precious"})
    for first in range(1, MOST_POINTS):
        disk = Disk(first, lasts=True)
        with monkeypatch.context() as full:
            install(disk, full)
            try:
                machine.administration.update_secret(NAMESPACE, "login", {"TOKEN": "x" * 9000})
            except StoreFull as error:
                assert "the disk is full" in str(error)  # noqa: PT017
            else:
                break
        assert machine.administration.secrets(NAMESPACE) == {"login": {"TOKEN": "precious"}}
    assert first > 2
    assert machine.administration.secrets(NAMESPACE) == {"login": {"TOKEN": "x" * 9000}}


@pytest.mark.parametrize("lasts", [False, True])
def test_of_a_source(machine: Machine, monkeypatch: pytest.MonkeyPatch, lasts: bool) -> None:
    """The source is copied where it cannot be moved: from another disk."""

    rename = os.rename

    def rename_on_one_disk(source: Path, target: Path) -> None:
        if source.name.startswith("checkout"):
            raise OSError("another disk")
        rename(source, target)

    monkeypatch.setattr(os, "rename", rename_on_one_disk)
    publish = machine.engine.publish_source
    for first in range(1, MOST_POINTS):
        run = f"run-{first}"
        disk = Disk(first, lasts)
        with monkeypatch.context() as full:
            full.setattr(machine.engine, "publish_source", meeting(disk, full, publish))
            try:
                machine.publish({"job/main.py": SCRIPT, "shared/data.txt": DATA}, run)
            except StoreFull as error:
                assert "the disk is full" in str(error)  # noqa: PT017
            else:
                break
        assert list(machine.run_folder(run).iterdir()) == [], "something was left"
    assert first > 5
    [source] = machine.run_folder(run).iterdir()
    assert (source / "shared" / "data.txt").read_text() == DATA
