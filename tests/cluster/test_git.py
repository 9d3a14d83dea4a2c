"""A schedule over SSH that lacks key and host key: its log says what to type, and that mends it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.projects import Project
from tests.cluster.site import Site
from tests.cluster.waiting import Found, wait_for
from tests.servers.secure_shell import ssh_server

pytestmark = pytest.mark.timeout(300)


def tick(site: Site, name: str) -> str:
    """Make a Job of the schedule, and return the condition that it ends with."""
    site.cluster.kubectl("-n", site.namespace, "create", "job", name, "--from=cronjob/shop")

    def verdict(job: Found) -> str:
        conditions = (job.get("status") or {}).get("conditions") or ()
        kinds = {each["type"] for each in conditions if each["status"] == "True"}
        return "".join({"Complete", "Failed"} & kinds)

    def ended(job: Found) -> bool:
        return job["metadata"]["name"] == name and bool(verdict(job))

    return verdict(wait_for(site, "apis/batch/v1", "jobs", ended, seconds=200))


def follow(site: Site, job: str, path: Path) -> None:
    """Type the command that ends the log's hint, with the file that it asks for."""
    log = site.run("cronjob", "logs", f"--namespace={site.namespace}", f"--name={job}").out
    assert log.count("error: the run could not begin: ") == 1
    assert "~/.ssh" not in log
    found = re.search(r"hint: .*: bodywork (secret .* --from-file [A-Z_]+=)\S+$", log, re.MULTILINE)
    assert found is not None, log
    done = site.run(*f"{found[1]}{path}".split())
    assert done.code == 0, done.err


def test_what_the_log_of_a_schedule_says_mends_it(
    site: Site, project: Callable[..., Project], tmp_path: Path
) -> None:
    shop = project("one")
    shop.batch("one", "print('one')")
    shop.commit()
    site.cluster.trusted_authority()  # pods reach the server below on a cluster of our own
    with ssh_server(tmp_path / "ssh", address=site.cluster.gateway) as server:
        hosts, key = tmp_path / "known_hosts", tmp_path / "key"
        hosts.write_text(f"{server.known_hosts}\n")
        key.write_text(server.key)
        made = site.run(
            "cronjob",
            "create",
            f"--namespace={site.namespace}",
            "--name=shop",
            "--schedule=@yearly",
            f"--git-repo-url={server.url(shop.folder)}",
            "--git-repo-branch=main",
            f"--image={site.cluster.image}",
            "--retries=2",
        )
        assert made.code == 0, made.err
        assert tick(site, "shop-1") == "Failed"
        follow(site, "shop-1", hosts)
        assert tick(site, "shop-2") == "Failed"
        follow(site, "shop-2", key)
        assert tick(site, "shop-3") == "Complete"
    told = site.run("status", f"--namespace={site.namespace}", "-o", "json")
    states = {run["run"]: run["state"] for run in told.json["runs"]}
    assert states == {"shop-1": "failed", "shop-2": "failed", "shop-3": "succeeded"}  # no retries
