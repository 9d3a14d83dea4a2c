"""Which run an order means, and what would happen to it."""

import pytest

from bodywork.cli.choice import Order, choose
from bodywork.cli.launch import refuse_if_held
from bodywork.cli.rehearsal import Intent, going_on
from bodywork.errors import RunNotFound, UsageError
from bodywork.model.names import StageName
from bodywork.workflow.progress import Attempt
from bodywork.workflow.status import ControllerStatus
from statemachine.errors import OwnershipHeld
from tests.bodywork.cli.places import MemoryPlace
from tests.bodywork.workflow.harness import PIPELINE, Office, Repository
from tests.fakes.engine import FAILED


@pytest.fixture
def office() -> Office:
    return Office(Repository(c0=PIPELINE, c1=PIPELINE))


@pytest.fixture
def place(office: Office) -> MemoryPlace:
    return MemoryPlace(office)


def test_a_fresh_order_asks_for_a_new_record(place: MemoryPlace) -> None:
    choice = choose(place, Order(git_repo_url="url", git_repo_branch="main", hook=("m:f",)))
    assert choice.request is not None
    assert (choice.request.repository, choice.request.reference) == ("url", "main")
    assert (choice.earlier, choice.hooks) == (None, ("m:f",))


def test_an_unfinished_run_goes_on_in_its_own_record(office: Office, place: MemoryPlace) -> None:
    run = office.begin_and_die("step-1-running")
    choice = choose(place, Order(resume=True))
    assert choice.earlier is not None
    assert (choice.earlier.id, choice.request, choice.unfinished) == (run, None, None)


def test_other_code_ends_the_unfinished_run_and_continues_it(
    office: Office, place: MemoryPlace
) -> None:
    run = office.begin_and_die("step-1-running")
    choice = choose(place, Order(resume=True, commit="c1"))
    assert choice.request is not None
    assert (choice.unfinished, choice.request.continues, choice.request.commit) == (run, run, "c1")


def test_the_same_commit_is_no_other_code(office: Office, place: MemoryPlace) -> None:
    office.begin_and_die("step-1-running")
    assert choose(place, Order(resume=True, commit="C0")).request is None


def test_a_succeeded_run_has_nothing_to_resume(office: Office, place: MemoryPlace) -> None:
    run = office.run().id
    assert choose(place, Order(resume=True, run=run)).finished
    again = choose(place, Order(resume=True, run=run, from_stage="serve"))
    assert again.request is not None
    assert (again.finished, again.request.from_stage) == (False, "serve")


def test_another_repository_is_not_taken_for_that_of_the_run(
    office: Office, place: MemoryPlace
) -> None:
    run = office.begin()
    other = Order(resume=True, run=run, git_repo_url="https://host/other")
    with pytest.raises(UsageError, match=f"run {run} is of repo"):
        choose(place, other)
    same = Order(resume=True, run=run, git_repo_url="repo.git")
    assert (choose(place, same).earlier or office.store.load(run).checkpoint).id == run


def test_to_adopt_goes_on_record(office: Office, place: MemoryPlace) -> None:
    fresh = choose(place, Order(git_repo_url="url", git_repo_branch="main", adopt=True))
    assert fresh.request
    assert fresh.request.adopt
    run = office.begin_and_die("step-1-running")
    assert choose(place, Order(resume=True)).request is None
    continued = choose(place, Order(resume=True, adopt=True))
    assert continued.request
    assert (continued.request.adopt, continued.unfinished) == (True, run)


def test_a_run_that_is_not_there_is_named(place: MemoryPlace) -> None:
    with pytest.raises(RunNotFound, match="no run nope is on record in namespace shop"):
        choose(place, Order(resume=True, run="nope"))


def test_a_fresh_order_needs_a_repository_and_a_branch() -> None:
    with pytest.raises(UsageError, match="GIT_REPO_URL and GIT_REPO_BRANCH are needed"):
        Order(git_repo_url="url").check()


def test_a_folder_is_put_on_record_by_its_whole_path(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(str(tmp_path))
    order = Order(git_repo_url=".", git_repo_branch="main").check()
    assert order.git_repo_url == str(tmp_path)


def test_a_run_with_a_living_controller_is_not_ended_for_other_code(place: MemoryPlace) -> None:
    for alive in (True, None):
        place.controllers["r"] = ControllerStatus("ada (process 7 on host)", alive)
        with pytest.raises(OwnershipHeld, match="ada"):
            refuse_if_held(place, "r")
    place.controllers["r"] = ControllerStatus("ada (process 7 on host)", False)
    refuse_if_held(place, "r")


@pytest.mark.parametrize(
    ("state", "actions"),
    [
        ("cloned", ["run", "run", "run", "run"]),
        ("step-1-running", ["run", "run", "run", "run"]),
        ("step-1-done", ["reuse", "run", "run", "run"]),
        ("step-2-done", ["reuse", "reuse", "reuse", "run"]),
    ],
)
def test_a_dry_run_says_what_the_same_record_has_still_to_do(
    office: Office, state: str, actions: list[str]
) -> None:
    run = office.begin_and_die(state)
    assert [each.action for each in going_on(office.progress(run), state)] == actions


def test_a_started_stage_is_re_attached_to(office: Office) -> None:
    progress = office.progress(office.begin_and_die("step-1-running"))
    prepare = StageName("prepare")
    begun = progress.stages[prepare].with_latest(Attempt(1, "started"))
    [first, *_] = going_on(progress.with_stage(prepare, begun), "step-1-running")
    assert first == Intent(1, "prepare", "re-attach", "its attempt 1 was started")


def test_a_run_on_its_way_out_restores_and_runs_nothing(office: Office) -> None:
    office.world.outcomes["serve"] = [FAILED]
    run = office.begin_and_die("rolling-back")
    actions = [each.action for each in going_on(office.progress(run), "rolling-back")]
    assert actions == ["none", "none", "none", "restore"]
