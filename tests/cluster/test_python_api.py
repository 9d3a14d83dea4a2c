"""The Python API on a real node: the same place, rights and runs as the command line's."""

import subprocess
import sys
from collections.abc import Callable

from tests.cluster.projects import Project
from tests.cluster.site import Site

PROGRAM = """
import sys
from bodywork import Workflow

workflow = Workflow(sys.argv[1], "main")
status = workflow.run()
assert workflow.status() == status
print(repr(workflow), status.state, status.run, sep="\\n")
"""


def test_a_program_runs_a_workflow_on_the_cluster_of_its_environment(
    site: Site, project: Callable[..., Project]
) -> None:
    shop = project("a")
    shop.batch("a", "print('hello from a')")
    shop.commit()
    address = shop.folder.as_uri()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, address],
        env={**site.environment(), "BODYWORK_NAMESPACE": site.namespace},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    shown, state, run = done.stdout.splitlines()
    expected = f"Workflow({address!r}, 'main', namespace={site.namespace!r}, engine='kubernetes')"
    assert shown == expected
    assert (state, site.runs()) == ("succeeded", [run])
