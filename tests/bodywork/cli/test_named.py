"""A run that is named beforehand is carried to its end by the same command, however often typed."""

from dataclasses import replace

import pytest

from bodywork.cli import exits, named
from bodywork.cli.choice import Choice, Order, choose
from bodywork.cli.launch import Work
from bodywork.errors import UsageError
from bodywork.workflow import lifecycle
from statemachine.checkpoint import Checkpoint
from statemachine.errors import OwnershipHeld
from tests.bodywork.cli.places import MemoryPlace
from tests.bodywork.workflow.harness import Death, Office, Repository, batch, workflow
from tests.fakes.engine import FAILED

BATCHES = workflow((batch("prepare"),), (batch("a"), batch("b")), (batch("last"),))
TICK = Order(git_repo_url="repo", git_repo_branch="c0", name="tick-7")


@pytest.fixture
def office() -> Office:
    return Office(Repository(c0=BATCHES, c1=BATCHES))


@pytest.fixture
def place(office: Office) -> MemoryPlace:
    return MemoryPlace(office)


def carry(place: MemoryPlace, order: Order = TICK) -> int:
    return named.carry_named(place, order, choose(place, order), lambda number: 0.0)


def states(office: Office) -> dict[str, str]:
    return {name: office.store.load(name).checkpoint.state for name in office.store.list()}


def begin_tick(office: Office, place: MemoryPlace, state: str, order: Order = TICK) -> None:
    """Begin the tick's run with a controller that dies in that state."""
    choice = choose(place, order)
    assert choice.request is not None
    run = office.controller().begin(choice.request, choice.name)
    with pytest.raises(Death):
        office.controller(dies_in=state).execute(run)


def test_the_run_gets_the_name_that_was_given(office: Office, place: MemoryPlace) -> None:
    assert carry(place) == exits.SUCCESS
    assert states(office) == {"tick-7": lifecycle.SUCCEEDED}


@pytest.mark.parametrize("state", ["cloned", "step-1-running", "step-2-done", "succeeded"])
def test_the_same_command_goes_on_after_a_crash(
    office: Office, place: MemoryPlace, state: str
) -> None:
    begin_tick(office, place, state)
    assert carry(place) == exits.SUCCESS
    assert states(office) == {"tick-7": lifecycle.SUCCEEDED}
    assert sorted(each.stage for each in office.world.started) == ["a", "b", "last", "prepare"]


def test_a_run_that_has_ended_gives_its_result_again(office: Office, place: MemoryPlace) -> None:
    office.world.outcomes["a"] = [FAILED]
    assert carry(place) == exits.RUN_FAILED
    before = office.store.load("tick-7")
    assert carry(place) == exits.RUN_FAILED
    assert office.store.load("tick-7") == before


def test_a_retry_is_a_run_of_its_own_that_keeps_what_succeeded(
    office: Office, place: MemoryPlace
) -> None:
    office.world.outcomes["a"] = [FAILED]
    assert carry(place) == exits.RUN_FAILED
    office.world.outcomes.clear()
    assert carry(place, replace(TICK, retries=2)) == exits.SUCCESS
    assert states(office) == {
        "tick-7": lifecycle.FAILED,
        "tick-7-retry-1": lifecycle.SUCCEEDED,
    }
    again = office.progress("tick-7-retry-1")
    assert again.request.continues == "tick-7"
    reused = {name for name, stage in again.stages.items() if stage.action == "reuse"}
    assert reused == {"prepare", "b"}


def test_retries_come_to_an_end(office: Office, place: MemoryPlace) -> None:
    office.world.outcomes["a"] = [FAILED] * 9
    assert carry(place, replace(TICK, retries=2)) == exits.RUN_FAILED
    assert list(states(office)) == ["tick-7", "tick-7-retry-1", "tick-7-retry-2"]


def test_a_crash_during_a_retry_goes_on_with_the_retry(office: Office, place: MemoryPlace) -> None:
    order = replace(TICK, retries=2)
    office.world.outcomes["a"] = [FAILED]
    assert carry(place) == exits.RUN_FAILED
    office.world.outcomes.clear()
    begin_tick(office, place, "step-2-running", order)
    assert carry(place, order) == exits.SUCCESS
    assert list(states(office)) == ["tick-7", "tick-7-retry-1"]


