"""Which cluster, and as whom: what kubectl would use, else the pod's own service account.

https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from kubernetes.client.configuration import Configuration
from kubernetes.config.config_exception import ConfigException
from kubernetes.config.incluster_config import load_incluster_config
from kubernetes.config.kube_config import list_kube_config_contexts, load_kube_config
from yaml import MarkedYAMLError, YAMLError

from bodywork import __version__
from bodywork.cluster.errors import Unavailable
from bodywork.errors import EngineUnavailable, UsageError
from bodywork.model.pods import is_pod
from bodywork.model.redaction import redact

POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True, slots=True)
class Access:
    """A cluster and our credentials for it.

    Attributes:
        configuration: the official client's; it renews tokens when they are asked for.
        namespace: the one that the context names, "" for none.
        origin: where both come from, for people.
        agent: what we call ourselves in the server's audit log.
    """

    configuration: Configuration
    namespace: str = ""
    origin: str = ""
    agent: str = f"bodywork/{__version__}"

    @property
    def server(self) -> str:
        """The server's address, for people: without a password."""
        scheme, separator, rest = str(self.configuration.host).rpartition("://")
        return f"{scheme}{separator}{rest.rpartition('@')[2]}"

    def authorization(self) -> dict[str, str]:
        """Return the headers that authenticate a request; a token that has run out is renewed.

        Raises:
            Unavailable: the token cannot be read just now.
            UsageError: the token is no text that a header may hold.
        """
        try:
            settings: Any = self.configuration.auth_settings()  # typed differently in each version
        except (ConfigException, OSError, ValueError) as error:
            raise Unavailable(
                f"the credentials for the cluster at {self.server} cannot be read: "
                f"{type(error).__name__}",
                ambiguous=False,
            ) from None
        return {
            str(each["key"]): _header(str(each["value"]), self.server)
            for each in settings.values()
            if each["in"] == "header" and each["value"]
        }


def find_access(
    context: str = "", kubeconfig: str = "", environment: Mapping[str, str] = os.environ
) -> Access:
    """Return access to the cluster.

    Raises:
        UsageError: the kubeconfig cannot be read, or has no such context.
        EngineUnavailable: no cluster is configured.
    """
    files = kubeconfig or environment.get("KUBECONFIG", "")
    default = Path(environment.get("HOME") or "~").expanduser() / ".kube" / "config"
    if not files and default.exists():
        files = str(default)
    if files:
        return _from_files(files, context)
    if context:
        raise UsageError(f"there is no context {context}: no kubeconfig was found")
    if is_pod(environment):
        return _from_pod()
    raise EngineUnavailable(
        "no Kubernetes cluster is configured",
        hint="set KUBECONFIG or give --kubeconfig; without a cluster: --engine local, or "
        "BODYWORK_ENGINE=local",
    )


def _no_context(context: str, files: str, known: list[str]) -> UsageError:
    near = get_close_matches(context, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known) or 'none'}"
    return UsageError(f"there is no context {context} in the kubeconfig {files}", hint=hint)


def _from_files(files: str, context: str) -> Access:
    configuration = Configuration()
    configuration.retries = False
    try:
        known, active = list_kube_config_contexts(files)
        if context and context not in [each["name"] for each in known]:
            raise _no_context(context, files, [str(each["name"]) for each in known])
        load_kube_config(files, context or None, configuration, persist_config=False)
    except ConfigException as error:
        raise UsageError(
            f"the kubeconfig {files} cannot be used: {_one_line(error)}",
            hint="`kubectl config get-contexts` lists what there is; check --context",
        ) from None
    except (YAMLError, OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise UsageError(f"the kubeconfig {files} cannot be read: {_one_line(error)}") from None
    chosen = next((each for each in known if each["name"] == context), active)
    origin = f"context {chosen['name']} of {files}"
    return Access(configuration, str((chosen.get("context") or {}).get("namespace") or ""), origin)


def _from_pod() -> Access:
    configuration = Configuration()
    configuration.retries = False
    try:
        load_incluster_config(configuration)
    except ConfigException as error:
        raise EngineUnavailable(
            f"the pod's service account cannot be used: {_one_line(error)}"
        ) from None
    origin = "the pod's own service account"
    try:
        return Access(configuration, POD_NAMESPACE.read_text("utf-8").strip(), origin)
    except OSError:
        return Access(configuration, "", origin)


def _header(value: str, server: str) -> str:
    """Return the value as a header may hold it; where it cannot, nobody shall read it in a log."""
    value = value.strip()  # a file's last line may well end
    if not (value.isascii() and value.isprintable()):
        raise UsageError(
            f"the token for the cluster at {server} has characters that no token has",
            hint="was it pasted with a line break, or encoded twice? Check the kubeconfig",
        )
    return value


def _one_line(error: Exception) -> str:
    if isinstance(error, MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark  # the words of the error may quote what stands there: a password
        return f"it is not YAML at line {mark.line + 1}, column {mark.column + 1}"
    return redact(" ".join(str(error).split()))[:300]
