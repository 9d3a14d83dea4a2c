"""Which run a resume means, and whether it needs a record of its own."""

from dataclasses import replace

import pytest

from bodywork.errors import RunNotFound, UsageError
from bodywork.model.names import RunName
from bodywork.workflow import lifecycle
from bodywork.workflow.progress import Progress
from bodywork.workflow.resume import continue_request, needs_new_record, select_run
from statemachine.checkpoint import Checkpoint
from tests.bodywork.workflow.harness import PIPELINE, REQUEST, Office, Repository
from tests.fakes.engine import FAILED


def office() -> Office:
    return Office(Repository(c0=PIPELINE))


def failing() -> Office:
    place = office()
    place.world.outcomes["a"] = [FAILED]
    return place


def all_of(place: Office) -> list[Checkpoint]:
    return [place.store.load(name).checkpoint for name in place.store.list()]


def test_the_newest_failed_run_is_resumed() -> None:
    place = failing()
    place.run()
    newest = place.run()
    assert select_run(all_of(place)).id == newest.id


def test_an_unfinished_run_is_resumed_even_when_a_later_one_succeeded() -> None:
    place = office()
    crashed = place.begin_and_die("step-1-running")
    place.run()
    assert select_run(all_of(place)).id == crashed


def test_a_failed_run_that_a_later_success_made_obsolete_is_not_resumed() -> None:
    place = failing()
    place.run()
    place.world.outcomes.clear()
    place.run()
    with pytest.raises(RunNotFound, match="no unfinished or failed run"):
        select_run(all_of(place))


def test_only_runs_of_the_given_repository_and_branch_count() -> None:
    place = failing()
    place.run()
    with pytest.raises(RunNotFound):
        select_run(all_of(place), repository="repo", reference="other")
    assert select_run(all_of(place), repository="repo", reference="c0").state == lifecycle.FAILED


def test_a_run_is_found_by_its_name_and_an_unknown_name_is_said() -> None:
    place = office()
    run = place.run()
    assert select_run(all_of(place), run=run.id).id == run.id
    with pytest.raises(RunNotFound, match="no run nobody"):
        select_run(all_of(place), run="nobody")


def test_an_unfinished_run_goes_on_in_its_own_record() -> None:
    place = office()
    crashed = place.store.load(place.begin_and_die("step-1-running")).checkpoint
    assert not needs_new_record(crashed, reference="", commit="", stage="")
    assert not needs_new_record(crashed, reference="", commit="c0", stage="")
    assert needs_new_record(crashed, reference="fixed", commit="", stage="")
    assert needs_new_record(crashed, reference="", commit="c1", stage="")
    assert needs_new_record(crashed, reference="", commit="", stage="a")


def test_an_ended_run_needs_a_new_record() -> None:
    assert needs_new_record(failing().run(), reference="", commit="", stage="")


def test_a_continued_run_keeps_the_commit_unless_told_otherwise() -> None:
    place = failing()
    progress = place.progress(place.run().id)
    same = continue_request(progress)
    assert (same.commit, same.continues, same.origin) == ("c0", progress.run, progress.run)
    assert continue_request(progress, reference="fixed").commit == ""
    assert continue_request(progress, commit="c1").commit == "c1"


def test_a_chain_of_continued_runs_keeps_its_origin() -> None:
    place = failing()
    progress = place.progress(place.run().id)
    second = replace(progress, run=RunName("second"), request=continue_request(progress))
    assert continue_request(second).origin == progress.run
    assert continue_request(second).continues == "second"


def test_from_is_refused_for_a_run_that_never_had_stages() -> None:
    with pytest.raises(UsageError, match="never got as far"):
        continue_request(Progress(RunName("r"), REQUEST), from_stage="a")
