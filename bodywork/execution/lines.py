"""What is told of a line that a script prints, by one rule wherever it runs."""

LINE_BYTES = 64 << 10
"""As much of a line as is told in one piece."""


def last_state(line: bytes) -> bytes:
    """Return what a terminal shows of a line in the end: of a progress bar, its last state."""
    return line.rstrip(b"\r").rpartition(b"\r")[2]
