"""Whether a cluster and a namespace are fit for workflows: one check after the other.

It asks for nothing that the API server has not said we may see, so it works under the least rights;
what cannot be seen then is said to be so, and is no failure.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from bodywork.cluster import paths
from bodywork.cluster.client import Client
from bodywork.cluster.errors import Forbidden
from bodywork.cluster.forbidden import bind_cluster_command
from bodywork.cluster.manifests import SERVICE_ACCOUNT
from bodywork.cluster.probe import probe_image
from bodywork.cluster.restricted import ENFORCE
from bodywork.cluster.reviews import Allowed, check_rights, review
from bodywork.cluster.rights import CONTROLLER
from bodywork.cluster.settings import read_image, setup_command
from bodywork.cluster.trial import try_schedule
from bodywork.errors import BodyworkError, EngineUnavailable, NotFound
from bodywork.model.checks import Check, Needs, check_secret
from bodywork.model.names import Namespace

OLDEST = (1, 29)
"""The first release whose Jobs heed `podReplacementPolicy`, and all else that we send."""
_UNSEEN = "cannot be seen with your rights"
_UNFIT = "not looked at, since the namespace cannot be used"


def examine(client: Client, namespace: str, needs: Needs) -> Iterator[Check]:
    """Yield the checks, each as soon as it is made; nothing is raised but what interrupts us.

    The last one may start a pod; closing the iterator removes it.
    """
    try:
        version = _ask_version(client)
    except BodyworkError as error:
        yield _unreachable(client, error)
        return
    yield Check("cluster", "ok", f"{client.server}, {client.origin}")
    yield _judge_version(version)
    try:
        allowed = review(client, namespace)
    except BodyworkError as error:
        yield Check("rights", "fail", error.message, error.hint)
        return
    yield from _Namespace(client, namespace, allowed).checks(needs)


def _ask_version(client: Client) -> str:
    """Return the server's version; "" where it answers us, but may not tell. Raises as `get`."""
    try:
        return client.version()
    except Forbidden:
        return ""


def _unreachable(client: Client, error: BodyworkError) -> Check:
    hint = error.hint
    if isinstance(error, EngineUnavailable):
        hint = (
            f"is it running, and the one you mean? It comes from {client.origin}; --context and "
            "--kubeconfig choose another"
        )
    return Check("cluster", "fail", error.message, hint)


def _judge_version(version: str) -> Check:
    if not version:
        return Check("version", "warning", _UNSEEN)
    found = re.match(r"v?(\d+)\.(\d+)", version)
    oldest = f"v{OLDEST[0]}.{OLDEST[1]}"
    if found is None:
        return Check("version", "warning", f"the cluster says it is {version!r}")
    if (int(found[1]), int(found[2])) < OLDEST:
        return Check(
            "version",
            "warning",
            f"{version} is older than {oldest}, the oldest that Bodywork is made for",
            "have the cluster upgraded; stages whose pods are evicted may fail there",
        )
    return Check("version", "ok", f"{version} ({oldest} or later is supported)")


