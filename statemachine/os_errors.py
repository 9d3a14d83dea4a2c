"""What an operating system refuses, in words for people."""

import errno

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What a system says of a disk, a quota or a limit that is used up."""
ROOM_HINT = "make room on the disk, then go on"
_WORDS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file is larger than its disk or a limit allows",
}


def describe(error: OSError) -> str:
    """Return why a call failed; where a disk is full, in these words."""
    why = error.strerror or str(error)
    words = _WORDS.get(error.errno or 0)
    return f"{words} ({why})" if words else why
