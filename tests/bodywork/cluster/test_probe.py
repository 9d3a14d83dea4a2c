"""An image is proven by a container that starts from it; nothing of the proof is left behind."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bodywork import __version__
from bodywork.cluster.client import Client
from bodywork.cluster.probe import build_probe, probe_image
from bodywork.model.checks import Check, Needs
from statemachine.errors import Interrupted
from statemachine.retries import RetryPolicy
from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_api import ApiServer, Misbehaviour, api_server

JOBS = "/apis/batch/v1/namespaces/shop/jobs"
ENDED_WELL = {"state": {"terminated": {"exitCode": 0}}}
NO_PROGRAM = {
    "exitCode": 128,
    "reason": "StartError",
    "message": 'exec: "bodywork": executable file not found in $PATH: unknown',
}
CRASH = {"exitCode": 3, "message": "Traceback\nImportError: no module named bodywork\n"}
BACKING_OFF = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "shop:1"'}


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with api_server() as served:
        yield served


@pytest.fixture
def client(server: ApiServer, tmp_path: Path) -> Client:
    once = RetryPolicy(attempts=1)
    return Client.connect(kubeconfig=str(write_kubeconfig(tmp_path, server.url)), policy=once)


def play_kubelet(server: ApiServer, status: dict[str, Any]) -> None:
    """Give the Job that is to come a pod whose container has this status."""

    def wait_and_play() -> None:
        with server.objects.changed:
            server.objects.changed.wait_for(lambda: jobs(server))
            [job] = jobs(server)
            server.objects.create("/api/v1/namespaces/shop/pods", pod_of(job, status))

    threading.Thread(target=wait_and_play, daemon=True).start()


def jobs(server: ApiServer) -> list[dict[str, Any]]:
    return [each for (place, _), each in server.objects.kept.items() if place == JOBS]


def pod_of(job: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
    metadata = job["metadata"]
    return {
        "metadata": {
            "name": "probe",
            "namespace": "shop",
            "labels": {"batch.kubernetes.io/job-name": metadata["name"]},
            "ownerReferences": [{"uid": metadata["uid"]}],
        },
        "spec": {"containers": job["spec"]["template"]["spec"]["containers"]},
        "status": {"phase": "Pending", "containerStatuses": [{"name": "stage", **status}]},
    }


def probed(client: Client, seconds: float = 60.0) -> Check:
    [check] = probe_image(client, "shop", Needs(image="shop:1", image_seconds=seconds))
    return check


def test_an_image_that_starts_is_fine_and_says_what_it_holds(
    server: ApiServer, client: Client
) -> None:
    server.logs["probe"] = [f"bodywork {__version__}\n".encode()]
    play_kubelet(server, ENDED_WELL)
    expected = f"shop:1 starts, and holds bodywork {__version__}"
    assert probed(client) == Check("image", "ok", expected)
    assert jobs(server) == []


def test_an_image_that_holds_another_version_is_worth_a_warning(
    server: ApiServer, client: Client
) -> None:
    server.logs["probe"] = [b"bodywork 0.0.1\n"]
    play_kubelet(server, ENDED_WELL)
    check = probed(client)
    assert check.status == "warning"
    assert f"holds bodywork 0.0.1; this is {__version__}" in check.message


@pytest.mark.parametrize(
    ("state", "told", "cure"),
    [
        ({"terminated": NO_PROGRAM}, "executable file not found", "need Bodywork in their image"),
        ({"terminated": CRASH}, "exit code 3", "ImportError: no module named bodywork"),
        ({"waiting": BACKING_OFF}, "the image cannot be pulled", "imagePullSecret"),
        ({"waiting": {"reason": "InvalidImageName"}}, "name is not valid", "is the name right"),
    ],
)
def test_an_image_that_does_not_start_is_named_with_the_cure(
    server: ApiServer, client: Client, state: dict[str, Any], told: str, cure: str
) -> None:
    play_kubelet(server, {"state": state})
    check = probed(client)
    assert check.status == "fail"
    assert check.message.startswith("shop:1: ")
    assert told in check.message
    assert cure in check.hint
    assert jobs(server) == []


def test_what_takes_too_long_is_given_up_with_what_is_known(
    server: ApiServer, client: Client
) -> None:
    check = probed(client, seconds=1.0)
    assert check.message == ("shop:1 has not started within 1s: its image may still be on the way")
    assert "--timeout" in check.hint
    assert jobs(server) == []


def test_whoever_is_interrupted_leaves_nothing_behind(server: ApiServer, tmp_path: Path) -> None:
    def interrupt(seconds: float) -> None:
        assert len(jobs(server)) == 1
        raise Interrupted("Ctrl-C")

    kubeconfig = str(write_kubeconfig(tmp_path, server.url))
    client = Client.connect(kubeconfig=kubeconfig, sleep=interrupt)
    server.will(Misbehaviour.REFUSE, "GET", path="/pods", status=503)  # so that it pauses
    with pytest.raises(Interrupted):
        probed(client)
    assert jobs(server) == []


def test_a_lost_answer_to_the_creation_leaves_nothing_behind(
    server: ApiServer, client: Client
) -> None:
    fault = server.will(Misbehaviour.RESET_AFTERWARDS, "POST")
    assert probed(client).status == "fail"
    assert (fault.fired, jobs(server)) == (1, [])


def test_a_probe_ends_and_goes_by_itself_should_we_be_killed() -> None:
    spec = build_probe("shop", "shop:1", 60.0)["spec"]
    assert spec["activeDeadlineSeconds"] == 90
    assert spec["ttlSecondsAfterFinished"] == 60
    assert spec["backoffLimit"] == 0


def test_a_probe_is_no_less_restricted_than_a_stage() -> None:
    pod = build_probe("shop", "shop:1", 60.0)["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["serviceAccountName"] == "bodywork-jobs-and-deployments"
    assert pod["automountServiceAccountToken"] is False
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"]


def test_without_an_image_nothing_is_started(server: ApiServer, client: Client) -> None:
    [check] = probe_image(client, "shop", Needs())
    assert check.status == "skipped"
    assert server.requests == []
