"""Hooks hear of what happened, and cannot change it unless they are required."""

from pathlib import Path

import pytest

from bodywork.errors import UsageError
from bodywork.workflow import lifecycle
from bodywork.workflow.hooks import as_hook, hook, load_hooks
from statemachine.hooks import HookEvent, Hooks
from statemachine.retries import RetryPolicy
from tests.bodywork.workflow.harness import PIPELINE, Office, Repository, batch, service, workflow
from tests.fakes.engine import FAILED, SUCCEEDED

ONCE = RetryPolicy(attempts=1)


def office(hooks: Hooks) -> Office:
    return Office(Repository(c0=PIPELINE), hooks=hooks)


def test_hooks_hear_of_stages_retries_and_the_end() -> None:
    heard: list[str] = []
    hooks = Hooks()
    hooks.on("stage.*", "enter:succeeded", name="ear")(lambda event: heard.append(event.topic))
    place = Office(Repository(c0=workflow((batch("a", retries=1),))), hooks=hooks)
    place.world.outcomes["a"] = [FAILED, SUCCEEDED]
    place.run()
    assert heard == [
        "stage.started", "stage.failed", "stage.retry", "stage.started", "stage.succeeded",
        "enter:succeeded",
    ]  # fmt: skip


def test_hooks_hear_of_a_roll_back() -> None:
    heard: list[HookEvent] = []
    hooks = Hooks()
    hooks.on("rollback.*", name="ear")(heard.append)
    place = Office(Repository(c0=workflow((service("serve"),))), hooks=hooks)
    place.world.outcomes["serve"] = [FAILED]
    place.run()
    assert [each.topic for each in heard] == ["rollback.started", "rollback.service"]
    assert heard[1].data == {"stage": "serve", "outcome": "removed"}


def test_a_failing_hook_does_not_change_the_result() -> None:
    hooks = Hooks()
    hooks.on("enter:step-1-done", name="broken", retry=ONCE)(lambda event: 1 / 0)
    assert office(hooks).run().state == lifecycle.SUCCEEDED


def test_a_failing_required_hook_fails_the_run_and_restores_services() -> None:
    hooks = Hooks()
    hooks.on("enter:step-1-done", name="gate", required=True, retry=ONCE)(lambda event: 1 / 0)
    place = Office(Repository(c0=workflow((service("serve"),), (batch("a"),))), hooks=hooks)
    last = place.run()
    verdict = place.progress(last.id).verdict
    assert last.state == lifecycle.ROLLED_BACK
    assert verdict
    assert verdict.reason == "the required hook gate failed"
    assert place.world.live == {}


def test_a_hook_due_at_the_crash_is_called_by_the_resumed_controller() -> None:
    heard: list[str] = []
    hooks = Hooks()
    hooks.on("enter:step-1-done", name="ear")(lambda event: heard.append(event.key))
    place = office(hooks)
    run = place.begin_and_die("step-1-done")
    assert heard == []
    place.controller().execute(run)
    assert len(set(heard)) == 1


def test_a_marked_function_says_itself_what_it_hears() -> None:
    @hook("enter:failed", name="mine", required=True)
    def tell(event: HookEvent) -> None:
        """Tell nobody."""

    marked = as_hook(tell)
    assert (marked.name, marked.topics, marked.required) == ("mine", ("enter:failed",), True)


def test_hooks_are_loaded_by_reference_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_hooks_here.py").write_text("def tell(event):\n    pass\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    found = load_hooks(["my_hooks_here:tell"]).find("my_hooks_here:tell")
    assert found
    assert found.topics == ("transition",)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("nothing", "not of the form module:function"),
        ("os:nothing", "has no attribute"),
        ("no_such_module:f", "No module named"),
        ("os:sep", "is no function"),
    ],
)
def test_a_bad_reference_is_a_clear_error(reference: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_hooks([reference])
