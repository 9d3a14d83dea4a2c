"""The source of a run on a cluster: where its stages fetch their code from, at the one commit.

A repository that the cluster can reach is cloned by each stage itself. A folder of this machine
travels as a snapshot in ConfigMaps. Either way a ConfigMap `RUN-source-COMMIT`, written last, says
how; so a controller that resumes the run needs its name and the commit on record, no more. All of
them go with the run's record, except that a service keeps the snapshot which its pods start from.

Names hold what they are of (an index its commit, a chunk its snapshot's digest), so whoever
publishes late, or for the second time, can neither replace nor mix what others have published.
A run that ends keeps the index, marked as released, or creates one: its name stays taken, so that a
controller that was overtaken cannot publish the source after the run's end.
"""

import base64
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from bodywork.cluster import labels, paths
from bodywork.cluster.client import Client
from bodywork.cluster.manifests import StageSource
from bodywork.cluster.verdicts import is_owned_by
from bodywork.cluster.writes import change, converge, discard, discard_unchanged, look
from bodywork.errors import EngineError, NotFound, SourceLost
from bodywork.model.names import Namespace, RunName
from bodywork.model.run import Checkout
from bodywork.snapshot import Snapshot, chunk_name, pack

Found = dict[str, Any]
SOURCE = "source"
DIGITS = 12
"""How many digits of a commit or digest stand in a name: enough for the few of one run."""
_NONE: Mapping[str, str] = MappingProxyType({})
_RELEASED: Mapping[str, str] = MappingProxyType({labels.RELEASED: "the run has ended"})
_OURS = f"{labels.KIND}={SOURCE},{labels.MANAGED_BY}={labels.BODYWORK}"