@dataclass(frozen=True, slots=True)
class _Namespace:
    client: Client
    name: str
    allowed: Allowed

    def checks(self, needs: Needs) -> Iterator[Check]:
        """Yield all that is to be said of the namespace."""
        presence, found = self._look()
        yield presence
        if presence.status == "fail":
            for name in ("pod security", "service accounts", "rights", "secrets", "image"):
                yield Check(name, "skipped", _UNFIT)
            return
        yield _pod_security(self.name, found)
        yield self._accounts()
        yield from check_rights(self.allowed, self.name)
        for secret in sorted(needs.secrets):
            yield self._secret(secret, needs.secrets[secret])
        yield from self._images(needs)
        for cronjob in needs.cronjobs:
            namespace = Namespace(self.name)
            yield from try_schedule(self.client, namespace, cronjob, needs.image_seconds)

    def _look(self) -> tuple[Check, dict[str, Any] | None]:
        """Return whether it is there, and the namespace itself where we may see it."""
        if not self.allowed("", "namespaces", "get"):
            hint = f"an administrator can grant it: {bind_cluster_command()}"
            return Check("namespace", "warning", f"{self.name} {_UNSEEN}", hint), None
        try:
            found = self.client.get(paths.namespace(self.name))
        except NotFound:
            hint = f"make it: bodywork setup-namespace {self.name}"
            return Check("namespace", "fail", f"there is no namespace {self.name}", hint), None
        except BodyworkError as error:
            return Check("namespace", "fail", error.message, error.hint), None
        if found["metadata"].get("deletionTimestamp"):
            hint = "wait until it is gone and make it anew, or use another"
            return Check("namespace", "fail", f"{self.name} is being deleted", hint), found
        return Check("namespace", "ok", self.name), found

    def _accounts(self) -> Check:
        name, wanted = "service accounts", (CONTROLLER, SERVICE_ACCOUNT)
        if not self.allowed("", "serviceaccounts", "get"):
            hint = "an image that starts (--image) proves the one for stages"
            return Check(name, "warning", _UNSEEN, hint)
        path = paths.in_namespace("api/v1", self.name, "serviceaccounts")
        try:
            absent = [each for each in wanted if not self._is_there(f"{path}/{each}")]
        except BodyworkError as error:
            return Check(name, "fail", error.message, error.hint)
        if absent:
            hint = f"make what is missing: bodywork setup-namespace {self.name}"
            return Check(name, "fail", f"missing: {', '.join(absent)}", hint)
        return Check(name, "ok", ", ".join(wanted))

    def _secret(self, secret: str, keys: frozenset[str]) -> Check:
        name = f"secret: {secret}"
        if not self.allowed("", "secrets", "get"):
            return Check(name, "warning", _UNSEEN, "whoever keeps the secrets can check them")
        try:
            found = self.client.get(paths.secret(self.name, secret))
        except NotFound:
            return check_secret(secret, keys, None, f"-n {self.name}")
        except BodyworkError as error:
            return Check(name, "fail", error.message, error.hint)
        return check_secret(secret, keys, found.get("data") or {}, f"-n {self.name}")

    def _images(self, needs: Needs) -> Iterator[Check]:
        """Try the image that is named, and that which is set for the namespace."""
        try:
            visible = self.allowed("", "configmaps", "get")
            configured = read_image(self.client, self.name) if visible else ""
        except BodyworkError as error:
            yield Check("namespace image", "fail", error.message, error.hint)
            configured = ""
        image = needs.image or configured
        if not image:
            yield _no_image(self.name, needs)
            return
        yield from probe_image(self.client, self.name, replace(needs, image=image))
        if configured and configured != image:
            other = replace(needs, image=configured)
            yield from probe_image(self.client, self.name, other, name="namespace image")

    def _is_there(self, path: str) -> bool:
        try:
            self.client.get(path)
        except NotFound:
            return False
        return True


def _no_image(namespace: str, needs: Needs) -> Check:
    hint = f"set one for stages and cronjobs that name none: {setup_command(namespace)}"
    if needs.image_needed:
        message = "the project names no DOCKER_IMAGE, and the namespace has no image set"
        return Check("image", "fail", message, hint)
    message = "none was named (--image, or a project's DOCKER_IMAGE), and the namespace has none"
    return Check("image", "skipped", message, hint)


def _pod_security(namespace: str, found: dict[str, Any] | None) -> Check:
    if found is None:
        return Check("pod security", "warning", _UNSEEN)
    level = (found["metadata"].get("labels") or {}).get(ENFORCE, "")
    if level == "restricted":
        return Check("pod security", "ok", level)
    return Check(
        "pod security",
        "warning",
        f"{level} is enforced" if level else "no level is enforced",
        "stages need no more than restricted; to hold everybody to it: "
        f"kubectl label --overwrite namespace {namespace} {ENFORCE}=restricted",
    )
