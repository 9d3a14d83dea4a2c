"""What is packed is what is unpacked: the same bytes for the same files, and bounded."""

import os
import random
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from bodywork.errors import UsageError
from bodywork.snapshot import (
    CHUNK_BYTES,
    LIMIT_BYTES,
    SnapshotDamaged,
    SnapshotTooLarge,
    chunk_name,
    pack,
    unpack,
)

Tree = dict[str, tuple[bool, bytes]]
"""Path → (executable, content)."""

# What may stand in a Git tree: any bytes but "/" and NUL; here as Python spells them.
NAMES = some.binary(min_size=1, max_size=40).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in {b".", b".."}
)
PATHS = some.lists(NAMES, min_size=1, max_size=4).map(lambda parts: os.fsdecode(b"/".join(parts)))
TREES = some.dictionaries(PATHS, some.tuples(some.booleans(), some.binary(max_size=2000)))


def has_no_file_below_a_file(tree: Tree) -> bool:
    return not any(
        name != other and name.startswith(f"{other}/") for name in tree for other in tree
    )


def lay_out(tree: Tree, folder: Path) -> Path:
    folder.mkdir()
    for name, (executable, content) in tree.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o750 if executable else 0o640)
    return folder


def read(folder: Path) -> Tree:
    return {
        str(path.relative_to(folder)): (bool(path.stat().st_mode & stat.S_IXUSR), path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


@given(TREES.filter(has_no_file_below_a_file), some.randoms())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_tree_of_files_comes_out_as_it_went_in(
    tmp_path_factory: pytest.TempPathFactory, tree: Tree, shuffle: random.Random
) -> None:
    place = tmp_path_factory.mktemp("any")
    snapshot = pack(lay_out(tree, place / "one"))
    unpack(snapshot.chunks, snapshot.digest, place / "out")
    assert read(place / "out") == tree

    items = list(tree.items())
    shuffle.shuffle(items)
    again = lay_out(dict(items), place / "another-name")
    os.utime(again, (0, 0))
    assert pack(again) == snapshot, "the same files gave other bytes"


@given(some.binary(min_size=1), some.integers(min_value=0))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_snapshot_of_which_any_byte_is_another_is_refused_before_anything_is_written(
    tmp_path: Path, content: bytes, where: int
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(exist_ok=True)
    (folder / "file").write_bytes(content)
    snapshot = pack(folder)
    raw = bytearray(b"".join(snapshot.chunks))
    raw[where % len(raw)] ^= 1
    with pytest.raises(SnapshotDamaged, match="is damaged"):
        unpack([bytes(raw)], snapshot.digest, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_links_and_empty_folders_travel_too(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "a" / "empty").mkdir(parents=True)
    (folder / "file").write_text("here")
    (folder / "a" / "link").symlink_to("../file")
    (folder / "to-folder").symlink_to("a")
    (folder / "to-nothing").symlink_to("a/./missing")
    snapshot = pack(folder)
    unpack(snapshot.chunks, snapshot.digest, tmp_path / "out")
    out = tmp_path / "out"
    assert (out / "a" / "link").read_text() == "here"
    assert (out / "a" / "empty").is_dir()
    assert os.readlink(out / "to-folder") == "a"
    assert os.readlink(out / "to-nothing") == "a/./missing"


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "a/../../outside", "a/../file"])
def test_a_link_that_may_lead_out_is_told_before_anything_is_sent(
    tmp_path: Path, target: str
) -> None:
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(UsageError, match="the link link leads, or may lead, out of it"):
        pack(tmp_path)


def noise(size: int) -> Iterator[bytes]:
    """Bytes that cannot be compressed, the same each time."""
    source = random.Random(size)
    while size > 0:
        yield source.randbytes(min(size, 1 << 20))
        size -= 1 << 20


def write(path: Path, size: int) -> None:
    with path.open("wb") as file:
        file.writelines(noise(size))


def test_chunks_fit_and_give_the_archive_when_joined(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    write(folder / "data", 2 * CHUNK_BYTES + 1)
    snapshot = pack(folder)
    assert [len(chunk) for chunk in snapshot.chunks[:2]] == [CHUNK_BYTES, CHUNK_BYTES]
    assert len(snapshot.chunks) == 3
    assert snapshot.size == sum(map(len, snapshot.chunks)) > 2 * CHUNK_BYTES
    unpack(snapshot.chunks, snapshot.digest, tmp_path / "out")
    assert (tmp_path / "out" / "data").read_bytes() == (folder / "data").read_bytes()


def test_what_is_too_large_is_told_with_its_biggest_files_and_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub" / "big.csv", LIMIT_BYTES)
    write(tmp_path / "other.bin", 3000)
    (tmp_path / "small").write_bytes(b"x" * 12)
    with pytest.raises(SnapshotTooLarge) as caught:
        pack(tmp_path)
    assert caught.value.message == (
        "the project is too large to be sent to the cluster: 3 files of 8 MiB, and 8 MiB "
        "compressed is the limit; the biggest are sub/big.csv (8 MiB), other.bin (2 KiB), "
        "small (12 bytes)"
    )
    assert "push it to a Git server" in caught.value.hint


def test_what_would_unpack_to_too_much_is_told_by_who_packs(tmp_path: Path) -> None:
    with (tmp_path / "zeros").open("wb") as file:
        file.truncate(513 << 20)
    with pytest.raises(SnapshotTooLarge, match=r"1 files of 513 MiB.*zeros \(513 MiB\)"):
        pack(tmp_path)


def test_chunks_sort_by_their_names() -> None:
    assert [chunk_name(number) for number in (0, 9, 10)] == [
        "chunk-0000",
        "chunk-0009",
        "chunk-0010",
    ]
