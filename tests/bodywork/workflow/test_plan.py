"""The plan is a pure function: what it reuses, what it runs again, and the reason it gives."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodywork.errors import UsageError
from bodywork.model.names import ProjectName, RunName, StageName
from bodywork.model.run import ServiceVersion
from bodywork.model.workflow import Workflow
from bodywork.workflow.plan import Code, Earlier, plan_stages
from bodywork.workflow.progress import Attempt, Progress, Request
from tests.bodywork.workflow.harness import NAMESPACE, PIPELINE, batch, service, workflow

OLD = RunName("old-run")
PIPELINE_AFTER = ((batch("a"), batch("b")), (service("serve"),))


def earlier(project: Workflow, *, succeeded: str, live: str = OLD) -> Earlier:
    """A run of the project in which the named stages succeeded and the next one failed."""
    names = succeeded.split()
    plan = dict(plan_stages(project))
    for name, stage in plan.items():
        if name in names:
            plan[name] = replace(stage, attempts=(Attempt(1, "succeeded"),))
    serve = StageName("serve")
    version = ServiceVersion("v1", RunName(live), serve, "c0")
    progress = Progress(OLD, Request(NAMESPACE, "repo", "c0"), "c0", project, plan)
    return Earlier(progress, {serve: version if live else None})


def actions(project: Workflow, before: Earlier | None, from_stage: str = "") -> dict[str, str]:
    return {name: each.action for name, each in plan_stages(project, before, from_stage).items()}


def test_a_new_run_runs_everything() -> None:
    assert set(actions(PIPELINE, None).values()) == {"run"}


def test_a_continued_run_keeps_what_succeeded_and_runs_the_rest() -> None:
    planned = actions(PIPELINE, earlier(PIPELINE, succeeded="prepare a"))
    assert planned == {"prepare": "reuse", "a": "reuse", "b": "run", "serve": "run"}


def test_a_stage_runs_again_when_something_before_it_does_even_if_it_succeeded() -> None:
    planned = actions(PIPELINE, earlier(PIPELINE, succeeded="prepare a serve"))
    assert planned["serve"] == "run"


def test_changed_files_of_a_stage_run_it_and_all_after_it_again() -> None:
    before = earlier(PIPELINE, succeeded="prepare a b serve")
    changed = workflow(
        (batch("prepare"),), (batch("a", tree="t1"), batch("b")), (service("serve"),)
    )
    plan = plan_stages(changed, before)
    assert {name: stage.action for name, stage in plan.items()} == {
        "prepare": "reuse", "a": "run", "b": "reuse", "serve": "run",
    }  # fmt: skip
    assert plan[StageName("a")].why == "its files changed"
    assert plan[StageName("serve")].why == "a, before it, runs again"


def test_a_changed_image_runs_everything_again_and_says_so() -> None:
    before = earlier(PIPELINE, succeeded="prepare a b serve")
    plan = plan_stages(replace(PIPELINE, image="other"), before)
    assert {stage.action for stage in plan.values()} == {"run"}
    assert plan[StageName("prepare")].why == "its image changed"


def test_a_service_is_reused_only_while_its_version_is_the_live_one() -> None:
    everything = "prepare a b serve"
    assert actions(PIPELINE, earlier(PIPELINE, succeeded=everything))["serve"] == "reuse"
    for live in ("another-run", ""):
        before = earlier(PIPELINE, succeeded=everything, live=live)
        assert plan_stages(PIPELINE, before)[StageName("serve")].why == (
            "its version is not the live one"
        )


def with_ids(*, shared_id: str, project: Workflow = PIPELINE) -> Workflow:
    stages = {name: replace(each, shared_id=shared_id) for name, each in project.stages.items()}
    return replace(project, stages=stages)


def before_with(project: Workflow, commit: str = "c0", **outline: str) -> Earlier:
    found = earlier(project, succeeded="prepare a b serve")
    return replace(found, progress=replace(found.progress, commit=commit, outline=outline))


def test_changed_shared_files_run_a_stage_again_and_are_named() -> None:
    before = before_with(with_ids(shared_id="1.a"), src="1", prepare="1", a="1")
    now = with_ids(shared_id="1.b")
    plan = plan_stages(now, before, "", Code("c1", {"src": "2", "prepare": "1", "a": "2"}))
    assert {stage.action for stage in plan.values()} == {"run"}
    why = "files that it shares changed, such as src"
    assert plan[StageName("prepare")].why == why
    assert plan_stages(now, before, "", Code("c1"))[StageName("prepare")].why == (
        "files that it shares changed"
    )


def test_both_are_named_where_both_changed() -> None:
    before = before_with(with_ids(shared_id="1.a"), src="1", prepare="1")
    now = workflow((batch("prepare", tree="t1"),), *PIPELINE_AFTER)
    plan = plan_stages(
        with_ids(shared_id="1.b", project=now), before, "", Code("c1", {"src": "2", "prepare": "2"})
    )
    assert plan[StageName("prepare")].why == (
        "its files changed, such as prepare; so did files that it shares, such as src"
    )


def test_another_project_s_results_are_not_reused() -> None:
    before = earlier(PIPELINE, succeeded="prepare a b serve")
    plan = plan_stages(replace(PIPELINE, project=ProjectName("other")), before)
    assert plan[StageName("prepare")].why == "PROJECT_NAME changed"


def test_a_record_of_an_earlier_version_is_reused_only_at_its_own_commit() -> None:
    before, now = before_with(PIPELINE), with_ids(shared_id="1.a")
    same = plan_stages(now, before, "", Code("c0"))
    assert {stage.action for stage in same.values()} == {"reuse"}
    for code in (Code("c1"), Code()):
        plan = plan_stages(now, before, "", code)
        assert plan[StageName("prepare")].why == (
            "an earlier version of Bodywork recorded it, without the files that it shares"
        )


def test_what_an_earlier_version_reused_is_not_reused_again() -> None:
    before = before_with(PIPELINE)
    reused = replace(
        before.progress.stages[StageName("prepare")], action="reuse", reused_from="first-run"
    )
    before = replace(before, progress=before.progress.with_stage(StageName("prepare"), reused))
    plan = plan_stages(with_ids(shared_id="1.a"), before, "", Code("c0"))
    assert {stage.action for stage in plan.values()} == {"run"}


def test_ids_of_another_form_are_never_the_same() -> None:
    before = before_with(with_ids(shared_id="0.a"))
    assert actions(with_ids(shared_id="1.a"), before)["prepare"] == "run"


def test_from_runs_that_stage_and_all_after_it_again() -> None:
    before = earlier(PIPELINE, succeeded="prepare a b serve")
    assert actions(PIPELINE, before, "a") == {
        "prepare": "reuse", "a": "run", "b": "reuse", "serve": "run",
    }  # fmt: skip


def test_from_an_unknown_stage_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UsageError, match="--from nobody") as caught:
        plan_stages(PIPELINE, None, "nobody")
    assert caught.value.hint == "its stages are prepare, a, b, serve"


def test_what_was_reused_is_reused_again_from_where_it_ran() -> None:
    before = earlier(PIPELINE, succeeded="a b")
    reused = replace(
        before.progress.stages[StageName("prepare")], action="reuse", reused_from="first-run"
    )
    progress = before.progress.with_stage(StageName("prepare"), reused)
    plan = plan_stages(PIPELINE, Earlier(progress, {}))
    assert plan[StageName("prepare")].reused_from == "first-run"


@given(
    st.lists(st.sampled_from(["prepare", "a", "b", "serve"]), unique=True),
    st.sampled_from(["", "prepare", "a", "b", "serve"]),
    st.dictionaries(st.sampled_from(["prepare", "a", "b"]), st.just("t1")),
)
def test_nothing_is_reused_after_something_that_runs(
    succeeded: list[str], from_stage: str, trees: dict[str, str]
) -> None:
    before = earlier(PIPELINE, succeeded=" ".join(succeeded))
    changed = workflow(
        (batch("prepare", tree=trees.get("prepare", "t0")),),
        (batch("a", tree=trees.get("a", "t0")), batch("b", tree=trees.get("b", "t0"))),
        (service("serve"),),
    )
    planned = actions(changed, before, from_stage)
    ran = False
    for step in changed.steps:
        assert not (ran and any(planned[name] == "reuse" for name in step))
        ran = ran or any(planned[name] == "run" for name in step)
    assert all(planned[name] == "run" for name in planned if name not in succeeded)
