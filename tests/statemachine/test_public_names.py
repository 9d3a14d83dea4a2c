import subprocess
import sys

import pytest

import statemachine

PUBLIC = """
Advance Checkpoint CheckpointConflict CheckpointCorrupt CheckpointExists CheckpointNotFound
CheckpointSealed CheckpointStore CheckpointTooLarge Data Definition DefinitionError Delivery Event
Fenced FileLeaseStore FileStore Handler Holder Hook HookEvent HookFailed HookFailure Hooks
IllegalTransition Interrupted Json LeaseStore MemoryStore Move Ownership OwnershipHeld RetryPolicy
Runner State StateMachineError StoreFull StoreUnavailable Stored TerminalError TransientError
Transition Wait call legal_triggers next_state pause_seconds render_mermaid this_process
"""


def test_the_public_names_are_these() -> None:
    assert statemachine.__all__ == PUBLIC.split()
    assert dir(statemachine) == statemachine.__all__


@pytest.mark.parametrize("name", PUBLIC.split())
def test_each_public_name_can_be_had(name: str) -> None:
    assert getattr(statemachine, name) is getattr(statemachine, name)


def test_other_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        statemachine.nothing  # noqa: B018  (asking is the test)


def loaded_by(statement: str) -> set[str]:
    program = f"import sys\n{statement}\nprint(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return set(result.stdout.split())


def test_the_package_alone_loads_nothing() -> None:
    assert {name for name in loaded_by("import statemachine") if "statemachine." in name} == set()


@pytest.mark.parametrize(
    "modules",
    [
        "statemachine.runner, statemachine.stores.file",
        "statemachine.ownership, statemachine.stores.leases, statemachine.stores.memory",
    ],
)
def test_running_a_machine_loads_nothing_heavy(modules: str) -> None:
    heavy = {
        "marshmallow",
        "tenacity",
        "asyncio",
        "http",
        "email",
        "tempfile",
        "uuid",
        "kubernetes",
    }
    assert loaded_by(f"import {modules}") & heavy == set()


def test_definitions_and_stores_do_not_load_the_table_of_moves() -> None:
    statement = "import statemachine.definition, statemachine.stores.file, statemachine.hooks"
    assert "transitions" not in loaded_by(statement)
