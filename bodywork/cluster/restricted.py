"""What makes a pod pass Pod Security's `restricted` profile, and a little more: a read-only root.

https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
"""

from typing import Any

USER = 10001
ENFORCE = "pod-security.kubernetes.io/enforce"
"""The label of a namespace in which the API server refuses pods that need more."""
TEMPORARY = "/tmp"  # noqa: S108  (the container's own)


def pod_security() -> dict[str, Any]:
    """Return the `securityContext` of a pod."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> dict[str, Any]:
    """Return the `securityContext` of a container."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def temporary_volume() -> dict[str, Any]:
    """Return the volume of the one folder that can be written to."""
    return {"name": "tmp", "emptyDir": {}}


def temporary_mount() -> dict[str, Any]:
    """Return where that volume is."""
    return {"name": "tmp", "mountPath": TEMPORARY}
