"""A run's progress survives the way into a checkpoint and back."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodywork.model.names import RunName, StageName
from bodywork.model.run import Claim, ServiceVersion, Unresolved
from bodywork.model.stage import SecretVariable, Service, Stage
from bodywork.workflow.identities import expand, shorten_identity
from bodywork.workflow.plan import plan_stages
from bodywork.workflow.progress import Attempt, Progress, Request, StageProgress, Verdict
from bodywork.workflow.record import parse_progress, render_progress, steps_in
from tests.bodywork.workflow.harness import NAMESPACE, PIPELINE, batch, workflow

words = st.text(max_size=12)
moments = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC))
attempts = st.builds(
    Attempt,
    number=st.integers(1, 9),
    state=st.sampled_from(["intended", "started", "succeeded", "failed", "lost", "stopped"]),
    uid=words | st.uuids().map(str),
    started_at=st.none() | moments,
    ended_at=st.none() | moments,
    exit_code=st.none() | st.integers(-64, 255),
    reason=words,
    final=st.booleans(),
    free=st.booleans(),
    tail=st.lists(words, max_size=3).map(tuple),
)
versions = st.builds(
    ServiceVersion, id=words, run=words.map(RunName), stage=words.map(StageName), commit=words
)
claims = st.builds(Claim, words, st.none() | versions | st.builds(Unresolved, words))
stages = st.builds(
    StageProgress,
    action=st.sampled_from(["run", "reuse"]),
    why=words,
    reused_from=words,
    attempts=st.lists(attempts, max_size=3).map(tuple),
    claim=st.none() | claims,
    waits_for=words,
    restoration=st.sampled_from(["", "restored", "removed", "left", "failed"]),
    restoration_reason=words,
)


identities = st.one_of(
    words,
    st.uuids().map(str),
    st.binary(max_size=24).map(bytes.hex),
    st.sampled_from(["", "=", "u", "x" * 23, "0" * 40, "0" * 39, "ABCDEF0123456789", "=00"]),
)


@given(identities)
def test_any_identity_is_expanded_to_what_it_was(text: str) -> None:
    short = shorten_identity(text)
    assert expand(short) == text
    assert len(short) <= len(text) + 1


@pytest.mark.parametrize("short", ["?abc", "uA", "x_", 7])
def test_what_is_no_identity_is_refused(short: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        expand(short)


@given(stages, st.none() | st.builds(Verdict, st.just("stage"), words, words, words), words)
def test_progress_survives_json(stage: StageProgress, verdict: Verdict, by: str) -> None:
    plan = {**plan_stages(PIPELINE), StageName("a"): stage}
    request = Request(NAMESPACE, "repo", "main", hooks=("module:function",))
    progress = Progress(RunName("r"), request, "c0", PIPELINE, plan, verdict, by)
    assert parse_progress(json.loads(json.dumps(render_progress(progress)))) == progress


def test_progress_before_the_clone_survives() -> None:
    progress = Progress(RunName("r"), Request(NAMESPACE, "repo", "main"))
    assert parse_progress(render_progress(progress)) == progress
    assert steps_in(render_progress(progress)) == 0


def test_every_field_of_a_stage_survives() -> None:
    stage = Stage(
        StageName("serve"),
        Service(30, 2, 5000),
        "src/app.py",
        args=("--level", "3"),
        cpu_request=0.25,
        memory_request_mb=100,
        secrets=(SecretVariable("USERNAME", "credentials"),),
        tree="a" * 40,
    )
    project = workflow((stage,), scope="stage", on_failure=batch("tell", retries=1))
    progress = Progress(
        RunName("r"), Request(NAMESPACE, "repo", "main"), "c0", project, plan_stages(project)
    )
    assert parse_progress(json.loads(json.dumps(render_progress(progress)))) == progress


def test_five_hundred_stages_that_ran_fit_into_a_checkpoint() -> None:
    project = workflow(
        *[tuple(batch(f"stage-number-{i}-{j}") for j in range(10)) for i in range(50)]
    )
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    attempt = Attempt(1, "succeeded", "f" * 36, moment, moment, 0)
    plan = {
        name: StageProgress(why=stage.why, attempts=(attempt,))
        for name, stage in plan_stages(project).items()
    }
    progress = Progress(RunName("r"), Request(NAMESPACE, "repo", "main"), "c0", project, plan)
    assert len(json.dumps(render_progress(progress))) < 64 * 1024
