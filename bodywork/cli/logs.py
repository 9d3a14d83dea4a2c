"""Log lines as the guide shows them: `TIME - LEVEL - name - message`, on stdout."""

import logging
import sys

FORMAT = "%(asctime)s - %(levelname)s - %(name)s - %(message)s"


def set_up(level: str = "INFO") -> None:
    """Send the log of this process to stdout."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter(FORMAT))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)


def set_level(level: str) -> None:
    """Show this level and those above it."""
    logging.getLogger().setLevel(level)
