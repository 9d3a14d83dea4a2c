"""Two runs of one project over one service, begun at the same time; one of them is killed."""

from collections.abc import Callable

from tests.cluster.crash.ends import check_two_runs
from tests.cluster.crash.scene import Scene
from tests.cluster.crash.workloads import Workload, deploy_first


def _two_runs(*codes: int) -> Callable[[Scene], tuple[str, ...]]:
    """Return what prepares two runs; after its service, the first has a stage that ends so."""

    def prepare(scene: Scene) -> tuple[str, ...]:
        deploy_first(scene)
        scene.watch_service("serve")
        scene.dag("serve >> check")
        scene.service("serve", "v2")
        scene.batch("check", *codes)
        scene.commit()
        first = scene.commits[-1]
        scene.service("serve", "v3")
        scene.batch("check")
        scene.commit()
        scene.accompany(*scene.workflow)
        return (*scene.workflow, f"--commit={first}")

    return prepare


PAIRS = (
    Workload("two runs, one resumed", _two_runs(0), "succeeded", check=check_two_runs("succeeded")),
    Workload(
        "two runs, one cancelled",
        _two_runs(0),
        "succeeded",
        "cancel",
        check_two_runs("succeeded", "cancelled"),
    ),
    Workload(
        "two runs, one that fails and is resumed",
        _two_runs(1),
        "rolled-back",
        check=check_two_runs("rolled-back"),
    ),
)
