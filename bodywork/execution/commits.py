"""Which commit a branch or tag of a repository means now, by `git ls-remote`."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bodywork.execution.references import GitReference

LOOK_SECONDS = 60
_SHORT_COMMIT = re.compile(r"[0-9a-f]{7,40}")


def find_commit(reference: GitReference, variables: Mapping[str, str], folder: Path) -> str:
    """Return the commit's full id; the beginning of one as it is given; "" where it is not known.

    Args:
        variables: of the git process.
        folder: where it runs: outside of any repository.
    """
    wanted = reference.reference or "HEAD"
    try:
        done = subprocess.run(
            ["git", "ls-remote", "--", reference.repository, wanted, f"{wanted}^{{}}"],
            cwd=folder,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LOOK_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    if done.returncode:
        return ""
    found: dict[str, str] = {}
    for line in done.stdout.splitlines():
        commit, _, name = line.partition("\t")
        found[name] = commit
    for name in (f"refs/heads/{wanted}", f"refs/tags/{wanted}^{{}}", f"refs/tags/{wanted}",
                 f"{wanted}^{{}}", wanted):  # fmt: skip
        if name in found:
            return found[name]
    return wanted if _SHORT_COMMIT.fullmatch(wanted) else ""
