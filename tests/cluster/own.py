"""The cluster that `scripts/cluster` starts on this machine; it stays until it is ended there."""

import os
import subprocess
from pathlib import Path

from tests.cluster.site import ROOT, Cluster


def start_node() -> Cluster:
    """Return a cluster with a node; starts it unless it runs."""
    call_script("up")
    cache = os.environ.get("BODYWORK_TEST_CACHE") or Path.home() / ".cache" / "bodywork-tests"
    state = _state()
    return Cluster(
        str(state / "admin.conf"),
        state / "log" / "audit.log",
        call_script("image").strip(),
        authority=Path(cache, "authority"),
    )


def start_control_plane() -> Cluster:
    """Return the API server and its controllers; a cluster that runs is taken, of either kind."""
    if not call_script("status").startswith("tier"):
        call_script("up", "--control-plane")
    state = _state()
    return Cluster(str(state / "admin.conf"), state / "log" / "audit.log", "no-image", node=False)


def call_script(*arguments: str) -> str:
    """Run scripts/cluster; what it says while it works is for whoever watches the tests.

    Raises:
        AssertionError: it failed; it has told why.
    """
    done = subprocess.run(
        [str(ROOT / "scripts" / "cluster"), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=3000,
    )
    assert done.returncode == 0, f"scripts/cluster {' '.join(arguments)} failed"
    return done.stdout


def _state() -> Path:
    """Return the folder of the cluster that runs."""
    told = dict(line.split(maxsplit=1) for line in call_script("status").splitlines()[:2])
    return Path(told["kubeconfig"]).parent
