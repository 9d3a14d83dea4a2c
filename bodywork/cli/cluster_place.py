"""The Kubernetes engine, wired: a namespace of a cluster as a place for runs."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from bodywork.cli import wiring
from bodywork.cli.contexts import naming_variables
from bodywork.cluster import labels, paths
from bodywork.cluster.client import QUICK, Client, enduring
from bodywork.cluster.engine import KubernetesEngine
from bodywork.cluster.errors import Forbidden, Refused, Unavailable
from bodywork.cluster.objects import ClusterObjects
from bodywork.cluster.settings import with_image
from bodywork.errors import NotFound, UsageError
from bodywork.model.names import Namespace, RunName, problem_with_label
from bodywork.model.pods import is_pod_of_job, own_job
from bodywork.workflow.context import LOG
from bodywork.workflow.lifecycle import step_of
from bodywork.workflow.record import parse_progress
from statemachine.stores.cluster_leases import ClusterLeaseStore
from statemachine.stores.configmap import ConfigMapStore

if TYPE_CHECKING:
    from bodywork.cluster.cronjobs import CronJobs
    from bodywork.model.run import Checkout
    from bodywork.model.workflow import Workflow
    from bodywork.ports import Administration, Reporter
    from bodywork.workflow.execute import Controller
    from bodywork.workflow.status import ControllerStatus
    from statemachine.checkpoint import Checkpoint
    from statemachine.hooks import Hooks
    from statemachine.ownership import Holder
    from statemachine.retries import RetryPolicy

OUTAGE_SECONDS = 900.0
"""How long a controller endures that the API server does not answer."""
TOLD_AGAIN_SECONDS = 60.0
LEASE_SECONDS = (20.0, 5.0, 1.0)
RUN_LABELS = {labels.MANAGED_BY: labels.BODYWORK, labels.KIND: "run"}


class KubernetesPlace:
    """One namespace of the cluster that kubectl would use."""

    engine_name = "kubernetes"
    services_answer_here = False

    def __init__(self, namespace: str, client: Client | None = None) -> None:
        self.client = client or connect(QUICK, time.sleep)
        name = namespace or self.client.namespace or wiring.DEFAULT_NAMESPACE
        if fault := problem_with_label(name):
            raise UsageError(f"the namespace {name!r} {fault}")
        self.namespace = Namespace(name)
        self._heartbeat: Callable[[], None] = lambda: None

    @cached_property
    def store(self) -> ConfigMapStore:
        """The records of the runs: ConfigMaps of the namespace."""
        return self._store(self.client)

    @cached_property
    def administration(self) -> "Administration":
        """Namespaces, secrets and services of the cluster."""
        from bodywork.cluster.administration import ClusterAdministration

        return ClusterAdministration(self.client)

    @cached_property
    def schedules(self) -> "CronJobs":
        """The schedules of the namespace: its CronJobs."""
        from bodywork.cluster.cronjobs import CronJobs

        return CronJobs(self.client, self.namespace)

    @contextmanager
    def kept_alive(self) -> Iterator[Callable[[], None]]:
        """Renew the deadline of the Job that this process is the controller of, if it is one."""
        from bodywork.cluster.watchdog import Watchdog

        job = own_job(os.environ)
        if not job:
            yield lambda: None
            return
        with Watchdog(self.client, self.namespace, job) as watchdog:
            self._heartbeat = watchdog.heartbeat
            yield watchdog.heartbeat

    def require(self) -> None:
        """Raise `NotFound` where the namespace is not there."""
        try:
            self.client.get(paths.namespace(self.namespace))
        except NotFound:
            from bodywork.cluster.namespaces import no_namespace

            raise no_namespace(self.client, self.namespace) from None
        except Forbidden:
            return  # who may not look at namespaces will see when something is made in it

    def beside(self, namespace: Namespace) -> "KubernetesPlace":
        """Return another namespace of the same cluster."""
        return KubernetesPlace(namespace, self.client)

    def refresh_environments(self) -> None:
        """Do nothing: each container of a cluster makes its own environment."""

    def engine(self) -> KubernetesEngine:
        """Return an engine to look with."""
        return self._engine(self.client, self.store)

    def read_project(self, checkout: "Checkout") -> "Workflow":
        """Read a checkout's configuration; where it names no image, the namespace's is put in."""
        return self._read_project(self.client, checkout)

    @contextmanager
    def controller(
        self,
        report: "Reporter",
        *,
        hooks: "Hooks | None" = None,
        observer: wiring.Observer = lambda _: None,
        stop: Callable[[], bool] = lambda: False,
        credentials: str = "",
        max_parallel: int | None = None,
    ) -> Iterator["Controller"]:
        """Return a controller that endures an outage of the API server."""
        from bodywork.cli.controllers import build_controller

        def asked() -> bool:
            self._heartbeat()
            return stop()

        policy = enduring(OUTAGE_SECONDS)
        client = connect(policy, _heeding(asked), Outage())
        store = self._store(client)
        engine = self._engine(client, store)
        try:
            yield build_controller(
                engine,
                store,
                self._leases(client.candid(), store),  # no run depends on them
                report,
                hooks=hooks,
                observer=observer,
                stop=asked,
                credentials=credentials,
                max_parallel=max_parallel,
                load_project=lambda checkout: self._read_project(client, checkout),
                retry=policy,
                lease_seconds=LEASE_SECONDS,
            )
        finally:
            engine.close()

    def who_controls(self, run: str) -> "ControllerStatus | None":
        """Return who signed the run's lease; a process of this host is known dead or alive at once,
        of another its lease tells only with time."""
        from bodywork.workflow.status import ControllerStatus

        leases = self._leases(self.client, self.store)
        holder = leases.read(run)
        if holder is None:
            return None
        dead = leases.is_dead(run, holder)
        return ControllerStatus(str(holder), False if dead else leases.is_fresh(run))

    def _read_project(self, client: Client, checkout: "Checkout") -> "Workflow":
        return with_image(client, self.namespace, wiring.read_project(checkout))

    def _store(self, client: Client) -> ConfigMapStore:
        objects = ClusterObjects(client, self.namespace, "api/v1", "configmaps")
        return ConfigMapStore(objects, RUN_LABELS, describe=describe_run)

    def _leases(self, client: Client, store: ConfigMapStore) -> ClusterLeaseStore:
        objects = ClusterObjects(client, self.namespace, "apis/coordination.k8s.io/v1", "leases")
        mark = {labels.MANAGED_BY: labels.BODYWORK}
        return ClusterLeaseStore(
            objects,
            store.reference,
            mark,
            duration_seconds=int(LEASE_SECONDS[0]),
            is_gone=was_replaced,
        )

    def _engine(self, client: Client, store: ConfigMapStore) -> KubernetesEngine:
        def owner_of(run: RunName) -> dict[str, str]:
            return store.reference(run)

        return KubernetesEngine(client, self.namespace, owner_of=owner_of)


def was_replaced(
    holder: "Holder", environment: Mapping[str, str] = os.environ, host: str = ""
) -> bool:
    """Say whether the holder's pod is one that ours has replaced.

    The Job of a schedule has one pod at a time, and a new one only when the old one has ended
    (`podReplacementPolicy: Failed`); so whoever signed from another pod of our Job is gone.
    """
    job = own_job(environment)
    if not job:
        return False
    return is_pod_of_job(holder.host, job) and holder.host != (host or os.uname().nodename)


class Outage:
    """Says why nothing happens while the API server does not answer: at first, then seldom."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told = -TOLD_AGAIN_SECONDS

    def __call__(self, fault: Unavailable, seconds: float) -> None:
        """Hear of a pause before the next try."""
        if seconds < 1 or self._clock() - self._told < TOLD_AGAIN_SECONDS:
            return
        self._told = self._clock()
        LOG.warning(
            "%s; trying again for up to %d minutes, stages go on meanwhile%s",
            fault.message,
            OUTAGE_SECONDS // 60,
            f"; hint: {fault.hint}" if isinstance(fault, Refused) and fault.hint else "",
        )