class Sources:
    """The sources of the runs of one namespace.

    Args:
        owner_of: the owner reference that ties an object to its run's record.
    """

    def __init__(
        self, client: Client, namespace: Namespace, owner_of: Callable[[RunName], Found]
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._owner_of = owner_of
        self._known: dict[RunName, StageSource] = {}
        """What each run's stages start from; of the one commit that is on record."""

    def publish(self, run: RunName, checkout: Checkout) -> None:
        """Make the checkout available to the run's stages; twice is fine.

        Raises:
            EngineError: the run was released meanwhile, by the controller that ends it.
        """
        digest, chunks = "", tuple[str, ...]()
        if checkout.local:
            snapshot = pack(checkout.folder)
            digest, chunks = snapshot.digest, self._send(run, snapshot)
        source = StageSource(
            checkout.repository, checkout.reference, checkout.commit, digest, chunks
        )
        told = {
            "repository": source.repository,
            "reference": source.reference,
            "commit": source.commit,
            "digest": source.digest,
            "chunks": json.dumps(source.chunks),
        }
        index = self._create(run, _index_name(run, source.commit), {"data": told})
        if _is_released(index):
            self.release(run)  # the parts that were just sent
            raise EngineError(f"run {run} only has to end: its source was released")
        self._known[run] = _source_in(index)  # where another was faster, what that one says

    def of(self, run: RunName, commit: str = "") -> StageSource:
        """Return the run's source at that commit; without one, what was last returned of it.

        Raises:
            SourceLost: it was never published, or is gone.
        """
        known = self._known.get(run)
        if known is None or (commit and known.commit != commit):
            known = self._known[run] = self._find(run, commit)
        return known

    def _find(self, run: RunName, commit: str) -> StageSource:
        for name in (_index_name(run, commit), f"{run}-{SOURCE}"):  # earlier versions: the latter
            index = look(self._client, self._path(name))
            if index is None:
                continue
            labels.require_ours(index, {labels.RUN: run, labels.KIND: SOURCE})
            if _is_released(index):
                continue
            if (found := _source_in(index)).commit == commit:
                return found
        raise SourceLost(f"the source of run {run} is gone")

    def keep_for(self, run: RunName, owner: Found) -> None:
        """Let the run's snapshot live for as long as this object, too (a service's Deployment)."""

        def decide(found: Found) -> Found | None:
            labels.require_ours(found, {labels.RUN: run, labels.KIND: SOURCE})
            if is_owned_by(found, owner["uid"]):
                return None
            owners = found["metadata"].get("ownerReferences") or []
            metadata = {**found["metadata"], "ownerReferences": [*owners, owner]}
            return {**found, "metadata": metadata}

        for name in self.of(run).chunks:
            try:
                change(self._client, paths.config_maps(self._namespace), name, decide)
            except NotFound:
                self._known.pop(run, None)
                raise SourceLost(f"a part of the source of run {run} is gone") from None

    def release(self, run: RunName, commit: str = "") -> None:
        """Drop the run's source, except what a service starts from; nothing is published any more.

        Args:
            commit: the one on record, whose name is taken also where nothing was published.
        """
        held = _index_name(run, commit)
        is_held = not commit
        for each in sorted(self._removable(run), key=_is_part):  # the index first
            if _is_part(each):
                self._delete(each)
            else:
                self._mark_released(each)
                is_held |= each["metadata"]["name"] == held
        if not is_held:
            self._client.require_ownership()  # after a pruning, the name is free for good
            self._mark_released(self._create(run, held, {"data": {}}, _RELEASED))
        self._known.pop(run, None)

    def forget(self, run: RunName) -> None:
        """Drop the run's source with its name: the run's record goes, too."""
        for each in sorted(self._removable(run), key=_is_part):
            self._delete(each)
        self._known.pop(run, None)

    def _mark_released(self, index: Found) -> None:
        def decide(found: Found) -> Found | None:
            if _is_released(found):
                return None
            noted = {**(found["metadata"].get("annotations") or {}), **_RELEASED}
            return {**found, "metadata": {**found["metadata"], "annotations": noted}}

        place, name = paths.config_maps(self._namespace), index["metadata"]["name"]
        with suppress(NotFound):  # the run was pruned meanwhile
            change(self._client, place, name, decide, index)

    def _removable(self, run: RunName) -> list[Found]:
        """Return the run's objects; those of an earlier run of its name are not among them."""
        selector = f"{labels.RUN}={run},{_OURS}"
        items, _ = self._client.list_all(
            paths.config_maps(self._namespace), label_selector=selector
        )
        mine = str(self._owner_of(run)["uid"])
        return [each for each in items if is_owned_by(each, mine) and not _is_service_owned(each)]

    def of_services(self) -> list[Found]:
        """Return the snapshots that services start from, as they are now."""
        items, _ = self._client.list_all(paths.config_maps(self._namespace), label_selector=_OURS)
        return [each for each in items if _is_service_owned(each)]

    def drop_unused(
        self, listed: Iterable[Found], runs: Collection[str | None], deployment: str
    ) -> None:
        """Drop those of the listed snapshots that the Deployment of this uid owns and that are of
        none of these runs, unless they have been changed since."""
        for each in listed:
            run = each["metadata"]["labels"].get(labels.RUN, "")
            if run not in runs and is_owned_by(each, deployment):
                discard_unchanged(self._client, self._path(each["metadata"]["name"]), each)

    def _send(self, run: RunName, snapshot: Snapshot) -> tuple[str, ...]:
        names = []
        for number, chunk in enumerate(snapshot.chunks):
            name = f"{_index_name(run, snapshot.digest)}-{number}"
            body = base64.b64encode(chunk).decode()
            self._create(run, name, {"binaryData": {chunk_name(number): body}})
            names.append(name)
        return tuple(names)

    def _create(
        self, run: RunName, name: str, content: Found, annotations: Mapping[str, str] = _NONE
    ) -> Found:
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": name,
                "namespace": self._namespace,
                "labels": {
                    labels.MANAGED_BY: labels.BODYWORK,
                    labels.KIND: SOURCE,
                    labels.RUN: run,
                },
                "annotations": dict(annotations),
                "ownerReferences": [self._owner_of(run)],
            },
            "immutable": True,
            **content,
        }

        def decide(found: Found | None) -> Found | None:
            if found is None:
                return body
            labels.require_ours(found, {labels.RUN: run, labels.KIND: SOURCE})
            return None

        made = converge(self._client, paths.config_maps(self._namespace), name, decide, None)
        assert made is not None  # noqa: S101  what is not there was made
        return made

    def _delete(self, found: Found) -> None:
        metadata = found["metadata"]
        discard(self._client, self._path(metadata["name"]), str(metadata["uid"]))

    def _path(self, name: str) -> str:
        return paths.config_map(self._namespace, name)


def _index_name(run: RunName, content: str) -> str:
    return f"{run}-{SOURCE}-{content[:DIGITS]}"


def _is_part(found: Found) -> bool:
    """Say whether a ConfigMap is a part of a snapshot, and not an index."""
    return "binaryData" in found


def _is_released(index: Found) -> bool:
    return bool(labels.annotation(index, labels.RELEASED))


def _source_in(index: Found) -> StageSource:
    data = index["data"]
    chunks = tuple(json.loads(data["chunks"]))
    return StageSource(
        data["repository"], data["reference"], data["commit"], data["digest"], chunks
    )


def _is_service_owned(found: Found) -> bool:
    owners = found["metadata"].get("ownerReferences") or []
    return any(each["kind"] == "Deployment" for each in owners)
