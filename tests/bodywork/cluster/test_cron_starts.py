"""Why a controller has not started, judged from objects as a cluster really wrote them."""

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodywork.cluster.cron_starts import judge_schedule, judge_start
from bodywork.cluster.start_causes import Names, Obstacle, explain

Found = dict[str, Any]

SEEN: Mapping[str, Found] = json.loads(
    (Path(__file__).parents[2] / "golden" / "cluster" / "starts.json").read_text("utf-8")
)
"""Job, pods and warnings of jobs that did not start, as Kubernetes 1.34 wrote them."""
NAMES = Names("shop", "nightly", "nightly-1", "registry.example/bodywork:1")
UPDATE = "bodywork cronjob update -n shop --name={} --image=REGISTRY/IMAGE:TAG"

EXPECTED = {
    "nohost": ("image registry.example/missing:1 cannot be pulled: no such host", UPDATE, True),
    "local": ("image localhost:5000/x/y:1 cannot be pulled: connection refused", UPDATE, True),
    "initbad": ("image registry.example/init:1 cannot be pulled: no such host", UPDATE, True),
    "invalid": ("the image's name is not valid: Bad/Image:1", UPDATE, False),
    "never": ("image bodywork:nothere is not on the node, and is never pulled", UPDATE, True),
    "nocmd": ('does not hold Bodywork: exec: "bodywurk": executable file not', UPDATE, False),
    "nocmd2": ('does not hold Bodywork: exec: "/no/bodywork": stat /no/body', UPDATE, False),
    "noexec": ('cannot be started: exec: "/etc/passwd": permission denied', UPDATE, False),
    "quota": ("quota is exhausted: q, requested: pods=1", "kubectl -n shop describe quota", True),
    "noacc": ("the service account nobody is missing", "bodywork setup-namespace shop", True),
    "psa": ('Pod Security refuses its pod: "restricted:latest": privileged', "create it", False),
    "nosecret": ("the secret gone is missing", "secret create -n shop --name=gone", True),
    "nokey": ("the secret has lacks the key k", "secret update -n shop --name=has --data k=", True),
    "nomap": ("the ConfigMap gone is missing", "kubectl -n shop edit cronjob nomap", True),
    "novol": ("the secret gone is missing", "secret create -n shop --name=gone", True),
    "room": ("no node has room for it: 0/1 nodes are available: 1 Insufficient cpu", "nodes", True),
    "selector": ("no node is fit for it: 0/1 nodes are available: 1 node(s) didn't", "nodes", True),
}


def seen(name: str) -> tuple[Found, list[Found], list[Found]]:
    case = deepcopy(SEEN[name])
    return case["job"], case["pods"], case["events"]


def obstacle(name: str) -> Obstacle:
    start = judge_start(*seen(name))
    assert (start.started, start.over) == (False, False)
    assert start.obstacle is not None
    return start.obstacle


@pytest.mark.parametrize("name", SEEN)
def test_each_way_not_to_start_has_its_reason_and_the_command_that_mends_it(name: str) -> None:
    reason, hint, passes = EXPECTED[name]
    found = obstacle(name)
    assert reason in found.reason
    assert hint.format(name) in found.hint
    assert found.passes is passes


def test_every_case_on_record_has_its_expectation() -> None:
    assert set(SEEN) == set(EXPECTED)


@given(st.sampled_from(sorted(SEEN)), st.data())
def test_what_is_about_other_jobs_changes_nothing(name: str, data: st.DataObject) -> None:
    job, pods, events = seen(name)
    others = [seen(other) for other in SEEN if other != name]
    more_pods = [pod for _, found, _ in others for pod in found]
    more_events = [event for _, _, found in others for event in found]
    pods = data.draw(st.permutations([*pods, *more_pods]))
    events = [*data.draw(st.permutations(more_events)), *events]
    assert judge_start(job, pods, events) == judge_start(*seen(name))


@given(st.sampled_from(sorted(SEEN)))
def test_a_controller_that_runs_waits_for_nothing(name: str) -> None:
    job, _, events = seen(name)
    pod = _pod(job, {"running": {"startedAt": "2026-11-25T06:00:00Z"}})
    start = judge_start(job, [pod], events)
    assert (start.started, start.over, start.obstacle) == (True, False, None)


@given(st.sampled_from(sorted(SEEN)))
def test_a_job_that_is_complete_has_started(name: str) -> None:
    job, pods, events = seen(name)
    job["status"]["conditions"] = [_true("Complete")]
    assert judge_start(job, pods, events).obstacle is None
    assert judge_start(job, [], events).started


@given(st.sampled_from(sorted(SEEN)))
def test_a_job_whose_time_ran_out_still_tells_why(name: str) -> None:
    """Kubernetes deletes the pods then; what is left are the events."""
    job, _, events = seen(name)
    job["spec"]["activeDeadlineSeconds"] = 1800
    job["status"]["conditions"] = [_true("Failed", "DeadlineExceeded")]
    start = judge_start(job, [], events)
    assert (start.started, start.over) == (False, True)
    assert start.obstacle is not None
    if events:
        inner = EXPECTED[name][0].partition(": exec")[0].partition("registry.example")[0]
        assert start.obstacle.reason.startswith("it did not start within 1800 s: ")
        assert inner.split(":")[0] in start.obstacle.reason
    assert not start.obstacle.passes


def test_a_job_that_failed_after_its_controller_ran_is_none_that_never_started() -> None:
    job, _, events = seen("nohost")
    job["status"]["conditions"] = [_true("Failed", "DeadlineExceeded")]
    job["metadata"]["annotations"] = {"bodywork.io/started": "true"}
    assert judge_start(job, [], events).obstacle is None
    job["metadata"]["annotations"] = {}
    job["status"]["conditions"] = [_true("Failed", "BackoffLimitExceeded")]
    assert judge_start(job, [], events).started  # its pods are gone, so nobody can know better


