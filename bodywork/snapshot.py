"""A checkout as bytes that can travel where its repository cannot: a content-addressed archive.

The same files give the same bytes and so the same digest, and whoever unpacks checks it first. It
is cut into chunks that fit the objects of a cluster, and bounded: what is large does not belong in
a repository that is sent along with each run.
"""

import gzip
import hashlib
import io
import os
import shutil
import stat
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bodywork.errors import EngineError, UsageError

CHUNK_BYTES = 700 * 1024
"""Base64 makes a third more of it; an object may have 1 MiB."""
LIMIT_BYTES = 8 << 20
UNPACKED_LIMIT_BYTES = 512 << 20
_BIGGEST = 3


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


def chunk_name(number: int) -> str:
    """Return the file name of a chunk, counted from 0."""
    return f"chunk-{number:04d}"


def pack(folder: Path) -> Snapshot:
    """Pack a folder's files and links; its own name and all times are left out.

    Raises:
        SnapshotTooLarge: it would have more than `LIMIT_BYTES`.
    """
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in _files(folder):
            _add(archive, folder, path)
            if buffer.tell() > LIMIT_BYTES:
                raise _too_large(folder)
    raw = buffer.getvalue()
    if len(raw) > LIMIT_BYTES:
        raise _too_large(folder)
    chunks = tuple(raw[start : start + CHUNK_BYTES] for start in range(0, len(raw), CHUNK_BYTES))
    return Snapshot(hashlib.sha256(raw).hexdigest(), chunks)


def unpack(chunks: Iterable[bytes], digest: str, target: Path) -> None:
    """Unpack into a new folder, after the digest was found right.

    Raises:
        EngineError: the chunks are not what the digest promises, or hold what no checkout has.
    """
    raw = b"".join(chunks)
    found = hashlib.sha256(raw).hexdigest()
    if found != digest:
        raise EngineError(
            f"the snapshot of the project is damaged: its digest is {found[:12]}…, not "
            f"{digest[:12]}…",
            hint="resume the run from where the repository is: it is sent anew",
        )
    target.mkdir(mode=0o700)
    try:
        with tarfile.open(fileobj=io.BytesIO(raw), mode="r:gz") as archive:
            for member in _bounded(archive):
                _extract(archive, member, target)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise EngineError(f"the snapshot of the project cannot be unpacked: {error}") from None


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    """Lay out one member; only what `pack` makes, and nothing outside of the target.

    By hand, because tarfile's own filters are younger than some Pythons that images have.
    """
    parts = PurePosixPath(member.name).parts
    path = target.joinpath(*parts)
    parent = path.parent.resolve()
    if not parts or ".." in parts or parts[0] == "/" or not parent.is_relative_to(target.resolve()):
        raise EngineError(f"the snapshot of the project has a file outside of it: {member.name}")
    if member.isdir():
        path.mkdir(mode=0o755)
    elif member.issym():
        path.symlink_to(member.linkname)
    elif member.isreg() and (content := archive.extractfile(member)) is not None:
        mode = 0o755 if member.mode & stat.S_IXUSR else 0o644
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with open(os.open(path, flags, mode), "wb") as file:
            shutil.copyfileobj(content, file)
    else:
        raise EngineError(f"the snapshot of the project has what no checkout has: {member.name}")


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
        archive.addfile(entry)
    elif stat.S_ISDIR(found.st_mode):
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(entry)
    elif stat.S_ISREG(found.st_mode):
        entry.size = found.st_size
        entry.mode = 0o755 if found.st_mode & stat.S_IXUSR else 0o644
        with path.open("rb") as file:
            archive.addfile(entry, file)


def _bounded(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members as long as they are no bomb."""
    total = 0
    for member in archive:
        total += member.size
        if total > UNPACKED_LIMIT_BYTES:
            raise EngineError("the snapshot of the project unpacks to more than 512 MiB")
        yield member


def _too_large(folder: Path) -> SnapshotTooLarge:
    sizes = [(path.lstat().st_size, path) for path in _files(folder) if path.is_file()]
    sizes.sort(key=lambda each: each[0], reverse=True)
    biggest = ", ".join(
        f"{path.relative_to(folder)} ({size >> 20} MiB)" for size, path in sizes[:_BIGGEST]
    )
    return SnapshotTooLarge(
        f"the project is too large to be sent to the cluster: more than {LIMIT_BYTES >> 20} MiB "
        f"compressed; its biggest files are {biggest}",
        hint="push it to a Git server that the cluster can reach and give that address, or keep "
        "data out of the repository",
    )
