"""Where the API server keeps things: paths of collections and objects.

https://kubernetes.io/docs/reference/using-api/api-concepts/#standard-api-terminology
"""

from urllib.parse import quote


def namespaces() -> str:
    """Return the path of all namespaces."""
    return "/api/v1/namespaces"


def namespace(name: str) -> str:
    """Return the path of a namespace."""
    return f"/api/v1/namespaces/{quote(name, safe='')}"


def in_namespace(prefix: str, name: str, kind: str, item: str = "") -> str:
    """Return the path of a namespace's collection, or of an object in it.

    Args:
        prefix: group and version, as `api/v1` or `apis/batch/v1`.
        name: the namespace.
        kind: plural, lower case.
        item: the object's name.
    """
    path = f"/{prefix}/namespaces/{quote(name, safe='')}/{kind}"
    return f"{path}/{quote(item, safe='')}" if item else path


def config_maps(name: str) -> str:
    """Return the path of a namespace's ConfigMaps."""
    return in_namespace("api/v1", name, "configmaps")


def config_map(name: str, item: str) -> str:
    """Return the path of a ConfigMap."""
    return in_namespace("api/v1", name, "configmaps", item)


def pods(name: str) -> str:
    """Return the path of a namespace's pods."""
    return in_namespace("api/v1", name, "pods")


def pod(name: str, item: str) -> str:
    """Return the path of a pod."""
    return in_namespace("api/v1", name, "pods", item)


def pod_log(name: str, item: str) -> str:
    """Return the path of a pod's log."""
    return f"{pod(name, item)}/log"


def events(name: str) -> str:
    """Return the path of a namespace's events."""
    return in_namespace("api/v1", name, "events")


def services(name: str) -> str:
    """Return the path of a namespace's Services."""
    return in_namespace("api/v1", name, "services")


def service(name: str, item: str) -> str:
    """Return the path of a Service."""
    return in_namespace("api/v1", name, "services", item)


def jobs(name: str) -> str:
    """Return the path of a namespace's Jobs."""
    return in_namespace("apis/batch/v1", name, "jobs")


def job(name: str, item: str) -> str:
    """Return the path of a Job."""
    return in_namespace("apis/batch/v1", name, "jobs", item)


def cron_jobs(name: str) -> str:
    """Return the path of a namespace's CronJobs."""
    return in_namespace("apis/batch/v1", name, "cronjobs")


def cron_job(name: str, item: str) -> str:
    """Return the path of a CronJob."""
    return in_namespace("apis/batch/v1", name, "cronjobs", item)


def deployments(name: str) -> str:
    """Return the path of a namespace's Deployments."""
    return in_namespace("apis/apps/v1", name, "deployments")


def deployment(name: str, item: str) -> str:
    """Return the path of a Deployment."""
    return in_namespace("apis/apps/v1", name, "deployments", item)


def replica_sets(name: str) -> str:
    """Return the path of a namespace's ReplicaSets."""
    return in_namespace("apis/apps/v1", name, "replicasets")


def secrets(name: str) -> str:
    """Return the path of a namespace's Secrets."""
    return in_namespace("api/v1", name, "secrets")


def secret(name: str, item: str) -> str:
    """Return the path of a Secret."""
    return in_namespace("api/v1", name, "secrets", item)
