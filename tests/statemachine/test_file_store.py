"""What only a store on a disk can get wrong; the rest is in the contract suite."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from statemachine.errors import (
    CheckpointConflict,
    CheckpointCorrupt,
    CheckpointExists,
    CheckpointNotFound,
    Fenced,
    StoreFull,
    StoreUnavailable,
)
from statemachine.stores.file import FileStore
from statemachine.stores.locks import locked, try_lock
from statemachine.testing.stores import later, sample

DYING_SAVER = Path(__file__).with_name("dying_saver.py")


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "machines")


def start(program: str, *args: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, args)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


# -- killed ---------------------------------------------------------------------------------------


def save_and_die(store: FileStore, point: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(DYING_SAVER), str(store.root), str(point)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_save_makes_two_fsyncs_and_one_rename(store: FileStore) -> None:
    store.create(sample())
    calls = save_and_die(store, 0).stdout.strip().split(",")
    assert (calls.count("fsync"), calls.count("replace")) == (2, 1)


def test_a_save_that_is_killed_at_any_system_call_leaves_the_old_or_the_new_record(
    store: FileStore,
) -> None:
    created = store.create(sample())
    calls = save_and_die(store, 0).stdout.strip().split(",")
    renamed = calls.index("replace") + 1
    for point in range(1, len(calls) + 1):
        store.delete("m-1")
        store.create(sample())
        died = save_and_die(store, point)
        assert died.returncode == -signal.SIGKILL
        found = FileStore(store.root).load("m-1")
        assert found.checkpoint.sequence == (2 if point > renamed else 1)
        going_on = store.save(later(found.checkpoint), found.version)
        assert store.load("m-1") == going_on
        assert sorted(os.listdir(store.root / "m-1")) == [".lock", "checkpoint.json"]
    assert created.checkpoint == sample()


SAVE_FOR_EVER = """
import sys
from pathlib import Path
from statemachine.stores.file import FileStore
from statemachine.testing.stores import later
store = FileStore(Path(sys.argv[1]))
stored = store.load("m-1")
while True:
    stored = store.save(later(stored.checkpoint), stored.version)
    print(stored.checkpoint.sequence, flush=True)
"""


def test_a_process_killed_while_it_saves_in_a_loop_loses_no_save_that_it_was_told_of(
    store: FileStore,
) -> None:
    store.create(sample())
    for lines in (1, 3, 10, 30):
        with start(SAVE_FOR_EVER, store.root) as process:
            assert process.stdout is not None
            told = [int(process.stdout.readline()) for _ in range(lines)]
            process.kill()
            told += [int(line) for line in process.stdout.read().splitlines()]
        assert FileStore(store.root).load("m-1").checkpoint.sequence >= told[-1]


# -- no room --------------------------------------------------------------------------------------

SAVE_BEYOND_A_LIMIT = """
import resource, sys
from dataclasses import replace
from pathlib import Path
from statemachine.errors import StoreFull
from statemachine.stores.file import FileStore
from statemachine.testing.stores import later
store = FileStore(Path(sys.argv[1]))
stored = store.load("m-1")
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    store.save(replace(later(stored.checkpoint), data={"x": "y" * 9000}), stored.version)
except StoreFull as error:
    print(error.hint)
saved = store.save(later(stored.checkpoint), stored.version)
print(saved.checkpoint.sequence)
"""


def test_a_save_beyond_the_limit_of_file_sizes_leaves_the_record_intact(store: FileStore) -> None:
    store.create(sample())
    with start(SAVE_BEYOND_A_LIMIT, store.root) as process:
        output, _ = process.communicate()
    assert output.splitlines() == ["make room on the disk, then go on", "2"]
    assert sorted(os.listdir(store.root / "m-1")) == [".lock", "checkpoint.json"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB."""
    if sys.platform != "linux":
        pytest.skip("needs Linux's tmpfs to have a small disk")
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small disk")
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(place)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"may not mount a tmpfs here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_stops_a_save_and_keeps_what_was_saved(small_disk: Path) -> None:
    store = FileStore(small_disk / "machines")
    created = store.create(sample())
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space left"):
        ballast.write_bytes(b"x" * 100_000)
    with pytest.raises(StoreFull, match="No space left"):
        store.save(later(sample()), created.version)
    with pytest.raises(StoreFull):
        store.create(sample("m-2"))
    assert FileStore(store.root).load("m-1").checkpoint == created.checkpoint
    ballast.unlink()
    saved = store.save(later(sample()), created.version)
    assert store.load("m-1") == saved
    assert store.create(sample("m-2")).checkpoint == sample("m-2")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write_is_said(store: FileStore) -> None:
    created = store.create(sample())
    (store.root / "m-1").chmod(0o500)
    with pytest.raises(StoreFull, match="Permission denied"):
        store.save(later(sample()), created.version)
    (store.root / "m-1").chmod(0o700)
    assert store.load("m-1") == created


