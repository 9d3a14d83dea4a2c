"""Jobs that schedules make by hand, and what an update does to older schedules."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodywork.cluster.cron_manifests import (
    PENDING_SECONDS,
    CronJob,
    build_cron_job,
    change_cron_job,
    check_name,
    makes_other_pods,
    parse_cron_job,
)
from bodywork.cluster.manual_jobs import build_manual_job, manual_name
from bodywork.cluster.trial import build_trial
from bodywork.model.names import GIVEN_LENGTH, problem_with_label

SCHEDULE = CronJob("nightly", "@daily", "https://github.com/ada/shop", "main", "shop:1")


def cron_job() -> dict[str, Any]:
    found = build_cron_job(SCHEDULE, "shop")
    found["metadata"]["uid"] = "u-1"
    return found


@given(
    st.from_regex(r"[a-z0-9]([-a-z0-9]{0,44}[a-z0-9])?", fullmatch=True),
    st.lists(st.integers(1_600_000_000, 4_000_000_000), min_size=2, max_size=5, unique=True),
)
def test_each_job_has_a_name_of_its_own_that_does_as_a_runs_name(
    name: str, times: list[int]
) -> None:
    check_name(name)
    names = [manual_name(name, seconds) for seconds in times]
    assert len({*names}) == len(times)
    for made in names:
        assert made.startswith(f"{name}-")
        assert len(made) <= GIVEN_LENGTH
        assert problem_with_label(made) == ""


def test_a_job_by_hand_is_that_of_the_schedule_and_goes_with_it() -> None:
    found = cron_job()
    job = build_manual_job(found, "nightly-run-1")
    template = found["spec"]["jobTemplate"]
    assert job["spec"] == template["spec"]
    assert job["spec"] is not template["spec"]
    assert job["metadata"]["labels"] == template["metadata"]["labels"]
    assert job["metadata"]["annotations"] == {"cronjob.kubernetes.io/instantiate": "manual"}
    [owner] = job["metadata"]["ownerReferences"]
    assert (owner["name"], owner["uid"], owner["controller"]) == ("nightly", "u-1", True)


@pytest.mark.parametrize("adopt", [True, False])
def test_a_schedule_says_whether_its_runs_adopt_and_an_update_keeps_it(adopt: bool) -> None:
    schedule = replace(SCHEDULE, adopt=adopt, retries=2)
    found = build_cron_job(schedule, "shop")
    assert parse_cron_job(found).cronjob == schedule
    later = replace(schedule, adopt=not adopt)
    assert makes_other_pods(schedule, later)
    assert parse_cron_job(change_cron_job(found, later)).cronjob == later
    [container] = found["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert ("--adopt" in container["args"]) == adopt


def test_a_trial_looks_as_the_schedule_would_and_is_none_of_its_jobs() -> None:
    found = cron_job()
    job = build_trial(found, 60.0)
    [container] = job["spec"]["template"]["spec"]["containers"]
    [original] = found["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    where = ["--", "https://github.com/ada/shop", "main"]
    assert container["args"] == ["workflow", "--dry-run", "--output=json", *where]
    assert container["image"] == original["image"]
    assert "BODYWORK_RUN" not in {each["name"] for each in container["env"]}
    for metadata in (job["metadata"], job["spec"]["template"]["metadata"]):
        assert "bodywork.io/cronjob" not in metadata["labels"]
    assert (job["spec"]["backoffLimit"], job["spec"]["activeDeadlineSeconds"]) == (0, 90)
    assert job["spec"]["template"]["spec"]["serviceAccountName"] == "bodywork-workflow-controller"


def test_a_schedule_of_an_older_version_gets_a_deadline_and_the_exit_codes_with_an_update() -> None:
    old = cron_job()
    spec = old["spec"]["jobTemplate"]["spec"]
    del spec["activeDeadlineSeconds"]
    spec["podFailurePolicy"]["rules"][1]["onExitCodes"]["values"] = [1, 2]
    changed = change_cron_job(old, SCHEDULE)["spec"]["jobTemplate"]["spec"]
    assert changed["activeDeadlineSeconds"] == PENDING_SECONDS
    codes = changed["podFailurePolicy"]["rules"][1]["onExitCodes"]["values"]
    assert codes == [1, 2, 126, 127, 128]


def test_a_deadline_that_somebody_else_has_set_stays() -> None:
    old = cron_job()
    old["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] = 60
    changed = change_cron_job(old, SCHEDULE)
    assert changed["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 60


@pytest.mark.parametrize(
    ("change", "other"),
    [
        ({"schedule": "@hourly", "time_zone": "Europe/Berlin", "suspended": True}, False),
        ({"image": "shop:2"}, True),
        ({"reference": "dev"}, True),
        ({"repository": "https://github.com/bob/shop"}, True),
        ({"retries": 1}, True),
        ({"on_unfinished": "skip"}, True),
    ],
)
def test_only_what_is_in_a_pod_makes_other_pods(change: dict[str, Any], other: bool) -> None:
    from dataclasses import replace

    assert makes_other_pods(SCHEDULE, replace(SCHEDULE, **change)) is other
