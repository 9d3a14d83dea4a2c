"""A container in a manifest, spelt in one place, so that its texts mean what they say. Pure.

Kubernetes puts the value of a variable in the place of `$(NAME)` in a container's command, its
arguments and its variables, the values of secrets included. A branch that is called `$(PASSWORD)`
would then end in an argument list and a log. So every text is escaped here, and no other module
spells a container.

https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from bodywork.cluster import restricted

Manifest = dict[str, Any]
MessagePolicy = Literal["File", "FallbackToLogsOnError"]


def build_container(
    name: str,
    image: str,
    words: Sequence[str],
    *,
    variables: Mapping[str, str],
    references: Iterable[Manifest] = (),
    mounts: Iterable[Manifest] = (),
    requests: Mapping[str, str] | None = None,
    message_policy: MessagePolicy,
) -> Manifest:
    """Return a container that is restricted, and may write to /tmp alone.

    Args:
        name, image: as Kubernetes takes them.
        words: the program and its arguments, as they are to arrive.
        variables: names and values, as they are to arrive; HOME is added.
        references: variables that the kubelet fills.
        mounts: volumes beside /tmp.
        requests: CPU and memory.
        message_policy: where Kubernetes takes the container's last message from.
    """
    program, *arguments = words
    plain = {"HOME": restricted.TEMPORARY, **variables}
    container: Manifest = {
        "name": name,
        "image": image,
        "command": [escape(program)],
        "args": escape_all(arguments),
        "env": [*({"name": key, "value": escape(plain[key])} for key in plain), *references],
        "volumeMounts": [restricted.temporary_mount(), *mounts],
        "terminationMessagePolicy": message_policy,
        "securityContext": restricted.container_security(),
    }
    return container if requests is None else container | {"resources": {"requests": requests}}


def escape(text: str) -> str:
    """Return what Kubernetes expands to exactly this text.

    Every dollar is doubled: escaping only `$(` would leave `$$(` to be read as an escaped dollar
    before a reference.
    """
    return text.replace("$", "$$")


def escape_all(texts: Iterable[str]) -> list[str]:
    """Return each text as `escape` does."""
    return [escape(text) for text in texts]


def unescape(text: str) -> str:
    """Return what arrives in a container that has no variables."""
    return text.replace("$$", "$")