def connect(
    policy: "RetryPolicy",
    sleep: Callable[[float], None],
    waiting: Callable[[Unavailable, float], None] = lambda fault, seconds: None,
) -> Client:
    """Return a client of the cluster that the options and the environment name."""
    context = os.environ.get("BODYWORK_CONTEXT", "")
    with naming_variables():
        return Client.connect(context, policy=policy, sleep=sleep, waiting=waiting)


def describe_run(checkpoint: "Checkpoint") -> dict[str, str]:
    """Return a run's plain keys, for `kubectl get configmap -o yaml` and `kubectl wait`."""
    progress = parse_progress(checkpoint.data)
    project = progress.workflow.project if progress.workflow else ""
    plain = {"state": checkpoint.state, "project": project, "commit": progress.commit}
    reached = max((step_of(move.state) for move in checkpoint.path), default=0)
    step = str(reached) if reached else ""
    return {**plain, "step": step, "repository": progress.request.repository}


def _heeding(stop: Callable[[], bool]) -> Callable[[float], None]:
    """Return a sleep that ends with `Interrupted` as soon as somebody asks us to stop."""
    from statemachine.errors import Interrupted

    def sleep(seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if stop():
                raise Interrupted("stopped while the cluster did not answer")
            time.sleep(min(left, 0.1))

    return sleep
