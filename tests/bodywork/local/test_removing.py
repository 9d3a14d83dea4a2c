"""What stages leave behind, in whatever state, is removed as far as it can be, and no failure."""

import logging
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodywork.local.supervisor.copying import remove_tree
from bodywork.model.names import RunName
from bodywork.model.run import Phase
from tests.bodywork.local.machine import NAMESPACE, Machine, batch, service, until

NOBODY = 65534
MODES = st.sampled_from([0o000, 0o100, 0o200, 0o300, 0o400, 0o500, 0o600, 0o700, 0o777, 0o1777])
TREES = st.recursive(
    st.tuples(st.sampled_from(["file", "link", "loop", "fifo"]), MODES),
    lambda inner: st.tuples(st.dictionaries(st.sampled_from("abc"), inner, max_size=3), MODES),
    max_leaves=12,
)
Tree = tuple[object, int]


def build(place: Path, tree: Tree, outside: Path) -> None:
    what, mode = tree
    if isinstance(what, dict):
        place.mkdir()
        for name, inner in what.items():
            build(place / name, inner, outside)
        place.chmod(mode)
    elif what == "link":
        place.symlink_to(outside)
    elif what == "loop":
        place.symlink_to(place)
    elif what == "fifo":
        os.mkfifo(place)
    else:
        place.write_text("x")
        place.chmod(mode)


def as_nobody(folder: Path) -> str:
    """Return what `remove_tree` answers a user without rights of root."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
        os.write(writing, remove_tree(str(folder)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        left = answer.read()
    os.waitpid(pid, 0)
    return left


def give_away(folder: Path) -> None:
    """Give a tree to the user as whom it is removed."""
    if os.geteuid() == 0:
        for place, names, files in os.walk(folder):
            for name in [*names, *files]:
                os.lchown(os.path.join(place, name), NOBODY, NOBODY)
        os.lchown(folder, NOBODY, NOBODY)


def make_reachable(folder: Path) -> None:
    for above in [folder, *folder.parents]:
        if above.stat().st_uid == os.geteuid():
            above.chmod(above.stat().st_mode | stat.S_IXOTH)


@given(TREES)
def test_a_tree_of_odd_modes_is_removed(
    tmp_path_factory: pytest.TempPathFactory, tree: Tree
) -> None:
    root = tmp_path_factory.mktemp("root")
    make_reachable(root)
    root.chmod(0o777)
    outside = root / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    build(root / "work", tree, outside)
    give_away(root / "work")
    assert as_nobody(root / "work") == ""
    assert not os.path.lexists(root / "work")
    assert (outside / "kept").exists()


@given(TREES, st.sets(st.sampled_from("abc")))
def test_what_cannot_be_removed_is_named_and_the_rest_is_gone(
    tmp_path_factory: pytest.TempPathFactory, tree: Tree, kept: set[str]
) -> None:
    root = tmp_path_factory.mktemp("root")
    build(root / "work", tree, root)
    unlink, rmdir = os.unlink, os.rmdir

    def guarded(call: object) -> object:
        def remove(path: str, *, dir_fd: int | None = None) -> None:
            if path in kept:
                raise PermissionError(1, "Operation not permitted", path)
            assert callable(call)
            call(path, dir_fd=dir_fd)

        return remove

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "unlink", guarded(unlink))
        patch.setattr(os, "rmdir", guarded(rmdir))
        left = remove_tree(str(root / "work"))
    for place, names, files in os.walk(root / "work"):
        for name in [*names, *files]:
            path = Path(place, name)
            held = any(part in kept for part in path.relative_to(root).parts[1:])
            below = path.is_dir() and not path.is_symlink() and any(path.iterdir())
            assert held or below, f"{path} could have been removed"
    assert bool(left) == os.path.lexists(root / "work")
    if left:
        where, _, why = left.rpartition(": ")
        assert os.path.lexists(where)
        assert why == "Operation not permitted"
    assert remove_tree(str(root / "work")) == ""
    assert not os.path.lexists(root / "work")


def test_a_link_in_the_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "precious").write_text("x")
    (tmp_path / "work").symlink_to(tmp_path / "home")
    assert remove_tree(str(tmp_path / "work")) == ""
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert (tmp_path / "home" / "precious").exists()


def test_a_tree_deeper_than_a_path_can_name(tmp_path: Path) -> None:
    top = os.open(tmp_path, os.O_RDONLY)
    folder = top
    for _ in range(500):
        os.mkdir("d" * 50, dir_fd=folder)
        inner = os.open("d" * 50, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(os.open("file", os.O_CREAT, dir_fd=folder))
    os.close(folder)
    assert remove_tree(str(tmp_path / ("d" * 50))) == ""
    assert list(tmp_path.iterdir()) == []


def test_nothing_and_a_file_can_be_removed(tmp_path: Path) -> None:
    assert remove_tree(str(tmp_path / "nothing")) == ""
    (tmp_path / "file").touch()
    assert remove_tree(str(tmp_path / "file")) == ""
    assert list(tmp_path.iterdir()) == []


NAME = "cannot-be-removed"


def refuse(patch: pytest.MonkeyPatch) -> None:
    """Let nothing of that name be removed, as where another user has made it."""
    unlink = os.unlink

    def guarded(path: str, *, dir_fd: int | None = None) -> None:
        if os.fspath(path).endswith(NAME):
            raise PermissionError(13, "Permission denied", path)
        unlink(path, dir_fd=dir_fd)

    patch.setattr(os, "unlink", guarded)


def litter_of(machine: Machine) -> list[Path]:
    return list(machine.root.rglob(NAME))


def test_litter_of_a_run_is_reported_once_and_removed_later(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    machine.publish({f"job/{NAME}": "x", "job/main.py": ""})
    assert machine.finish(machine.start(batch())).phase is Phase.SUCCEEDED
    work = machine.run_folder() / "attempts" / "job" / "1" / "work"
    until(lambda: not work.exists(), 60)  # its supervisor removes it
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        refuse(patch)
        machine.engine.release(RunName("run-1"))
        machine.engine.release(RunName("run-1"))
        machine.engine.forget(RunName("run-1"))
        machine.engine.forget(RunName("run-2"))
    assert list(machine.run_folder().iterdir()) == []
    [record] = caplog.records
    assert record.getMessage().startswith("it cannot be removed, and is left for later: /")
    assert record.getMessage().endswith(f"{NAME}: Permission denied")
    [path] = litter_of(machine)
    assert path.is_relative_to(machine.root / "namespaces" / NAMESPACE / "trash")
    machine.engine.forget(RunName("run-2"))
    assert litter_of(machine) == []


def test_a_service_goes_whose_files_stay(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    machine.publish({f"serve/{NAME}": "x", "serve/main.py": "raise SystemExit(1)\n"})
    assert machine.deploy(service(), "run-1").phase is Phase.FAILED
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        refuse(patch)
        machine.administration.delete_service(NAMESPACE, "shop--serve")
    assert not (machine.root / "namespaces" / NAMESPACE / "services" / "shop--serve").exists()
    assert len(caplog.records) == 1
