"""From a folder to a snapshot; nothing of it is written to a disk."""

import gzip
import hashlib
import io
import os
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bodywork.errors import UsageError
from bodywork.snapshot.limits import CHUNK_BYTES, LIMIT_BYTES, UNPACKED_LIMIT_BYTES, leads_out

_BIGGEST = 3
_KIB = 1024
_LEVEL = 6  # of the compression: above it costs much more time than it saves


class SnapshotTooLarge(UsageError):
    """The repository's files are too many to travel with a run."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A packed checkout.

    Attributes:
        digest: SHA-256 of the joined chunks, 64 hex digits.
        chunks: the archive, each part at most `CHUNK_BYTES`.
    """

    digest: str
    chunks: tuple[bytes, ...]

    @property
    def size(self) -> int:
        """Size of the archive in bytes."""
        return sum(map(len, self.chunks))


class _Full(Exception):
    """More was written than a snapshot may have."""


class _Bounded(io.BytesIO):
    """Memory for the archive, and no more of it."""

    def write(self, data: "bytes | bytearray | memoryview", /) -> int:  # type: ignore[override]
        if self.tell() + len(data) > LIMIT_BYTES:
            raise _Full
        return super().write(data)


def pack(folder: Path) -> Snapshot:
    """Pack a folder's files and links; its own name and all times are left out.

    Raises:
        SnapshotTooLarge: it would have more than `LIMIT_BYTES`, or unpack to more than
            `UNPACKED_LIMIT_BYTES`.
        UsageError: a link leads out of the folder, where a container has nothing.
    """
    buffer = _Bounded()
    try:
        _write(folder, buffer)
    except _Full:
        raise _too_large(folder) from None
    with buffer.getbuffer() as raw:
        digest = hashlib.sha256(raw).hexdigest()
        starts = range(0, len(raw), CHUNK_BYTES)
        chunks = tuple(bytes(raw[start : start + CHUNK_BYTES]) for start in starts)
    return Snapshot(digest, chunks)


def _write(folder: Path, buffer: io.BytesIO) -> None:
    # The name is given and empty, and so is the time: the bytes are those of the content alone.
    packed = gzip.GzipFile("", "wb", _LEVEL, buffer, mtime=0)
    archive = tarfile.open(  # noqa: SIM115  (closed where that can still succeed)
        fileobj=packed, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8"
    )
    for path in _files(folder):
        _add(archive, folder, path)
        if archive.offset > UNPACKED_LIMIT_BYTES - tarfile.RECORDSIZE:
            raise _Full
        archive.members.clear()  # type: ignore[attr-defined]  # it would remember each file
    archive.close()
    packed.close()


def _files(folder: Path) -> Iterator[Path]:
    """Yield all files and links, and folders before what is in them, sorted."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in sorted([*names, *folders]):
            yield Path(parent, name)
        folders[:] = [name for name in folders if name not in links]


def _add(archive: tarfile.TarFile, folder: Path, path: Path) -> None:
    found = path.lstat()
    entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
    if stat.S_ISLNK(found.st_mode):
        entry.type, entry.linkname = tarfile.SYMTYPE, os.readlink(path)
        if leads_out(entry.name, entry.linkname):
            raise UsageError(
                f"the project cannot be sent to the cluster: the link {entry.name} leads, "
                f"or may lead, out of it: to {entry.linkname!r}",
                hint="commit the file itself, or push the project to a Git server that the "
                "cluster can reach and give that address",
            )
        archive.addfile(entry)
    elif stat.S_ISDIR(found.st_mode):
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(entry)
    elif stat.S_ISREG(found.st_mode):
        entry.size = found.st_size
        entry.mode = 0o755 if found.st_mode & stat.S_IXUSR else 0o644
        with path.open("rb") as file:
            archive.addfile(entry, file)


def _too_large(folder: Path) -> SnapshotTooLarge:
    sizes = [(path.lstat().st_size, path) for path in _files(folder) if not path.is_dir()]
    sizes.sort(key=lambda each: each[0], reverse=True)
    biggest = ", ".join(
        f"{path.relative_to(folder)} ({_shown(size)})" for size, path in sizes[:_BIGGEST]
    )
    total = _shown(sum(size for size, _ in sizes))
    return SnapshotTooLarge(
        f"the project is too large to be sent to the cluster: {len(sizes)} files of {total}, and "
        f"{_shown(LIMIT_BYTES)} compressed is the limit; the biggest are {biggest}",
        hint="push it to a Git server that the cluster can reach and give that address, or keep "
        "data out of the repository",
    )


def _shown(size: int) -> str:
    """Return a size in the largest unit of which it has one."""
    for unit in ("bytes", "KiB"):
        if size < _KIB:
            return f"{size} {unit}"
        size //= _KIB
    return f"{size} MiB"
