"""Looking at runs on a real cluster: of all namespaces, by `latest`, and in a shell."""

import re
from collections.abc import Callable

from tests.cluster.projects import Project
from tests.cluster.site import Site
from tests.support.completing import completed


def test_runs_are_found_without_their_names(site: Site, project: Callable[..., Project]) -> None:
    shop = project("a")
    shop.batch("a", "print(*range(50), sep='\\n')")
    shop.commit()
    assert site.workflow(shop.folder.as_uri()).code == 0
    [run] = site.runs()
    here = f"--namespace={site.namespace}"
    assert site.run("status", here, "latest", "-o", "json").json["run"] == run
    assert site.run("logs", here, "latest", "a", "--tail=2").out == "48\n49\n"
    everywhere = site.run("status", "-A", "-o", "json", kubeconfig=site.cluster.kubeconfig)
    assert (site.namespace, run) in {
        (each["namespace"], each["run"]) for each in everywhere.json["runs"]
    }
    shell = completed(["logs", here, ""], site.environment(site.kubeconfig))
    assert shell == ["latest", run]


def test_namespaces_that_a_person_may_not_look_into_are_left_out_with_a_note(site: Site) -> None:
    said = site.run("status", "-A", "-o", "json")
    assert said.code == 0
    assert {each["namespace"] for each in said.json["runs"]} <= {site.namespace}
    assert re.fullmatch(r"note: left out, as you may not list their runs: \S+, .*\n", said.err)
