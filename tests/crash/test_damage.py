"""What is broken from outside gives a clear verdict, and nothing is lost silently."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.gate import await_line, begin, open_gate
from tests.crash.workplace import BODYWORK, NAMESPACE, Workplace

LIMITED = (
    "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    "resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0})); "
    "from bodywork.cli import main; sys.argv[0] = 'bodywork'; main()"
)


def supervisor_of(place: Workplace, run: str, stage: str) -> int:
    """Return the process id of the supervisor of a stage that runs."""
    import json

    folder = place.run_folder(run) / "attempts" / stage / "1"
    child = json.loads((folder / "status.json").read_text())["pid"]
    stat = Path(f"/proc/{child}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


def checkpoint_of(place: Workplace, run: str) -> Path:
    return place.run_folder(run) / "checkpoint.json"


def finished(place: Workplace) -> str:
    place.project("a")
    place.batch("a")
    place.commit()
    place.workflow()
    return str(place.runs()[0]["run"])


@pytest.mark.skipif(sys.platform != "linux", reason="finds the supervisor by /proc")
def test_a_stage_whose_supervisor_is_killed_is_lost_and_can_be_resumed(gated: Workplace) -> None:
    first, run = begin(gated)
    hold = os.open(f"{gated.effects}.gate", os.O_WRONLY)  # returns when the stage is at its gate
    os.kill(supervisor_of(gated, run, "a"), signal.SIGKILL)
    assert first.wait(30) == 1
    os.close(hold)
    status = gated.status(run)
    assert status["state"] == "failed"
    assert status["verdict"]["reason"].startswith("its supervisor was killed")
    second = gated.start("workflow", f"--namespace={NAMESPACE}", "--resume")
    await_line(second, "creating job=shop--a")
    open_gate(gated)
    assert second.wait(30) == 0
    assert gated.happened() == ["a 1", "a 1", "b 1"]


@pytest.mark.parametrize("damage", ["garbage", "truncated", "edited", "empty"])
def test_a_damaged_checkpoint_is_refused_with_what_to_do(damage: str, place: Workplace) -> None:
    run = finished(place)
    file = checkpoint_of(place, run)
    content = file.read_bytes()
    damaged = {
        "garbage": os.urandom(200),
        "truncated": content[: len(content) // 2],
        "edited": content.replace(b"succeeded", b"cancelled"),
        "empty": b"",
    }[damage]
    file.write_bytes(damaged)
    for command in (["status", run], ["workflow", "--resume", f"--run={run}"], ["cancel", run]):
        said = place.bodywork(command[0], f"--namespace={NAMESPACE}", *command[1:], codes=(1,))
        assert "error: " in said
        assert "hint: " in said
        assert "Traceback" not in said
    assert file.read_bytes() == damaged


def test_a_deleted_checkpoint_is_said_to_be_gone(place: Workplace) -> None:
    run = finished(place)
    checkpoint_of(place, run).unlink()
    said = place.bodywork("status", f"--namespace={NAMESPACE}", run, codes=(2,))
    assert "error: " in said
    assert "hint: " in said


def test_a_damaged_record_does_not_hide_the_others(place: Workplace) -> None:
    damaged = finished(place)
    whole = finished(place)
    checkpoint_of(place, damaged).write_bytes(b"?")
    assert whole in [each["run"] for each in place.runs()]


def test_a_full_disk_stops_the_controller_with_a_clear_error_and_loses_nothing(
    place: Workplace,
) -> None:
    place.project("a >> b >> c")
    for name in ("a", "b", "c"):
        place.batch(name)
    place.commit()
    place.workflow()
    size = checkpoint_of(place, str(place.runs()[0]["run"])).stat().st_size
    place.effects.unlink()
    limited = subprocess.run(
        [BODYWORK[0], "-c", LIMITED.format(size - 300), "workflow", f"--namespace={NAMESPACE}",
         place.repository.as_uri(), "main"],
        env={**os.environ, "BODYWORK_ENGINE": "local", **place.environment},
        capture_output=True, text=True,
    )  # fmt: skip
    assert limited.returncode == 4, limited.stdout + limited.stderr
    assert "error: " in limited.stderr
    assert "hint: " in limited.stderr
    assert "Traceback" not in limited.stderr
    place.workflow("--resume", f"--run={place.runs()[0]['run']}")
    assert place.happened() == ["a 1", "b 1", "c 1"]
