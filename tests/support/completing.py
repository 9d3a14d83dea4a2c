"""Completion as a shell asks for it, by a command that has time.

A machine that is busy with other tests is no reason to complete nothing.
"""

import subprocess
import sys
from collections.abc import Mapping

_PATIENT = """
import runpy
from bodywork.cli import completing
completing.LIMIT_SECONDS = 60.0
runpy.run_module("bodywork", run_name="__main__", alter_sys=True)
"""


def completed(words: list[str], environment: Mapping[str, str]) -> list[str]:
    """Return what bash would offer for the last word; nothing may be written beside it."""
    done = subprocess.run(
        [sys.executable, "-c", _PATIENT],
        env={
            **environment,
            "_BODYWORK_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(["bodywork", *words]),
            "COMP_CWORD": str(len(words)),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return [line.split(",", 1)[1] for line in done.stdout.splitlines() if line]
