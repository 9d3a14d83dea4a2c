"""A disk that takes a part of what is written: all of it arrives, or an error, never a half."""

import errno
import json
import os
from pathlib import Path

import pytest

from bodywork.errors import EngineError
from bodywork.local.refusals import translated
from bodywork.local.spawn import Spawner
from bodywork.local.supervisor import files
from bodywork.local.supervisor.copying import copy_tree
from statemachine.errors import StoreFull

OLD, NEW = {"value": "old"}, {"value": "new" * 20}
SIZE = len(json.dumps(NEW))


class Disk:
    """Takes a few bytes at each call, and none when it is full."""

    def __init__(self, room: int, at_once: int) -> None:
        self.room = room
        self.at_once = at_once
        self.write = os.write

    def take(self, descriptor: int, data: bytes) -> int:
        if self.room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = self.write(descriptor, bytes(data)[: min(self.at_once, self.room)])
        self.room -= taken
        return taken


@pytest.mark.parametrize("at_once", [1, 7, 1000])
@pytest.mark.parametrize("room", [0, 1, SIZE // 2, SIZE - 1, SIZE])
def test_a_file_is_replaced_as_a_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, at_once: int
) -> None:
    path = tmp_path / "spec.json"
    files.write_json(str(path), OLD)
    monkeypatch.setattr(os, "write", Disk(room, at_once).take)
    if room < SIZE:
        with pytest.raises(StoreFull, match="No space left on device"):
            translated(files.write_json)(str(path), NEW)
    else:
        files.write_json(str(path), NEW)
    assert files.read_json(str(path)) == (OLD if room < SIZE else NEW)
    assert [each.name for each in tmp_path.iterdir()] == ["spec.json"]


SHARING = ["shares", errno.EOPNOTSUPP, errno.EXDEV, errno.ENOSYS, errno.EINVAL]


@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize("room", [0, 3, 4095, 4096])
def test_a_work_tree_is_copied_as_a_whole_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, sharing: str | int
) -> None:
    """Whether the file system copies by itself, in parts or not, or cannot do that."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (source / "main.py").write_bytes(b"x" * 4096)
    disk = Disk(room, 1000)

    def share(reading: int, writing: int, count: int) -> int:
        if isinstance(sharing, int):
            raise OSError(sharing, "not possible")
        taken = disk.take(writing, os.read(reading, 1000)[: disk.room or 1000])
        os.lseek(reading, os.lseek(writing, 0, os.SEEK_CUR), os.SEEK_SET)
        return taken

    monkeypatch.setattr(os, "copy_file_range", share, raising=False)
    monkeypatch.setattr(os, "write", disk.take)
    if room < 4096:
        with pytest.raises(OSError, match="No space left on device"):
            copy_tree(str(source), str(target))
    else:
        copy_tree(str(source), str(target))
        assert (target / "main.py").read_bytes() == b"x" * 4096


@pytest.mark.parametrize("spec", [b"", b'{"uid": "1', b"\xff", b"[]"])
def test_a_damaged_attempt_is_answered_for(tmp_path: Path, spec: bytes) -> None:
    """Whoever asked for a supervisor would else wait for its answer for ever."""
    (tmp_path / files.SPEC).write_bytes(spec)
    spawner = Spawner()
    try:
        with pytest.raises(EngineError, match="supervisor cannot be started"):
            spawner.supervise(tmp_path)
    finally:
        spawner.close()
