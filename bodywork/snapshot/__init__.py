"""A checkout as bytes that can travel where its repository cannot: a content-addressed archive.

The same files give the same bytes and so the same digest, and whoever unpacks checks it first. It
is cut into chunks that fit the objects of a cluster, and bounded: what is large does not belong in
a repository that is sent along with each run. Nothing here knows a cluster or Git.
"""

from bodywork.snapshot.limits import CHUNK_BYTES, LIMIT_BYTES, UNPACKED_LIMIT_BYTES, chunk_name
from bodywork.snapshot.packing import Snapshot, SnapshotTooLarge, pack
from bodywork.snapshot.unpacking import SnapshotDamaged, unpack

__all__ = [
    "CHUNK_BYTES",
    "LIMIT_BYTES",
    "UNPACKED_LIMIT_BYTES",
    "Snapshot",
    "SnapshotDamaged",
    "SnapshotTooLarge",
    "chunk_name",
    "pack",
    "unpack",
]
