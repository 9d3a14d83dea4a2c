"""What must hold of a run, whatever happened to its controllers: from objects and the audit log."""

from collections import Counter
from typing import Any

from tests.cluster.site import Site


def created_jobs(site: Site) -> Counter[str]:
    """Return how often each Job was created, as the API server's audit log tells."""
    return Counter(
        entry["objectRef"]["name"]
        for entry in site.audit()
        if entry["verb"] == "create"
        and entry["objectRef"]["resource"] == "jobs"
        and entry["responseStatus"]["code"] == 201
    )


def jobs_of_stages(site: Site) -> set[str]:
    """Return the names of the Jobs of stages that there are."""
    found = site.get("jobs", "-l", "bodywork.io/stage")["items"]
    return {str(each["metadata"]["name"]) for each in found}


def sources_left(site: Site) -> list[str]:
    """Return the snapshots that no live service needs."""
    found = site.get("configmaps", "-l", "bodywork.io/kind=source")["items"]
    return [each["metadata"]["name"] for each in found if not _owned_by_service(each)]


def live_version(site: Site, service: str) -> str:
    """Return the run whose version of a service is live."""
    template = site.get("deployment", service)["spec"]["template"]
    version = str(template["metadata"]["annotations"]["bodywork.io/version"])
    return version.partition("/")[0]


def assert_each_job_was_made_once(site: Site) -> None:
    """Assert that no attempt had two Jobs, and that none was made and lost."""
    counted, found = created_jobs(site), jobs_of_stages(site)
    lost, unseen = set(counted) - found, found - set(counted)
    assert not lost, f"made, and not there: {lost}; {counted}"
    assert not unseen, f"there, and not in the audit log as made: {unseen}; {counted}"
    assert set(counted.values()) <= {1}


def _owned_by_service(found: dict[str, Any]) -> bool:
    owners = found["metadata"].get("ownerReferences") or []
    return any(each["kind"] == "Deployment" for each in owners)
