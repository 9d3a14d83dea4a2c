"""Whole runs over a fake engine: how they go, and what is done about what goes wrong."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bodywork.model.names import RunName, StageName
from bodywork.model.run import Observation, Phase, ServiceVersion, StageRun
from bodywork.model.workflow import Workflow
from bodywork.ports import Engine
from bodywork.workflow import lifecycle
from bodywork.workflow.progress import Attempt
from bodywork.workflow.record import parse_progress
from statemachine.checkpoint import Checkpoint
from statemachine.errors import Fenced
from tests.bodywork.workflow.harness import (
    PIPELINE,
    REQUEST,
    Office,
    Repository,
    batch,
    service,
    workflow,
)
from tests.fakes.engine import FAILED, READY, SUCCEEDED

OLD = ServiceVersion("v0", RunName("run-zero"), StageName("serve"), "c9")


def office(project: Workflow = PIPELINE) -> Office:
    return Office(Repository(c0=project))


def states(checkpoint: Checkpoint) -> list[str]:
    return [move.state for move in checkpoint.path]


def started(place: Office) -> list[tuple[str, int]]:
    return [(each.stage, each.attempt) for each in place.world.started]


def test_a_run_goes_through_every_state_and_starts_each_stage_once() -> None:
    place = office()
    last = place.run()
    assert states(last) == [
        "created", "cloned", "step-1-running", "step-1-done", "step-2-running", "step-2-done",
        "step-3-running", "step-3-done", "succeeded",
    ]  # fmt: skip
    assert started(place) == [("prepare", 1), ("a", 1), ("b", 1), ("serve", 1)]
    assert place.world.live["shop--serve"].run == last.id
    assert place.world.sources == set()


def test_a_failed_batch_stage_fails_the_run_and_names_the_reason() -> None:
    place = office()
    place.world.outcomes["a"] = [FAILED]
    last = place.run()
    verdict = place.progress(last.id).verdict
    assert last.state == lifecycle.FAILED
    assert verdict
    assert (verdict.stage, verdict.exit_code, verdict.tail) == ("a", 1, ("boom",))


def test_the_others_of_a_step_may_finish_when_one_fails() -> None:
    place = office()
    place.world.outcomes["a"] = [FAILED]
    last = place.run()
    assert place.progress(last.id).stages[StageName("b")].succeeded
    assert place.world.stopped == []


def test_retries_are_new_attempts_and_stop_at_the_first_success() -> None:
    place = office(workflow((batch("a", retries=2),)))
    place.world.outcomes["a"] = [FAILED, SUCCEEDED]
    assert place.run().state == lifecycle.SUCCEEDED
    assert started(place) == [("a", 1), ("a", 2)]


def test_retries_are_bounded() -> None:
    place = office(workflow((batch("a", retries=2),)))
    place.world.outcomes["a"] = [FAILED]
    assert place.run().state == lifecycle.FAILED
    assert started(place) == [("a", 1), ("a", 2), ("a", 3)]


def test_what_cannot_mend_itself_is_not_tried_again() -> None:
    place = office(workflow((batch("a", retries=2),)))
    place.world.outcomes["a"] = [replace(FAILED, final=True, reason="no secret db")]
    assert place.run().state == lifecycle.FAILED
    assert started(place) == [("a", 1)]


def test_a_job_that_vanished_is_lost_never_done() -> None:
    place = office(workflow((batch("a"),)))
    place.world.outcomes["a"] = [Observation(Phase.ABSENT)]
    last = place.run()
    verdict = place.progress(last.id).verdict
    assert last.state == lifecycle.FAILED
    assert verdict
    assert verdict.reason == "what was started for it was deleted"
    assert "--resume" in verdict.hint


def test_an_object_that_took_the_name_of_ours_is_not_taken_for_ours() -> None:
    place = office(workflow((batch("a"),)))
    place.world.outcomes["a"] = [replace(SUCCEEDED, uid="a stranger's")]
    last = place.run()
    assert last.state == lifecycle.FAILED
    assert [each.state for each in place.progress(last.id).stages[StageName("a")].attempts] == [
        "lost"
    ]


def test_a_service_that_fails_is_rolled_back_to_the_version_before() -> None:
    place = office()
    place.world.live["shop--serve"] = OLD
    place.world.outcomes["serve"] = [FAILED]
    last = place.run()
    assert last.state == lifecycle.ROLLED_BACK
    assert place.world.live["shop--serve"] == OLD
    assert place.progress(last.id).stages[StageName("serve")].restoration == "restored"


def test_a_first_deployment_that_fails_is_removed() -> None:
    place = office()
    place.world.outcomes["serve"] = [FAILED]
    last = place.run()
    assert last.state == lifecycle.ROLLED_BACK
    assert place.world.live == {}
    assert place.progress(last.id).stages[StageName("serve")].restoration == "removed"


THEN_CHECK = ((service("serve"),), (batch("check"),))


def test_a_later_failure_restores_every_service_that_the_run_changed() -> None:
    place = office(workflow(*THEN_CHECK))
    place.world.live["shop--serve"] = OLD
    place.world.outcomes["check"] = [FAILED]
    assert place.run().state == lifecycle.ROLLED_BACK
    assert place.world.live["shop--serve"] == OLD


def test_rollback_scope_stage_leaves_services_of_stages_that_succeeded() -> None:
    place = office(workflow(*THEN_CHECK, scope="stage"))
    place.world.live["shop--serve"] = OLD
    place.world.outcomes["check"] = [FAILED]
    last = place.run()
    assert last.state == lifecycle.FAILED
    assert place.world.live["shop--serve"].run == last.id


def test_rollback_scope_stage_restores_every_service_that_was_not_proven() -> None:
    both = ((service("serve"), service("extra")),)
    place = office(workflow(*both, scope="stage"))
    place.world.live |= {"shop--serve": OLD, "shop--extra": OLD}
    place.world.outcomes |= {"serve": [FAILED], "extra": [FAILED]}
    last = place.run()
    assert last.state == lifecycle.ROLLED_BACK
    assert place.world.live == {"shop--serve": OLD, "shop--extra": OLD}
    restored = {stage.restoration for stage in place.progress(last.id).stages.values()}
    assert restored == {"restored"}


def test_a_service_that_cannot_be_brought_back_is_said_and_the_run_has_failed() -> None:
    place = office()
    place.world.live["shop--serve"] = OLD
    place.world.outcomes["serve"] = [FAILED]
    place.world.unrestorable.add("shop--serve")
    last = place.run()
    stage = place.progress(last.id).stages[StageName("serve")]
    assert last.state == lifecycle.FAILED
    assert (stage.restoration, stage.restoration_reason) == ("failed", "its folder is gone")


def test_what_another_run_has_deployed_since_is_left_alone() -> None:
    place = office(workflow(*THEN_CHECK))
    place.world.outcomes["check"] = [FAILED]
    newer = replace(OLD, run=RunName("newer"))
    place.world.outcomes["serve"] = [READY]
    run = place.begin_and_die("step-1-done")
    place.world.live["shop--serve"] = newer
    last = place.controller().execute(run)
    assert place.world.live["shop--serve"] == newer
    assert place.progress(last.id).stages[StageName("serve")].restoration == "left"


def test_the_failure_stage_runs_after_a_failure() -> None:
    place = office(workflow((batch("a"),), on_failure=batch("tell")))
    place.world.outcomes["a"] = [FAILED]
    assert place.run().state == lifecycle.FAILED
    assert started(place) == [("a", 1), ("tell", 1)]


def test_the_failure_stage_runs_after_the_roll_back() -> None:
    place = office(workflow((service("serve"),), on_failure=batch("tell")))
    place.world.outcomes["serve"] = [FAILED]
    assert place.run().state == lifecycle.ROLLED_BACK
    assert started(place) == [("serve", 1), ("tell", 1)]


def test_the_failure_stage_does_not_run_after_success() -> None:
    place = office(workflow((batch("a"),), on_failure=batch("tell")))
    assert place.run().state == lifecycle.SUCCEEDED
    assert started(place) == [("a", 1)]


def test_a_failing_failure_stage_does_not_change_how_the_run_ended() -> None:
    place = office(workflow((batch("a"),), on_failure=batch("tell")))
    place.world.outcomes |= {"a": [FAILED], "tell": [replace(FAILED, reason="no webhook")]}
    last = place.run()
    verdict = place.progress(last.id).verdict
    assert verdict
    assert verdict.stage == "a"


def test_cancel_stops_what_runs_and_restores_services() -> None:
    place = office(workflow((service("serve"),), (batch("a"), batch("b"))))
    place.world.live["shop--serve"] = OLD
    run = place.begin_and_die("step-2-running")
    last = place.controller().cancel(run, "ada on laptop")
    assert last.state == lifecycle.CANCELLED
    assert place.world.live["shop--serve"] == OLD
    assert place.progress(run).cancelled_by == "ada on laptop"
    assert [each for each in place.world.seen.values() if each.phase is Phase.RUNNING] == []


class Overtaken:
    """An engine whose controller loses its run in its first wait."""

    def __init__(self, inner: Engine, overtake: Callable[[], object]) -> None:
        self._inner = inner
        self._overtake = [overtake]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def wait(self, attempts: Sequence[StageRun], timeout: float | None) -> None:
        self._inner.wait(attempts, timeout)
        while self._overtake:
            self._overtake.pop()()


def test_a_controller_says_nothing_of_what_it_could_not_put_on_record() -> None:
    place = office(workflow((batch("a"),), (batch("b"),)))
    run = place.begin_and_die("cloned")
    first = place.controller(
        wrap_engine=lambda engine: Overtaken(engine, lambda: place.take_over_and_die(run))
    )
    with pytest.raises(Fenced):
        first.execute(run)
    assert place.report.ended == []
    assert place.controller().execute(run).state == lifecycle.SUCCEEDED
    assert [each.stage for each in place.report.ended] == ["a", "b"]


def test_a_controller_that_is_overtaken_while_it_pauses_begins_no_further_attempt() -> None:
    place = office(workflow((batch("a", retries=1),)))
    place.world.outcomes["a"] = [FAILED, SUCCEEDED]
    ended: list[Checkpoint] = []

    def cancel_in_the_pause(checkpoint: Checkpoint) -> None:
        stage = parse_progress(checkpoint.data).stages.get(StageName("a"))
        if stage and stage.latest == Attempt(2):
            ended.append(place.controller().cancel(run, "ada"))

    first = place.controller(observer=cancel_in_the_pause)
    run = first.begin(REQUEST)
    with pytest.raises(Fenced):
        first.execute(run)
    assert [each.state for each in ended] == [lifecycle.CANCELLED]
    assert started(place) == [("a", 1)]


def test_cancel_of_a_finished_run_changes_nothing() -> None:
    place = office()
    last = place.run()
    assert place.controller().cancel(RunName(last.id), "ada").state == lifecycle.SUCCEEDED
    assert place.store.load(last.id).checkpoint == last


def test_a_lost_source_is_cloned_again_at_the_same_commit() -> None:
    place = office()
    run = place.begin_and_die("step-1-done")
    place.world.sources.clear()
    assert place.controller().execute(run).state == lifecycle.SUCCEEDED
    assert place.repository.checkouts == ["", "c0"]


def test_a_continued_run_takes_over_what_succeeded() -> None:
    place = office()
    place.world.outcomes["a"] = [FAILED, SUCCEEDED]
    failed = place.run()
    place.world.outcomes["a"] = [SUCCEEDED]
    last = place.run(replace(REQUEST, commit="c0", continues=failed.id, origin=failed.id))
    assert last.state == lifecycle.SUCCEEDED
    ran = [each.stage for each in place.world.started if each.run == last.id]
    assert ran == ["a", "serve"]
    assert {each.origin_run for each in place.world.started} == {failed.id}


def test_a_run_that_goes_on_and_the_one_that_it_continues_are_not_forgotten() -> None:
    place = office(workflow((batch("a"),)))
    place.world.outcomes["a"] = [FAILED]
    failed = place.run()
    unfinished = place.controller().begin(replace(REQUEST, continues=failed.id))
    place.world.outcomes["a"] = [SUCCEEDED]
    later = [place.run().id for _ in range(3)]
    assert set(place.controller().prune(keep=1)) == set(later[:-1])
    assert set(place.store.list()) == {failed.id, unfinished, later[-1]}


@pytest.mark.parametrize("seconds", [1, 3600, 400 * 86400])
def test_the_end_of_a_run_does_not_forget_it_where_the_clock_is_behind(seconds: float) -> None:
    place = office()
    runs = [place.run().id for _ in range(3)]
    place.time.behind = timedelta(seconds=seconds)
    controller = place.controller()
    last = controller.execute(controller.begin(REQUEST)).id
    assert controller.prune(keep=2) == [runs[0]]
    assert last in place.store.list()


def test_old_runs_are_forgotten_with_all_they_own_but_services_stay() -> None:
    place = office()
    runs = [place.run().id for _ in range(4)]
    assert place.controller().prune(keep=2) == [runs[1], runs[0]]
    assert place.world.forgotten == [runs[1], runs[0]]
    assert sorted(place.store.list()) == sorted(runs[2:])
    assert "shop--serve" in place.world.live