def test_a_cancelled_run_is_not_tried_again(office: Office, place: MemoryPlace) -> None:
    order = replace(TICK, retries=2)
    begin_tick(office, place, "step-1-running")
    office.controller().cancel(order.names()[0], "ada")
    assert carry(place, order) == exits.RUN_FAILED
    assert states(office) == {"tick-7": lifecycle.CANCELLED}


def test_a_name_of_another_project_is_not_gone_on_with(office: Office, place: MemoryPlace) -> None:
    carry(place)
    with pytest.raises(UsageError, match="run tick-7 is of repo c0"):
        choose(place, replace(TICK, git_repo_branch="c1"))


def unfinished(office: Office, place: MemoryPlace, what: str, state: str) -> tuple[str, Choice]:
    run = office.begin_and_die(state)
    return run, choose(place, replace(TICK, on_unfinished=what))


def test_a_tick_resumes_the_unfinished_run_before_it(office: Office, place: MemoryPlace) -> None:
    run, choice = unfinished(office, place, "resume", "step-1-running")
    assert named.carry_named(place, replace(TICK, on_unfinished="resume"), choice) == 0
    assert states(office) == {run: lifecycle.SUCCEEDED}


def test_a_tick_that_resumed_takes_that_runs_result(office: Office, place: MemoryPlace) -> None:
    office.world.outcomes["a"] = [FAILED]
    run, choice = unfinished(office, place, "resume", "step-1-running")
    order = replace(TICK, on_unfinished="resume", retries=2)
    assert named.carry_named(place, order, choice) == exits.RUN_FAILED
    assert states(office) == {run: lifecycle.FAILED}


def test_a_tick_leaves_an_unfinished_run_alone(office: Office, place: MemoryPlace) -> None:
    run, choice = unfinished(office, place, "skip", "step-1-running")
    assert (choice.skipped, choice.request) == (True, None)
    assert choice.earlier is not None
    assert choice.earlier.id == run


def test_a_tick_supersedes_the_unfinished_run(office: Office, place: MemoryPlace) -> None:
    run, choice = unfinished(office, place, "supersede", "step-3-running")
    assert named.carry_named(place, replace(TICK, on_unfinished="supersede"), choice) == 0
    assert states(office) == {run: lifecycle.CANCELLED, "tick-7": lifecycle.SUCCEEDED}
    assert office.progress(run).cancelled_by == "a newer run of its branch"
    assert office.progress("tick-7").request.continues == ""


def test_only_the_last_run_of_the_branch_counts(office: Office, place: MemoryPlace) -> None:
    office.begin_and_die("step-1-running")
    office.run()
    for what in ("resume", "skip", "supersede"):
        choice = choose(place, replace(TICK, on_unfinished=what))
        assert (choice.earlier, choice.name) == (None, "tick-7")


def test_an_unfinished_run_of_another_branch_is_none_of_our_business(
    office: Office, place: MemoryPlace
) -> None:
    office.begin_and_die("step-1-running")
    order = replace(TICK, git_repo_branch="c1", on_unfinished="skip")
    assert choose(place, order).earlier is None


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (replace(TICK, resume=True), "--as does not go with --resume"),
        (replace(TICK, dry_run=True), "--as does not go with --dry-run"),
        (replace(TICK, name="", on_unfinished="skip", resume=True), "--on-unfinished does not"),
        (replace(TICK, name="", retries=1), "--retries goes with --as"),
        (replace(TICK, name="Tick"), "a run cannot be called 'Tick'"),
        (replace(TICK, name="x" * 56), "has more than 55 characters"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(order: Order, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        order.check()


def test_who_waits_for_another_controller_shows_that_it_goes_on(
    place: MemoryPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the Job of a schedule would be ended for a controller that hangs."""
    carry_through, held = Work.carry_through, [1, 2, 3]

    def held_at_first(work: Work) -> Checkpoint:
        if held:
            held.pop()
            raise OwnershipHeld("run tick-7 is at work", holder="ada on laptop")
        return carry_through(work)

    monkeypatch.setattr(named, "HELD_SECONDS", 0.0)
    monkeypatch.setattr(Work, "carry_through", held_at_first)
    assert carry(place) == exits.SUCCESS
    assert place.heartbeats == 4


def test_the_name_of_every_retry_is_a_label() -> None:
    order = replace(TICK, name="x" * 55, retries=9).check()
    assert max(len(name) for name in order.names()) == 63
