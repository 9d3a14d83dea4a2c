"""Kubeconfigs of throw-away clusters."""

import json
from pathlib import Path
from typing import Any


def write_kubeconfig(
    folder: Path,
    server: str,
    *,
    user: dict[str, Any] | None = None,
    namespace: str = "",
    context: str = "here",
    **cluster: Any,
) -> Path:
    """Write one with a single context, and return its path. JSON is YAML."""
    chosen = {"cluster": "here", "user": "me", **({"namespace": namespace} if namespace else {})}
    told = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "clusters": [{"name": "here", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "me", "user": user or {"token": "s3cr3t"}}],
        "contexts": [{"name": context, "context": chosen}],
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(told))
    return path
