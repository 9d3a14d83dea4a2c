"""From a snapshot to a folder: trusts the digest, and what is in the archive as little as it can.

By hand, because tarfile's own filters are younger than some Pythons that images have.
"""

import gzip
import hashlib
import io
import os
import shutil
import stat
import tarfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from bodywork.errors import EngineError
from bodywork.snapshot.limits import LIMIT_BYTES, UNPACKED_LIMIT_BYTES, leads_out

_SINGLE_READ = 1 << 20
_UNREADABLE = (
    *(tarfile.TarError, zlib.error, OSError, EOFError, ValueError, OverflowError),
    *(RecursionError, LookupError, TypeError, AttributeError),  # of tarfile, over odd headers
)


class SnapshotDamaged(EngineError):
    """A snapshot is not what its digest promises, or no snapshot of ours at all."""


def unpack(chunks: Iterable[bytes], digest: str, target: Path) -> None:
    """Unpack into a new folder, after the digest was found right; nothing is written before.

    The joined chunks are held in memory, no file of the project is.

    Raises:
        SnapshotDamaged: the chunks are not what the digest promises, are too large, or hold what no
            checkout has. The folder may hold a part of the files then.
    """
    raw = _checked(chunks, digest)
    try:
        target.mkdir(mode=0o700)
        laid_out = 0
        with tarfile.open(fileobj=_Bounded(raw), mode="r:", encoding="utf-8") as archive:
            while (member := archive.next()) is not None:
                laid_out += max(0, member.size)
                _check_total(laid_out)  # whatever a header makes of few bytes
                _lay_out(archive, member, target)
                archive.members.clear()  # type: ignore[attr-defined]  # it would remember each file
    except _UNREADABLE as error:
        raise SnapshotDamaged(f"the snapshot of the project cannot be unpacked: {error}") from None


def _checked(chunks: Iterable[bytes], digest: str) -> io.BytesIO:
    """Return the archive, if it is the one that the digest names."""
    joined = io.BytesIO()
    found = hashlib.sha256()
    for chunk in chunks:
        found.update(chunk)
        if joined.tell() + len(chunk) > LIMIT_BYTES:
            raise SnapshotDamaged(
                f"the snapshot of the project has more than {LIMIT_BYTES >> 20} MiB"
            )
        joined.write(chunk)
    if found.hexdigest() != digest:
        raise SnapshotDamaged(
            f"the snapshot of the project is damaged: its digest is {found.hexdigest()[:12]}…, "
            f"not {digest[:12]}…",
            hint="resume the run from where the repository is: it is sent anew",
        )
    joined.seek(0)
    return joined


class _Bounded(gzip.GzipFile):
    """What the archive decompresses to, as long as that is no bomb.

    Headers count as files do: a bomb may be one endless header, which is read at once, or millions
    of empty files.
    """

    def __init__(self, raw: io.BytesIO) -> None:
        super().__init__(fileobj=raw, mode="rb")

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= _SINGLE_READ:
            raise SnapshotDamaged("the snapshot of the project has a header that is too large")
        _check_total(self.tell() + size)
        return super().read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET:  # `tell`; tarfile only ever counts from the beginning
            return super().seek(offset, whence)
        _check_total(offset)
        if offset < self.tell():  # a size below zero: it would be read without end
            raise SnapshotDamaged("the snapshot of the project has a header that leads back")
        return super().seek(offset, whence)


def _check_total(size: int) -> None:
    if size > UNPACKED_LIMIT_BYTES:
        raise SnapshotDamaged(
            f"the snapshot of the project unpacks to more than {UNPACKED_LIMIT_BYTES >> 20} MiB"
        )


def _lay_out(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    """Lay out one member; only what `pack` makes, and nothing outside of the target."""
    path = _place(member.name, target)
    if member.isdir():
        path.mkdir(mode=0o755)
    elif member.issym() and not leads_out(member.name, member.linkname):
        path.symlink_to(member.linkname)
    elif _is_plain(member) and (content := archive.extractfile(member)) is not None:
        mode = 0o755 if member.mode & stat.S_IXUSR else 0o644
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with open(os.open(path, flags, mode), "wb") as file:
            shutil.copyfileobj(content, file)
    else:
        raise SnapshotDamaged(
            f"the snapshot of the project has what no checkout has: {member.name}"
        )


def _is_plain(member: tarfile.TarInfo) -> bool:
    """Say whether it is a file whose bytes are all in the archive: a sparse one has fewer."""
    return member.type == tarfile.REGTYPE and member.size >= 0 and not member.issparse()


def _place(name: str, target: Path) -> Path:
    """Return where a member goes: into a folder of the snapshot, never through a link of it."""
    parts = PurePosixPath(name).parts
    path = target.joinpath(*parts)
    if (
        not parts
        or ".." in parts
        or parts[0] == "/"
        or os.path.realpath(path.parent) != os.path.join(os.path.realpath(target), *parts[:-1])
    ):
        raise SnapshotDamaged(f"the snapshot of the project has a file outside of it: {name}")
    return path
