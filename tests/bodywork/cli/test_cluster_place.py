"""What a controller in a pod knows of the one before it."""

import pytest

from bodywork.cli.cluster_place import Outage, was_replaced
from bodywork.cluster.errors import Forbidden, Refused, Unavailable
from bodywork.model.pods import is_pod_of_job
from statemachine.ownership import Holder

POD = {"BODYWORK_RUN": "shop-29389821", "KUBERNETES_SERVICE_HOST": "10.96.0.1"}


@pytest.mark.parametrize(
    ("host", "environment", "gone"),
    [
        ("shop-29389821-abcde", POD, True),
        ("shop-29389821-fghij", POD, False),  # ourselves
        ("shop-29389822-abcde", POD, False),  # of another tick
        ("shop-29389821-test-abcde", POD, False),  # of a Job whose name begins like ours
        ("shop-29389821-abcdef", POD, False),
        ("shop-29389821-abcd", POD, False),
        ("shop-29389821-", POD, False),
        ("shop-29389821", POD, False),
        ("shop-293898211-abcde", POD, False),
        ("adas-laptop", POD, False),
        ("shop-29389821-abcde", {"BODYWORK_RUN": "shop-29389821"}, False),  # we are in no pod
        ("shop-29389821-abcde", {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}, False),
    ],
)
def test_only_another_pod_of_the_same_job_has_been_replaced(
    host: str, environment: dict[str, str], gone: bool
) -> None:
    holder = Holder(name="controller", host=host, pid=1, software="")
    assert was_replaced(holder, environment, "shop-29389821-fghij") is gone


def test_an_outage_is_told_when_it_lasts_and_not_at_each_try(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [0.0]
    outage = Outage(lambda: now[0])
    for at, pause in [(0.0, 0.2), (0.5, 1.5), (2.0, 3.0), (40.0, 15.0), (70.0, 15.0)]:
        now[0] = at
        outage(Unavailable("the cluster at https://c cannot be reached"), pause)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2  # at 0.5 s and, a minute later, at 70 s
    assert told[0].startswith("the cluster at https://c cannot be reached; trying again for up to")


@pytest.mark.parametrize("length", [1, 52, 56, 57, 58, 63])
def test_a_pod_is_known_by_its_jobs_whole_name_as_far_as_kubernetes_keeps_it(length: int) -> None:
    job = "n" * length
    assert is_pod_of_job(f"{job}-"[:58] + "b2c4d", job)
    assert not is_pod_of_job(f"{job}-test-"[:58] + "b2c4d", job) or length >= 57


def test_a_refusal_that_is_endured_is_told_with_the_way_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusal = Forbidden("jobs is forbidden", hint="kubectl create rolebinding me")
    Outage(lambda: 0.0)(Refused(refusal), 2.0)
    (told,) = [each.getMessage() for each in caplog.records]
    assert told.startswith("jobs is forbidden; trying again for up to 15 minutes")
    assert told.endswith("; hint: kubectl create rolebinding me")
