"""Archives that no checkout makes: bounded, and nothing outside of the target."""

import contextlib
import gzip
import hashlib
import io
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from bodywork.snapshot import SnapshotDamaged, unpack
from bodywork.snapshot.limits import UNPACKED_LIMIT_BYTES

HUGE = UNPACKED_LIMIT_BYTES + 1


def member(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return gzip.compress(written.getvalue())


def refuse(packed: bytes, folder: Path, match: str | None = None) -> None:
    with pytest.raises(SnapshotDamaged, match=match):
        unpack([packed], hashlib.sha256(packed).hexdigest(), folder / "out")
    laid_out = [path.lstat().st_size for path in folder.rglob("*") if path.is_file()]
    assert sum(laid_out) < 1 << 20
    assert [path.name for path in folder.iterdir()] in ([], ["out"])


def sparse_1_0(size: int) -> bytes:
    headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "bomb",
        "GNU.sparse.realsize": str(size),
    }
    return archive(member("bomb", b"1\n0\n0\n".ljust(512, b"\0"), pax_headers=headers))


def sparse_0_1(size: int) -> bytes:
    headers = {
        "GNU.sparse.map": "0,512",
        "GNU.sparse.size": str(size),
        "GNU.sparse.name": "bomb",
    }
    return archive(member("bomb", b"x" * 512, pax_headers=headers))


def sparse_0_0(size: int) -> bytes:
    headers = {
        "GNU.sparse.size": str(size),
        "GNU.sparse.numblocks": "1",
        "GNU.sparse.offset": "0",
        "GNU.sparse.numbytes": "512",
    }
    return archive(member("bomb", b"x" * 512, pax_headers=headers))


def sparse_old(size: int) -> bytes:
    """The form of a header of its own (type S), which tarfile reads and does not write."""
    raw = bytearray(gzip.decompress(archive(member("bomb", b"x" * 512))))
    raw[156:157] = tarfile.GNUTYPE_SPARSE
    raw[386:398], raw[398:410] = b"%011o\0" % 0, b"%011o\0" % 512
    raw[483:495] = b"%011o\0" % size
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw[:512])
    return gzip.compress(bytes(raw))


@pytest.mark.parametrize("size", [1 << 12, 1 << 30])
@pytest.mark.parametrize("build", [sparse_1_0, sparse_0_1, sparse_0_0, sparse_old])
def test_no_file_has_more_bytes_than_the_archive_has_for_it(
    tmp_path: Path, build: Callable[[int], bytes], size: int
) -> None:
    refuse(build(size), tmp_path, "what no checkout has|unpacks to more than")


def test_the_sizes_that_headers_tell_are_counted_together(tmp_path: Path) -> None:
    each = {"size": str(UNPACKED_LIMIT_BYTES // 2 + 1)}
    refuse(archive(*(member(name, b"x", pax_headers=each) for name in "ab")), tmp_path)


@pytest.mark.parametrize("size", [-1, -512, -1536, -(1 << 40), HUGE, 1 << 70])
def test_a_size_that_no_file_has_is_refused_and_not_read_for_ever(
    tmp_path: Path, size: int
) -> None:
    refuse(archive(member("f", b"x" * 512, pax_headers={"size": str(size)})), tmp_path)


@pytest.mark.parametrize(
    "kind",
    [tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.CONTTYPE, b"?"],
)
def test_only_files_folders_and_links_are_laid_out(tmp_path: Path, kind: bytes) -> None:
    refuse(archive(member("f", b"x"), member("g", type=kind, linkname="f")), tmp_path)


def test_headers_upon_headers_end_in_a_refusal(tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 4
    one = info.tobuf(tarfile.GNU_FORMAT) + b"name".ljust(512, b"\0")
    refuse(gzip.compress(one * 5000), tmp_path)


PLAIN = gzip.decompress(archive(member("a", b"x" * 700), member("b", b"y", mode=0o755)))


@given(some.data())
@settings(deadline=None, max_examples=200)
def test_damaged_headers_are_refused_or_harmless(draw: some.DataObject) -> None:
    """Each with a checksum that fits, so that tarfile believes it."""
    raw = bytearray(PLAIN)
    for _ in range(draw.draw(some.integers(1, 4))):
        place = draw.draw(some.integers(0, 511))
        raw[place] = draw.draw(some.integers(0, 255))
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw[:512])
    packed = gzip.compress(bytes(raw))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with contextlib.suppress(SnapshotDamaged):
            unpack([packed], hashlib.sha256(packed).hexdigest(), folder / "out")
        assert [path.name for path in folder.iterdir()] in ([], ["out"])
        files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
        assert sum(path.stat().st_size for path in files) <= len(raw)
