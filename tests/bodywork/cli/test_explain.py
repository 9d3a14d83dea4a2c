"""What is said of runs in each state: the state, the reason, and the next command to type."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bodywork.cli.explain import render_run, render_runs
from bodywork.model.names import RunName
from bodywork.workflow.status import ControllerStatus, RunStatus, document, run_status
from bodywork.workflow.summary import describe_state
from statemachine.hooks import HookEvent, Hooks
from statemachine.retries import RetryPolicy
from tests.bodywork.workflow.harness import PIPELINE, REQUEST, Office, Repository
from tests.fakes.engine import FAILED

ALIVE = ControllerStatus("ada (process 7 on host)", True)
DEAD = ControllerStatus("ada (process 7 on host)", False)
ELSEWHERE = ControllerStatus("ada (process 7 on host)", None)


def advise(*words: str) -> str:
    return " ".join(("bodywork", *words))


@pytest.fixture
def office() -> Office:
    return Office(Repository(c0=PIPELINE, c1=PIPELINE))


def status_of(office: Office, run: str, controller: ControllerStatus | None = None) -> RunStatus:
    return run_status(office.store.load(run).checkpoint, controller)


def said(status: RunStatus) -> list[str]:
    text = render_run(status, status.updated_at + timedelta(minutes=2), advise, None)
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("controller", "state", "who"),
    [
        (ALIVE, "running", "ada (process 7 on host), alive"),
        (DEAD, "interrupted", "ada (process 7 on host), dead"),
        (None, "interrupted", "nobody"),
        (
            ELSEWHERE,
            "running",
            "ada (process 7 on host), on another machine; not known whether alive",
        ),
    ],
)
def test_an_unfinished_run_says_who_controls_it(
    office: Office, controller: ControllerStatus | None, state: str, who: str
) -> None:
    status = status_of(office, office.begin_and_die("step-1-running"), controller)
    lines = said(status)
    assert f"state {state} in step 1 of 3" in lines
    assert f"controller {who}" in lines


def test_an_interrupted_run_is_gone_on_with_or_cancelled(office: Office) -> None:
    run = office.begin_and_die("step-1-running")
    lines = said(status_of(office, run))
    assert lines[-3:] == [
        "Next:",
        f"bodywork workflow --resume --run={run} # go on",
        f"bodywork cancel {run} # or end it",
    ]


def test_a_run_at_work_is_followed(office: Office) -> None:
    run = office.begin_and_die("step-1-running")
    assert f"bodywork logs {run} --follow" in said(status_of(office, run, ALIVE))


def test_a_failure_names_stage_reason_and_the_last_lines_of_its_log(office: Office) -> None:
    office.world.outcomes["a"] = [FAILED]
    run = office.run().id
    lines = said(status_of(office, run))
    why = lines.index("Why: stage a: exit code 1")
    assert lines[why + 1 : why + 3] == ["The last lines of its log:", "| boom"]
    assert f"bodywork logs {run} a" in lines


def test_a_roll_back_says_what_is_back_at_what(office: Office) -> None:
    first = office.run().id
    office.world.outcomes["serve"] = [FAILED]
    again = office.run().id
    lines = said(status_of(office, again))
    assert f"serve is back at the version of run {first} (commit c0)" in lines


def test_a_first_deployment_that_failed_is_said_to_be_removed(office: Office) -> None:
    office.world.outcomes["serve"] = [FAILED]
    assert "serve was new, and has been removed" in said(status_of(office, office.run().id))


def test_a_service_that_could_not_be_brought_back_is_said_loudly(office: Office) -> None:
    office.run()
    office.world.outcomes["serve"] = [FAILED]
    office.world.unrestorable.add("shop--serve")
    status = status_of(office, office.run().id)
    assert describe_state(status) == "failed"
    assert any("serve could NOT be brought back to the version of run" in x for x in said(status))


def test_what_a_stage_printed_cannot_command_the_terminal(office: Office) -> None:
    office.world.outcomes["a"] = [replace(FAILED, tail=("\x1b]0;owned\x07x",), reason="\x1b[2Jno")]
    text = "\n".join(said(status_of(office, office.run().id)))
    assert "\x1b" not in text
    assert "| x" in text


def test_a_run_before_its_clone_is_explained_as_well(office: Office) -> None:
    run: RunName = office.controller().begin(REQUEST)
    lines = said(status_of(office, run))
    assert "state interrupted" in lines
    assert "branch c0" in lines


def test_the_list_has_a_line_a_run_within_80_columns(office: Office) -> None:
    status = status_of(office, office.run().id)
    text = render_runs([status], status.updated_at + timedelta(hours=3), 80)
    header, line = text.splitlines()
    assert header.split() == ["RUN", "STATE", "STEP", "STARTED", "TOOK"]
    assert line.split()[1:5] == ["succeeded", "3/3", "3h", "00m"]


@pytest.mark.parametrize("required", [False, True])
def test_hooks_that_failed_for_good_are_said_with_their_errors(
    required: bool, office: Office
) -> None:
    office.hooks = Hooks()

    @office.hooks.on("stage.*", name="app:tell", required=required, retry=RetryPolicy(attempts=1))
    def tell(event: HookEvent) -> None:
        raise KeyError("WEBHOOK")

    status = status_of(office, office.run().id)
    lines = said(status)
    where = lines.index("Hooks failed:")
    if required:
        assert lines[where + 1] == "app:tell, which is required: KeyError: 'WEBHOOK' (2 times)"
    else:
        assert lines[where + 1] == "app:tell: KeyError: 'WEBHOOK' (8 times)"
    assert "hooks failed app:tell" in lines
    hooks = document(status)["hooks"]
    assert hooks["failed"] == ["app:tell"]
    assert hooks["failures"][0] == {
        "hook": "app:tell",
        "reason": "KeyError: 'WEBHOOK'",
        "required": required,
    }