def test_a_file_in_the_place_of_the_root_is_said(tmp_path: Path) -> None:
    (tmp_path / "machines").write_text("")
    with pytest.raises((StoreFull, StoreUnavailable)):
        FileStore(tmp_path / "machines").create(sample())


# -- two at once ----------------------------------------------------------------------------------

COUNT_UP = """
import sys
from pathlib import Path
from statemachine.errors import CheckpointConflict
from statemachine.stores.file import FileStore
from statemachine.testing.stores import later
store, won, lost = FileStore(Path(sys.argv[1])), 0, 0
print("ready", flush=True)
sys.stdin.readline()
while won < 40:
    stored = store.load("m-1")
    try:
        store.save(later(stored.checkpoint), stored.version)
        won += 1
    except CheckpointConflict:
        lost += 1
"""


def test_processes_that_save_at_once_never_overwrite_each_other(store: FileStore) -> None:
    store.create(sample())
    processes = [start(COUNT_UP, store.root) for _ in range(3)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    assert store.load("m-1").checkpoint.sequence == 1 + 3 * 40


def test_machines_may_be_deleted_while_others_create_and_save_them(store: FileStore) -> None:
    unexpected, start_all = list[Exception](), threading.Barrier(4)

    def work(number: int) -> None:
        own = FileStore(store.root)
        start_all.wait()
        for _ in range(60):
            try:
                if number == 0:
                    own.delete("m-1")
                else:
                    stored = own.create(replace(sample(), writer=f"w{number}"))
                    own.save(later(stored.checkpoint), stored.version)
            except (CheckpointExists, CheckpointNotFound, CheckpointConflict):
                continue
            except Exception as error:
                unexpected.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert unexpected == []
    store.delete("m-1")
    assert os.listdir(store.root) == []


HOLD = """
import sys
from pathlib import Path
from statemachine.stores.file import FileStore
with FileStore(Path(sys.argv[1])).guard("m-1", lambda: 1):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_record_held_by_another_process_is_waited_for_and_its_holder_named(
    store: FileStore,
) -> None:
    created = store.create(sample())
    with start(HOLD, store.root) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        hasty = FileStore(store.root, lock_seconds=0.05)
        with pytest.raises(StoreUnavailable, match=rf"\(id {process.pid}\)"):
            hasty.save(later(sample()), created.version)
        process.kill()
        process.wait()
        assert hasty.save(later(sample()), created.version).checkpoint.sequence == 2


def test_a_lock_on_a_file_that_was_replaced_meanwhile_is_not_taken_for_one(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    opened: list[int] = []

    def open_it() -> int:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
        if not opened:  # somebody deletes the folder, and makes it anew, before the lock is taken
            path.rename(tmp_path / "old")
            path.touch()
        opened.append(descriptor)
        return descriptor

    with locked(path, open_it, seconds=60), path.open() as other:
        assert not try_lock(other.fileno()), "somebody else could take it as well"
    assert len(opened) == 2


# -- guard ----------------------------------------------------------------------------------------


def test_a_guard_lets_the_owner_act_and_nobody_save_meanwhile(store: FileStore) -> None:
    created = store.create(sample())
    order, other = list[str](), FileStore(store.root)

    def save() -> None:
        other.save(later(sample()), created.version)
        order.append("saved")

    with store.guard("m-1", lambda: 1):
        saver = threading.Thread(target=save)
        saver.start()
        saver.join(0.05)
        order.append("acted")
    saver.join()
    assert order == ["acted", "saved"]


@pytest.mark.parametrize("forgetful", [False, True])
def test_a_guard_refuses_an_owner_whose_machine_was_taken_over(
    store: FileStore, forgetful: bool
) -> None:
    created = store.create(sample())
    FileStore(store.root).save(later(sample(), writer="w2", epoch=2), created.version)
    mine = FileStore(store.root) if forgetful else store
    with pytest.raises(Fenced, match="epoch 2"), mine.guard("m-1", lambda: 1):
        pytest.fail("it was let act")
    with mine.guard("m-1", lambda: 2):
        pass


def test_a_guard_refuses_an_owner_whose_record_is_gone(store: FileStore) -> None:
    store.create(sample())
    (store.root / "m-1" / "checkpoint.json").unlink()
    with pytest.raises(Fenced, match="was deleted"), store.guard("m-1", lambda: 1):
        pytest.fail("it was let act")
    store.delete("m-1")
    with pytest.raises(Fenced, match="no machine m-1"), store.guard("m-1", lambda: 1):
        pytest.fail("it was let act")


def test_what_is_raised_inside_a_guard_passes_unchanged(store: FileStore) -> None:
    store.create(sample())
    with pytest.raises(FileNotFoundError, match="mine"), store.guard("m-1", lambda: 1):
        raise FileNotFoundError("mine")
    with pytest.raises(CheckpointNotFound, match="mine"), store.guard("m-1", lambda: 1):
        raise CheckpointNotFound("mine")


# -- what people do to files ----------------------------------------------------------------------


def test_a_record_deleted_by_hand_is_said_to_be_deleted(store: FileStore) -> None:
    created = store.create(sample())
    (store.root / "m-1" / "checkpoint.json").unlink()
    with pytest.raises(CheckpointNotFound, match="was deleted") as caught:
        store.load("m-1")
    assert caught.value.hint
    with pytest.raises(CheckpointNotFound):
        store.save(later(sample()), created.version)
    assert store.list() == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b'{"schema": 1', "cut short"),
        (b"\xff\xfe", "damaged"),
        (b"{}", "no check"),
    ],
)
def test_a_damaged_record_is_refused_by_its_path_and_is_still_listed(
    store: FileStore, content: bytes, why: str
) -> None:
    created = store.create(sample())
    path = store.root / "m-1" / "checkpoint.json"
    path.write_bytes(content)
    with pytest.raises(CheckpointCorrupt, match=why) as caught:
        store.load("m-1")
    assert caught.value.message.startswith(f"{path}: ")
    with pytest.raises(CheckpointCorrupt):
        store.save(later(sample()), created.version)
    assert path.read_bytes() == content
    assert store.list() == ["m-1"]


def test_an_edited_record_is_refused_although_this_process_wrote_it(store: FileStore) -> None:
    created = store.create(sample())
    path = store.root / "m-1" / "checkpoint.json"
    path.write_text(path.read_text().replace('"state": "new"', '"state": "end"'))
    with pytest.raises(CheckpointCorrupt, match="edited"):
        store.load("m-1")
    with pytest.raises(CheckpointConflict):
        store.save(later(sample()), created.version)


def test_a_record_copied_into_another_machine_is_refused(store: FileStore) -> None:
    store.create(sample("m-1"))
    store.create(sample("m-2"))
    record = (store.root / "m-1" / "checkpoint.json").read_bytes()
    (store.root / "m-2" / "checkpoint.json").write_bytes(record)
    with pytest.raises(CheckpointCorrupt, match="this is the record of machine m-1"):
        store.load("m-2")


def test_a_folder_in_the_place_of_a_record_is_refused(store: FileStore) -> None:
    (store.root / "m-1" / "checkpoint.json").mkdir(parents=True)
    with pytest.raises(CheckpointCorrupt, match="is a folder"):
        store.load("m-1")


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/etc", ".lock", "a\0", "ä", "-a"])
def test_no_id_leads_out_of_the_root(store: FileStore, name: str) -> None:
    for use in (
        lambda: store.create(sample(name)),
        lambda: store.load(name),
        lambda: store.delete(name),
    ):
        with pytest.raises(CheckpointNotFound, match="cannot be the id of a machine"):
            use()
    assert not store.root.exists()


def test_records_are_private(store: FileStore) -> None:
    store.create(sample())
    folder = store.root / "m-1"
    modes = [path.stat().st_mode & 0o777 for path in (folder, *sorted(folder.iterdir()))]
    assert modes == [0o700, 0o600, 0o600]


def test_a_record_is_readable_for_people(store: FileStore) -> None:
    store.create(sample())
    text = (store.root / "m-1" / "checkpoint.json").read_text()
    assert re.search(r'^  "state": "new",$', text, re.MULTILINE)


def test_what_else_lies_in_the_root_is_no_machine(store: FileStore) -> None:
    store.create(sample())
    (store.root / "logs").mkdir()
    (store.root / "notes.txt").write_text("")
    (store.root / ".hidden").mkdir()
    assert store.list() == ["m-1"]


def test_a_deletion_takes_everything_in_the_folder_but_follows_no_link(
    store: FileStore, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("")
    store.create(sample())
    deep = store.root / "m-1" / "attempts" / "1"
    deep.mkdir(parents=True)
    (deep / "log").write_text("")
    (deep / "link").symlink_to(outside)
    (deep / "dangling").symlink_to(tmp_path / "nowhere")
    store.delete("m-1")
    assert os.listdir(store.root) == []
    assert (outside / "kept").exists()


def test_a_deletion_that_was_cut_short_is_finished_by_the_next_one(store: FileStore) -> None:
    half_gone = store.root / ".deleted-m-0-1234" / "attempts"
    half_gone.mkdir(parents=True)
    store.create(sample())
    store.delete("m-1")
    assert os.listdir(store.root) == []
