"""What is killed: projects that between them come through every state, and the command at work."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.cluster.crash.ends import Check, check_cancelled, check_same
from tests.cluster.crash.scene import Scene

End = Literal["resume", "cancel"]


@dataclass(frozen=True)
class Workload:
    """One kind of run.

    Attributes:
        prepare: makes the project and its earlier runs; returns the command that is to be killed.
        state: in which the newest run must end.
        end: how its user goes on after the kill.
        check: yields what is wrong with how it ended.
    """

    name: str
    prepare: Callable[[Scene], tuple[str, ...]]
    state: str
    end: End = "resume"
    check: Check = check_same


def batch(scene: Scene) -> tuple[str, ...]:
    """Two steps, one of them parallel."""
    scene.dag("a >> b, c")
    for name in "abc":
        scene.batch(name)
    scene.commit()
    return scene.workflow


def batch_then_service(scene: Scene) -> tuple[str, ...]:
    """A first deployment, after a batch stage."""
    scene.dag("a >> serve")
    scene.batch("a")
    scene.service("serve", "v1")
    scene.commit()
    return scene.workflow


def failing_stage(scene: Scene) -> tuple[str, ...]:
    """A parallel step of which one stage fails."""
    scene.dag("a >> b, c")
    scene.batch("a")
    scene.batch("b")
    scene.batch("c", 1)
    scene.commit()
    return scene.workflow


def first_deployment_fails(scene: Scene) -> tuple[str, ...]:
    """A service that crashes, and of which there was no version before."""
    scene.dag("serve")
    scene.broken_service("serve")
    scene.commit()
    return scene.workflow


def deploy_first(scene: Scene) -> None:
    """Deploy a first version of a service."""
    scene.dag("serve")
    scene.service("serve", "v1")
    scene.commit()
    said = scene.run(*scene.workflow)
    assert said.code == 0, said.err


def second_deployment_fails(scene: Scene) -> tuple[str, ...]:
    """A new version that crashes."""
    deploy_first(scene)
    scene.broken_service("serve")
    scene.commit()
    return scene.workflow


def later_stage_fails(scene: Scene) -> tuple[str, ...]:
    """A new version that answers, and a stage after it that fails."""
    deploy_first(scene)
    scene.dag("serve >> check")
    scene.service("serve", "v2")
    scene.batch("check", 1)
    scene.commit()
    return scene.workflow


def retries(scene: Scene) -> tuple[str, ...]:
    """A stage that succeeds at its second attempt."""
    scene.dag("a >> b")
    scene.batch("a", 1, 0, retries=1)
    scene.batch("b")
    scene.commit()
    return scene.workflow


def _held(scene: Scene) -> str:
    """Begin a run that replaces a service and then holds; return its name when it does."""
    deploy_first(scene)
    scene.dag("serve >> hold")
    scene.service("serve", "v2")
    scene.hold("hold")
    scene.commit()
    known = set(scene.records())
    scene.begin(*scene.workflow)
    scene.await_pod("hold")
    [run] = set(scene.records()) - known
    return run


def cancel(scene: Scene) -> tuple[str, ...]:
    """`bodywork cancel`, while the run's controller is at work."""
    return ("cancel", _held(scene))


def killed_then_cancelled(scene: Scene) -> tuple[str, ...]:
    """A run that would go on for long."""
    deploy_first(scene)
    scene.dag("a >> serve")
    scene.batch("a", 1, 0, retries=1)
    scene.service("serve", "v2")
    scene.commit()
    return scene.workflow


def new_commit(scene: Scene) -> tuple[str, ...]:
    """A failed run is resumed with the commit that mends it."""
    scene.dag("a >> b")
    scene.batch("a")
    scene.batch("b", 1)
    scene.commit()
    assert scene.run(*scene.workflow).code == 1
    [failed] = scene.records()
    scene.batch("b")
    scene.commit()
    return ("workflow", "--resume", f"--run={failed}", "--branch=main")


def new_commit_unfinished(scene: Scene) -> tuple[str, ...]:
    """A run whose controller is dead is ended, and gone on with at another commit."""
    scene.dag("a >> b")
    scene.batch("a")
    scene.hold("b")
    scene.commit()
    command = scene.begin(*scene.workflow)
    scene.await_pod("b")
    command.end()
    [left] = scene.records()
    scene.batch("b")
    scene.commit()
    return ("workflow", "--resume", f"--run={left}", "--branch=main")


WORKLOADS = (
    Workload("batch", batch, "succeeded"),
    Workload("batch, then a service", batch_then_service, "succeeded"),
    Workload("a parallel stage fails", failing_stage, "failed"),
    Workload("the first deployment fails", first_deployment_fails, "rolled-back"),
    Workload("the second deployment fails", second_deployment_fails, "rolled-back"),
    Workload("a stage after a deployment fails", later_stage_fails, "rolled-back"),
    Workload("retries", retries, "succeeded"),
    Workload("cancel", cancel, "cancelled", "cancel"),
    Workload(
        "killed, then cancelled", killed_then_cancelled, "succeeded", "cancel", check_cancelled
    ),
    Workload("a failed run, with a new commit", new_commit, "succeeded"),
    Workload("an unfinished run, with a new commit", new_commit_unfinished, "succeeded"),
)
