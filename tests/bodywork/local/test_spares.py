"""Work trees made ahead: as whole, and as much an attempt's own, as those it makes by itself."""

import hashlib
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from bodywork.errors import SourceLost
from bodywork.local import folders
from bodywork.local.spares import LARGE_FILES, Spares
from bodywork.local.supervisor import spare
from bodywork.model.names import RunName
from bodywork.model.run import Phase
from tests.bodywork.local.faulty_disk import Disk
from tests.bodywork.local.machine import COMMIT, Machine, attempt_of, batch, until

WRECK = """
import os, shutil
for place, names, files in os.walk('../data'):
    for number, name in enumerate(sorted(files)):
        path = os.path.join(place, name)
        acts = [os.unlink, lambda path: os.truncate(path, 0), lambda path: os.chmod(path, 0),
                lambda path: os.rename(path, path + '.moved'),
                lambda path: open(path, 'a').write('more'),
                lambda path: open(path, 'r+').write('X')]
        acts[number % 6](path)
shutil.rmtree('../data/d1')
os.symlink('/', '../data/d1')
os.chmod('../data/d2', 0)
open('../data/new', 'w').close()
"""
LOOK = """
import hashlib, os
found = hashlib.sha256()
for place, names, files in os.walk('../data'):
    names.sort()
    for name in sorted(files):
        path = os.path.join(place, name)
        found.update(f'{path} {os.lstat(path).st_mode:o} {open(path).read()}'.encode())
print(found.hexdigest())
"""


@pytest.fixture
def large(machine: Machine) -> Machine:
    files = {
        f"data/d{number % 7}/f{number}.txt": f"content {number}\n" for number in range(LARGE_FILES)
    }
    machine.publish({"wreck/main.py": WRECK, "look/main.py": LOOK, **files})
    return machine


def source_of(machine: Machine) -> Path:
    return machine.engine._folders.source("run-1", COMMIT)


def wait_for_spare(machine: Machine) -> str:
    thread = machine.engine._spares._thread
    assert thread is not None
    thread.join()
    [path] = spare.find(str(source_of(machine)))
    return path


def test_a_stage_changes_nothing_for_others_whoever_made_its_copy(large: Machine) -> None:
    looks = []
    for number in range(1, 4):
        assert large.finish(large.start(batch("wreck"), number)).phase is Phase.SUCCEEDED
        ready = wait_for_spare(large)
        attempt = large.start(batch("look"), number)
        assert large.finish(attempt).phase is Phase.SUCCEEDED
        assert not os.path.exists(ready)
        looks.append(large.log(attempt))
        wait_for_spare(large)
    assert looks == [looks[0]] * 3
    content = hashlib.sha256()
    for place, names, files in os.walk(source_of(large) / "data"):
        names.sort()
        for name in sorted(files):
            path = Path(place, name)
            shown = os.path.join("../data", path.relative_to(source_of(large) / "data"))
            content.update(f"{shown} {path.stat().st_mode:o} {path.read_text()}".encode())
    assert looks[0] == [content.hexdigest()]


def test_one_attempt_waits_for_a_copy_that_is_being_made(tmp_path: Path) -> None:
    source = tmp_path / "source-c"
    source.mkdir()
    (source / "file").write_text("x")
    begun, go_on = threading.Event(), threading.Event()

    def is_wanted() -> bool:
        begun.set()
        return go_on.wait(60)

    taken: list[str] = []

    def take(name: str) -> None:
        if spare.take(str(source), str(tmp_path / name), time.monotonic_ns()):
            taken.append(name)

    before = time.monotonic_ns()
    maker = threading.Thread(target=spare.make, args=(str(source), is_wanted))
    maker.start()
    begun.wait()
    assert not spare.take(str(source), str(tmp_path / "earlier"), before)
    waiting = [threading.Thread(target=take, args=(name,)) for name in ("one", "two")]
    for thread in waiting:
        thread.start()
    until(lambda: sum(thread.is_alive() for thread in waiting) == 1)
    assert taken == []
    go_on.set()
    for thread in [maker, *waiting]:
        thread.join()
    assert len(taken) == 1
    assert (tmp_path / taken[0] / "file").read_text() == "x"


