"""What processes in pods go by: variables of the environment, and the secret with the SSH key.

The parts that set them and the parts that read them (the cluster's manifests, Git, the stage, the
controller) import them from here.
"""

import re
from collections.abc import Mapping

SSH_KEY_SECRET = "ssh-github-private-key"  # noqa: S105  (a name)
SSH_KEY_VARIABLE = "BODYWORK_GITHUB_SSH_PRIVATE_KEY"
SSH_KNOWN_HOSTS_VARIABLE = "BODYWORK_SSH_KNOWN_HOSTS"
SSH_VARIABLES = (SSH_KEY_VARIABLE, SSH_KNOWN_HOSTS_VARIABLE)
GIT_USER_VARIABLE = "BODYWORK_GIT_USER"
GIT_PASSWORD_VARIABLE = "BODYWORK_GIT_PASSWORD"  # noqa: S105  (a name)
WITHHELD_VARIABLES = (*SSH_VARIABLES, GIT_USER_VARIABLE, GIT_PASSWORD_VARIABLE)
"""What reads the repository, and neither its stages nor what builds their packages may see."""


def withhold(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without the variables that code of a repository must not see."""
    return {name: value for name, value in environment.items() if name not in WITHHELD_VARIABLES}


def is_pod(environment: Mapping[str, str]) -> bool:
    """Return whether a process with this environment runs in a pod of a cluster."""
    return "KUBERNETES_SERVICE_HOST" in environment


def own_job(environment: Mapping[str, str]) -> str:
    """Return the Job that such a process is the controller of; "" outside of a schedule's pod."""
    return environment.get("BODYWORK_RUN", "") if is_pod(environment) else ""


_GENERATED_BASE = 58
"""What Kubernetes keeps of the front of a generated name, to which it adds five characters."""
_GENERATED_END = re.compile(r"[a-z0-9]{5}")


def is_pod_of_job(pod: str, job: str) -> bool:
    """Say whether a pod of that name was made for the Job, and not for one whose name goes on.

    The Job controller calls its pods `JOB-xxxxx`, of a long name only the front.
    https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/storage/names/generate.go
    """
    base = f"{job}-"[:_GENERATED_BASE]
    return pod.startswith(base) and bool(_GENERATED_END.fullmatch(pod[len(base) :]))
