"""Keeps the key that reads the repository from the code that was read with it."""

import ctypes
import sys
from collections.abc import Mapping

from bodywork.model.pods import GIT_PASSWORD_VARIABLE, SSH_KEY_VARIABLE, withhold

_PR_SET_DUMPABLE = 4  # <linux/prctl.h>


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a stage may see of the environment; its output is not held back in buffers."""
    return {"PYTHONUNBUFFERED": "1", **withhold(environment)}


def withheld_secrets(environment: Mapping[str, str]) -> list[str]:
    """Return the values that read the repository: no text of ours may hold one."""
    return [environment.get(name, "") for name in (SSH_KEY_VARIABLE, GIT_PASSWORD_VARIABLE)]


def hide_from_children() -> None:
    """Let no process of the same user read our memory and environment in /proc, where we can.

    Else a script would find the key in /proc/PARENT/environ (prctl(2), PR_SET_DUMPABLE; root may
    still look, which is one more reason not to run stages as root).
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