def test_a_maker_that_was_killed_is_not_waited_for(tmp_path: Path) -> None:
    source = tmp_path / "source-c"
    source.mkdir()
    (source / "file").write_text("x")
    pid = os.fork()
    if pid == 0:

        def is_wanted() -> bool:
            os.kill(os.getpid(), signal.SIGKILL)
            return True

        spare.make(str(source), is_wanted)
    os.waitpid(pid, 0)
    [half] = tmp_path.glob(".source-c.making-*")
    assert not spare.take(str(source), str(tmp_path / "work"), time.monotonic_ns())
    assert half.exists()


def test_what_was_made_ahead_goes_with_the_source(large: Machine) -> None:
    large.finish(large.start(batch("look")))
    wait_for_spare(large)
    large.engine.release(RunName("run-1"))
    assert [path.name for path in large.run_folder().iterdir()] == ["attempts"]


def test_a_small_project_has_none(machine: Machine) -> None:
    machine.publish({"job/main.py": ""})
    machine.finish(machine.start(batch()))
    machine.engine._spares.stop()
    machine.finish(machine.start(batch(), 2))
    assert machine.engine._spares._thread is None
    assert spare.find(str(source_of(machine))) == []


def test_each_copy_is_taken_once(tmp_path: Path) -> None:
    source = tmp_path / "source-c"
    source.mkdir()
    for number in range(3):
        spare.make(str(source), lambda: True)
        assert len(spare.find(str(source))) == number + 1
    begin = threading.Barrier(5)
    taken = []

    def take(number: int) -> None:
        begin.wait()
        taken.append(spare.take(str(source), str(tmp_path / f"work-{number}"), time.monotonic_ns()))

    threads = [threading.Thread(target=take, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False, False, True, True, True]


def test_a_copy_that_is_not_wanted_any_more_leaves_nothing(tmp_path: Path) -> None:
    source = tmp_path / "source-c"
    source.mkdir()
    for number in range(10):
        (source / f"f{number}").write_text("x")
    for most in range(11):
        left = iter([True] * most)
        spare.make(str(source), lambda left=left: next(left, False))  # type: ignore[misc]
        assert [path.name for path in tmp_path.iterdir()] == ["source-c"]


@pytest.mark.parametrize("lasts", [False, True])
def test_a_full_disk_leaves_nothing_half_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lasts: bool
) -> None:
    source = tmp_path / "source-c"
    (source / "folder").mkdir(parents=True)
    (source / "folder" / "file").write_text("x" * 9000)
    (source / "link").symlink_to("folder")
    for first in range(1, 50):
        disk = Disk(first, lasts)
        with monkeypatch.context() as full:

            def replace(name: str, value: object, full: pytest.MonkeyPatch = full) -> None:
                full.setattr(os, name, value)

            disk.install(replace)
            try:
                spare.make(str(source), lambda: True)
            except OSError as error:
                assert error.errno == 28  # noqa: PT017
            else:
                break
        assert [path.name for path in tmp_path.iterdir()] == ["source-c"]
    assert first > 3
    [path] = spare.find(str(source))
    assert (Path(path) / "folder" / "file").read_text() == "x" * 9000


def test_a_disk_that_is_nearly_full_gets_no_spare_copy(
    large: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bodywork.local.spares.ROOM_BYTES", 1 << 60)
    spares = Spares()
    spares.prepare(source_of(large))
    spares.stop()
    assert spare.find(str(source_of(large))) == []


def test_a_source_of_another_boot_is_published_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loss of power may have cut its files short."""
    machine.publish({"job/main.py": ""})
    monkeypatch.setattr(folders, "boot_id", lambda: "another-boot")
    with pytest.raises(SourceLost):
        machine.start(batch())
    machine.publish({"job/main.py": ""})
    assert machine.finish(machine.start(batch())).phase is Phase.SUCCEEDED
    machine.engine.release(RunName("run-1"))
    assert [path.name for path in machine.run_folder().iterdir()] == ["attempts"]
    assert machine.log(attempt_of("job")) == []