def test_the_pod_that_replaces_one_may_have_to_wait_too() -> None:
    job, [waiting], events = seen("nohost")
    ended = _pod(job, {"terminated": {"reason": "Error", "exitCode": 137}}, "00:00")
    start = judge_start(job, [waiting, ended], events)
    assert start.started
    assert start.obstacle == obstacle("nohost")


@pytest.mark.parametrize(("at", "told"), [("06:00:02", True), ("05:59:58", False)])
def test_a_refusal_after_a_pod_has_ended_is_told_and_one_before_it_is_past(
    at: str, told: bool
) -> None:
    job, _, events = seen("quota")
    for event in events:
        event["lastTimestamp"] = f"2026-11-25T{at}Z"
    over = {"reason": "Error", "exitCode": 137, "finishedAt": "2026-11-25T06:00:00Z"}
    start = judge_start(job, [_pod(job, {"terminated": over})], events)
    assert bool(start.obstacle) is told


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"suspend": True}, "the job is suspended"), ({}, "its pod has not been made yet")],
)
def test_a_job_without_a_pod_and_without_a_refusal(change: Found, reason: str) -> None:
    job, _, _ = seen("nohost")
    job["spec"] |= change
    start = judge_start(job, [], [])
    assert start.obstacle is not None
    assert start.obstacle.reason == reason


def _pod(job: Found, state: Found, minute: str = "55:00") -> Found:
    return {
        "metadata": {
            "name": f"{job['metadata']['name']}-abcde",
            "uid": f"uid-{minute}",
            "creationTimestamp": f"2026-11-25T05:{minute}Z",
            "ownerReferences": [{"uid": job["metadata"]["uid"]}],
        },
        "spec": {"containers": [{"name": "controller", "image": "registry.example/bodywork:1"}]},
        "status": {
            "phase": "Running",
            "containerStatuses": [{"name": "controller", "state": state}],
        },
    }


def _true(kind: str, reason: str = "") -> Found:
    return {"type": kind, "status": "True", "reason": reason, "message": ""}


# -- texts -----------------------------------------------------------------------------------------

RESOLVE = 'failed to resolve reference "{image}": '
HEAD = "unexpected status from HEAD request to https://denied.example/v2/x/manifests/1: "
DENIED = (
    "pull access denied, repository does not exist or may require authorization: "
    "server message: insufficient_scope: authorization failed"
)
PULLS = (
    (f"{RESOLVE}{HEAD}401 Unauthorized", "401 Unauthorized", True),
    (f"{RESOLVE}{HEAD}403 Forbidden", "403 Forbidden", True),
    (f"{RESOLVE}{DENIED}", "authorization failed", True),
    (f"{RESOLVE}failed to authorize: no basic auth credentials", "no basic auth credentials", True),
    (f"{RESOLVE}{{image}}: not found", "not found", False),
    (f"{RESOLVE}{HEAD}500 Internal Server Error", "500 Internal Server Error", False),
    (f"{RESOLVE}dial tcp: lookup denied.example: no such host", "no such host", False),
)
IMAGES = ("registry.example/shop:1", "denied.example/authorizer/credentials:401", "s" * 200 + ":1")
FORMS = (
    "ErrImagePull: {}",
    'ImagePullBackOff: Back-off pulling image "{image}": ErrImagePull: {}',
    'Failed: Failed to pull image "{image}": {}',
)


@pytest.mark.parametrize(("message", "cause", "is_private"), PULLS, ids=[p[1] for p in PULLS])
@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("form", FORMS)
def test_a_pull_that_fails_is_told_by_its_cause_whatever_the_image_is_called(
    form: str, image: str, message: str, cause: str, is_private: bool
) -> None:
    text = form.replace("{}", message).replace("{image}", image)
    found = explain(text, Names("shop", "nightly", "nightly-1", image))
    assert found.reason == f"the image {image} cannot be pulled: {cause}"
    assert ("docker-registry" in found.hint) is is_private


@given(st.text(max_size=2000))
def test_any_text_has_an_explanation_on_one_line(text: str) -> None:
    for form in ("{}", "FailedCreate: {}", "Failed: Error: {}", "FailedScheduling: {}"):
        found = explain(form.replace("{}", text), NAMES)
        assert len(found.reason) <= 400
        assert "\n" not in found.reason


# -- schedules -------------------------------------------------------------------------------------

REFUSED = (
    'Error creating job: jobs.batch "nightly-29389821" is forbidden: exceeded quota: q, requested: '
    "count/jobs.batch=1, used: count/jobs.batch=0, limited: count/jobs.batch=0"
)


@given(
    made=st.integers(0, 59),
    ticked=st.integers(0, 59),
    refused=st.integers(0, 59),
    ours=st.booleans(),
)
def test_a_refused_job_is_told_until_the_schedule_has_made_one(
    made: int, ticked: int, refused: int, ours: bool
) -> None:
    schedule = {
        "metadata": {"name": "nightly", "namespace": "shop", "uid": "u"},
        "status": {"lastScheduleTime": f"2026-11-25T06:00:{ticked:02}Z"},
    }
    job = {"metadata": {"creationTimestamp": f"2026-11-25T06:00:{made:02}Z"}}
    event = {
        "reason": "FailedCreate",
        "message": REFUSED,
        "lastTimestamp": f"2026-11-25T06:00:{refused:02}Z",
        "involvedObject": {"uid": "u" if ours else "another"},
    }
    found = judge_schedule(schedule, [job], [event])
    assert bool(found) is (ours and refused > max(made, ticked))
    if found:
        assert found.reason.startswith(
            "the namespace's quota is exhausted: q, requested: count/jobs"
        )
