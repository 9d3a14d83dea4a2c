"""The way out where git runs in a pod: key and known hosts come from one secret of the namespace.

There is no `~/.ssh` that a user could edit, so a hint names the secret and the command for it.
"""

from collections.abc import Mapping

SECRET = "ssh-github-private-key"  # noqa: S105  (a name)
KEY_VARIABLE = "BODYWORK_GITHUB_SSH_PRIVATE_KEY"
KNOWN_HOSTS_VARIABLE = "BODYWORK_SSH_KNOWN_HOSTS"


def is_pod(environment: Mapping[str, str]) -> bool:
    """Return whether this process runs in a pod of a cluster."""
    return "KUBERNETES_SERVICE_HOST" in environment


def build_secret_command(environment: Mapping[str, str], variable: str, path: str) -> str:
    """Return the command that puts a file into the secret, under the variable's name."""
    known = any(environment.get(each) for each in (KEY_VARIABLE, KNOWN_HOSTS_VARIABLE))
    namespace = environment.get("BODYWORK_NAMESPACE", "")
    where = f" --namespace={namespace}" if namespace else ""
    verb = "update" if known else "create"
    return f"bodywork secret {verb}{where} --name={SECRET} --from-file {variable}={path}"
