"""The way out where git runs in a pod: key and known hosts come from one secret of the namespace.

There is no `~/.ssh` that a user could edit, so a hint names the secret and the command for it.
"""

from collections.abc import Mapping

from bodywork.model.pods import SSH_KEY_SECRET, SSH_VARIABLES


def build_secret_command(environment: Mapping[str, str], variable: str, path: str) -> str:
    """Return the command that puts a file into the secret, under the variable's name."""
    known = any(environment.get(each) for each in SSH_VARIABLES)
    namespace = environment.get("BODYWORK_NAMESPACE", "")
    where = f" --namespace={namespace}" if namespace else ""
    verb = "update" if known else "create"
    return f"bodywork secret {verb}{where} --name={SSH_KEY_SECRET} --from-file {variable}={path}"
