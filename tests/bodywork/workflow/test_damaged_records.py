"""One damaged record is one that cannot be read; what is asked of the others is answered."""

import json
from pathlib import Path
from typing import Any

import pytest

from bodywork.cli import wiring
from bodywork.errors import RunNotFound
from bodywork.workflow.record import load_records
from bodywork.workflow.resume import select_run
from statemachine.checkpoint import Checkpoint
from statemachine.codec import checksum
from statemachine.errors import CheckpointCorrupt
from statemachine.stores.file import FileStore
from tests.bodywork.workflow.harness import PIPELINE, Office, Repository
from tests.fakes.engine import FAILED

DAMAGE: dict[str, Any] = {
    "nothing": b"",
    "cut short": lambda raw: raw[: len(raw) // 2],
    "NaN": lambda raw: raw.replace(b'"sequence": ', b'"sequence": NaN, "x": '),
    "Infinity": lambda raw: raw.replace(b'"epoch": ', b'"epoch": Infinity, "x": '),
    "beyond any number": lambda raw: raw.replace(b'"epoch": ', b'"epoch": 1e999, "x": '),
    "beyond any whole number": lambda raw: raw.replace(b'"epoch": ', b'"epoch": ' + b"9" * 9999),
    "no UTF-8": lambda raw: raw.replace(b'"run"', b'"\xff\xfe"'),
    "NUL": lambda raw: raw.replace(b"\n", b"\0"),
    "nested": b"[" * 100_000,
    "a list": b"[1]",
}


def wrong(**changes: Any) -> Any:
    """Return a damage: other data under a checksum that fits."""

    def change(raw: bytes) -> bytes:
        document = json.loads(raw)
        document["data"] = {**document["data"], **changes}
        document["checksum"] = checksum(document)
        return json.dumps(document).encode()

    return change


DAMAGE |= {
    "no request": wrong(request={}),
    "a request of another type": wrong(request=[]),
    "a field of another program": wrong(request={"namespace": "n", "colour": "red"}),
    "a workflow of another type": wrong(workflow=7),
    "a workflow without steps": wrong(workflow={"project": "p"}),
    "a form of a later program": wrong(form=3),
    "a form of another type": wrong(form=[]),
    "stages of another type": wrong(steps=[1]),
    "a stage of another type": wrong(steps=[[5]]),
    "a stage with more fields": wrong(steps=[[["a", "main.py", 0, "", 0, [], {}, 1]]]),
    "a stage of no definition": wrong(steps=[[["a", "main.py", 99]]]),
    "an attempt of no state": wrong(steps=[[["a", "main.py", 0, "", 0, [["?"]]]]]),
    "an identity that is none": wrong(steps=[[["a", "main.py", 0, "", 0, [["f", "?"]]]]]),
    "a reason that is nowhere": wrong(
        steps=[[["a", "main.py", 0, "", 0, [["f", "", None, None, 1, 99]]]]]
    ),
    "a time that is none": wrong(
        since="2026-01-01T00:00:00+00:00",
        steps=[[["a", "main.py", 0, "", 0, [["f", "", "yesterday"]]]]],
    ),
    "a beginning that is none": wrong(since="yesterday"),
}


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    """Three runs that failed, of which the second one gets damaged."""
    office = Office(Repository(c0=PIPELINE))
    office.world.outcomes["a"] = [FAILED]
    store = FileStore(tmp_path)
    for _ in range(3):
        run = office.begin()
        office.controller().execute(run)
        store.create(office.store.load(run).checkpoint)
    return store


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_other_records_are_read_listed_and_resumed(store: FileStore, damage: str) -> None:
    first, second, third = store.list()
    path = store.root / second / "checkpoint.json"
    how = DAMAGE[damage]
    path.write_bytes(how(path.read_bytes()) if callable(how) else how)
    fresh = FileStore(store.root)
    found = list(load_records(fresh))
    assert [each.id for each in found if isinstance(each, Checkpoint)] == [first, third]
    [corrupt] = [each for each in found if isinstance(each, CheckpointCorrupt)]
    assert second in corrupt.message
    assert select_run(wiring.checkpoints(fresh)).id in (first, third)
    with pytest.raises(RunNotFound):
        select_run(wiring.checkpoints(fresh), run=second)
