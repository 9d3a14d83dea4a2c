"""Batch stages as processes: started once, watched, limited, ended, and told of truthfully."""

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bodywork.errors import EngineError, SourceLost
from bodywork.local.spawn import Spawner
from bodywork.local.supervisor import files
from bodywork.model.names import RunName
from bodywork.model.run import Phase, StageRun
from statemachine.errors import Fenced
from statemachine.processes import identify
from tests.bodywork.local.machine import (
    COMMIT,
    NAMESPACE,
    Machine,
    attempt_of,
    batch,
    is_running,
    until,
)

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
GATE = "import os\nopen(os.environ['HOME'] + '/gate').read()\n"


def folder_of(machine: Machine, attempt: StageRun) -> Path:
    return machine.run_folder(attempt.run) / "attempts" / attempt.stage / str(attempt.attempt)


def status_of(machine: Machine, attempt: StageRun) -> dict[str, int]:
    return dict(json.loads((folder_of(machine, attempt) / "status.json").read_text()))


def supervisor_of(machine: Machine, attempt: StageRun) -> int:
    stat = Path(f"/proc/{status_of(machine, attempt)['pid']}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


@pytest.fixture
def gate(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A FIFO at which a stage waits; HOME is an environment variable that stages inherit."""
    monkeypatch.setenv("HOME", str(machine.root))
    path = machine.root / "gate"
    os.mkfifo(path)
    return path


def test_a_script_that_ends_with_zero_has_succeeded(machine: Machine) -> None:
    seen = machine.run("print('hello')\n")
    assert (seen.phase, seen.exit_code, seen.reason) == (Phase.SUCCEEDED, 0, "")
    assert seen.started_at
    assert seen.ended_at
    assert seen.ended_at >= seen.started_at
    assert machine.log(attempt_of("job")) == ["hello"]


def test_a_script_that_ends_otherwise_has_failed_with_its_code_and_last_lines(
    machine: Machine,
) -> None:
    seen = machine.run("print('before the end')\nraise SystemExit(3)\n")
    assert (seen.phase, seen.exit_code, seen.reason) == (Phase.FAILED, 3, "exit code 3")
    assert seen.tail == ("before the end",)


def test_a_signal_is_named(machine: Machine) -> None:
    seen = machine.run("import os\nos.kill(os.getpid(), 9)\n")
    assert (seen.phase, seen.reason) == (Phase.FAILED, "exit code 137 (SIGKILL)")


def test_an_attempt_is_started_once_however_often_it_is_asked_for(machine: Machine) -> None:
    machine.publish({"job/main.py": "open('../../../../ran', 'a').write('x')\n"})
    uids = {machine.engine.ensure_job(attempt_of("job"), batch(), COMMIT, "i") for _ in range(3)}
    machine.finish(attempt_of("job"))
    again = machine.new_engine().ensure_job(attempt_of("job"), batch(), COMMIT, "i")
    assert uids == {again}
    assert (machine.run_folder() / "attempts" / "ran").read_text() == "x"


def test_two_controllers_at_once_start_an_attempt_once(machine: Machine) -> None:
    machine.publish({"job/main.py": "open('../../../../ran', 'a').write('x')\n"})
    engines = [machine.new_engine() for _ in range(4)]
    threads = [
        threading.Thread(target=each.ensure_job, args=(attempt_of("job"), batch(), COMMIT, "i"))
        for each in engines
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert machine.finish(attempt_of("job")).phase is Phase.SUCCEEDED
    assert (machine.run_folder() / "attempts" / "ran").read_text() == "x"


def test_of_many_that_claim_an_attempt_one_may_begin_with_it(tmp_path: Path) -> None:
    together = threading.Barrier(8)

    def begin(number: int) -> bool:
        together.wait()
        return files.claim(str(tmp_path))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(begin, range(8))) == 1


def test_each_attempt_works_in_a_copy_of_its_own(machine: Machine) -> None:
    machine.publish({"job/main.py": "open('mark', 'x').close()\n", "shared/data": "1"})
    assert machine.finish(machine.start(batch(), 1)).phase is Phase.SUCCEEDED
    assert machine.finish(machine.start(batch(), 2)).phase is Phase.SUCCEEDED


def test_a_run_without_its_source_asks_for_it(machine: Machine) -> None:
    machine.run_folder().mkdir(parents=True)
    with pytest.raises(SourceLost):
        machine.start(batch())


def test_a_run_that_is_on_record_no_more_starts_nothing(machine: Machine) -> None:
    with pytest.raises(EngineError, match="on record no more"):
        machine.start(batch())
    assert not machine.run_folder().exists()


def test_a_controller_that_was_overtaken_starts_and_stops_nothing(machine: Machine) -> None:
    machine.publish({"job/main.py": GATE})
    machine.fence.error = Fenced("overtaken")
    for effect in (
        lambda: machine.start(batch()),
        lambda: machine.engine.stop_job(attempt_of("job")),
        lambda: machine.engine.release(RunName("run-1")),
        lambda: machine.engine.accept_version(attempt_of("job")),
    ):
        with pytest.raises(Fenced):
            effect()
    machine.fence.error = None
    assert machine.engine.observe_job(attempt_of("job")).phase is Phase.ABSENT


def test_what_a_killed_controller_still_asked_for_never_starts_after_a_stop(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.publish({"job/main.py": "open('../../../../ran', 'a').write('x')\n"})
    asked: list[Path] = []
    with monkeypatch.context() as held:
        held.setattr(Spawner, "supervise", lambda spawner, folder: asked.append(folder))
        attempt = machine.start(batch())
    machine.new_engine().stop_job(attempt)
    machine.engine._spawner.supervise(asked[0])  # the request arrives late
    assert machine.finish(attempt).phase is Phase.LOST
    assert not (machine.run_folder() / "attempts" / "ran").exists()


def test_the_time_limit_ends_the_whole_process_group(machine: Machine) -> None:
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(100)'])\n"
        "print(child.pid, flush=True)\ntime.sleep(100)\n"
    )
    seen = machine.run(script, batch(seconds=1))
    assert (seen.phase, seen.reason) == (Phase.FAILED, "exceeded MAX_COMPLETION_TIME_SECONDS=1")
    grandchild = int(machine.log(attempt_of("job"))[0])
    until(lambda: not is_running(grandchild))


def test_what_a_stage_leaves_behind_ends_with_it(machine: Machine) -> None:
    script = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(100)'])\n"
        "print(child.pid)\n"
    )
    assert machine.run(script).phase is Phase.SUCCEEDED
    until(lambda: not is_running(int(machine.log(attempt_of("job"))[0])))


def test_stop_ends_an_attempt_and_returns_when_nothing_runs(machine: Machine, gate: Path) -> None:
    machine.publish({"job/main.py": GATE})
    attempt = machine.start(batch())
    machine.engine.stop_job(attempt)
    seen = machine.engine.observe_job(attempt)
    assert (seen.phase, seen.reason) == (Phase.FAILED, "stopped")
    machine.engine.stop_job(attempt)
    machine.engine.stop_job(attempt_of("job", 2))
    assert machine.engine.observe_job(attempt_of("job", 2)).phase is Phase.ABSENT


@LINUX
def test_a_killed_supervisor_takes_its_stage_along_and_the_attempt_is_lost(
    machine: Machine, gate: Path
) -> None:
    machine.publish({"job/main.py": GATE})
    attempt = machine.start(batch())
    with gate.open("w"):
        stage = status_of(machine, attempt)["pid"]
        os.kill(supervisor_of(machine, attempt), signal.SIGKILL)
        seen = machine.finish(attempt)
    assert seen.phase is Phase.LOST
    assert seen.reason.startswith("its supervisor was killed")
    until(lambda: not is_running(stage))


@LINUX
@pytest.mark.parametrize(
    "begun",
    [
        "earlier",
        "",
        "{boot}/{namespace}/1",
        "another-boot/{namespace}/{ticks}",
        "{boot}/pid:[4026530000]/{ticks}",
        "/{ticks}",
        "{ticks}",
    ],
)
def test_a_process_that_has_the_id_of_a_lost_stage_by_now_goes_on(
    machine: Machine, begun: str
) -> None:
    attempt = attempt_of("job")
    folder = folder_of(machine, attempt)
    folder.mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as other:
        boot, namespace, ticks = identify(other.pid).split("/")
        told = begun.format(boot=boot, namespace=namespace, ticks=ticks)
        status = {"phase": "running", "pid": other.pid, "pid_started_at": told}
        (folder / "spec.json").write_text(json.dumps({"uid": "u", "secrets": {}}))
        (folder / "status.json").write_text(json.dumps(status))
        assert machine.engine.observe_job(attempt).phase is Phase.LOST
        other.terminate()
        assert other.wait() == -signal.SIGTERM, "it was killed before we ended it"


def test_a_stage_outlives_its_controller_and_another_one_sees_its_end(
    machine: Machine, gate: Path, tmp_path: Path
) -> None:
    machine.publish({"job/main.py": GATE + "print('done')\n"})
    program = (
        "import os, sys\n"
        "from contextlib import nullcontext\nfrom pathlib import Path\n"
        "from bodywork.local import LocalEngine\n"
        "from tests.bodywork.local.machine import COMMIT, NAMESPACE, attempt_of, batch\n"
        f"engine = LocalEngine(Path({str(machine.root)!r}), NAMESPACE, "
        f"guard=lambda run: nullcontext(), environments=Path({str(machine.cache)!r}))\n"
        "engine.ensure_job(attempt_of('job'), batch(), COMMIT, 'i')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    root = Path(__file__).parents[3]
    killed = subprocess.run([sys.executable, "-c", program], cwd=root)
    assert killed.returncode == -9
    attempt = attempt_of("job")
    assert machine.engine.observe_job(attempt).phase in (Phase.PENDING, Phase.RUNNING)
    with gate.open("w"):
        pass
    assert machine.finish(attempt).phase is Phase.SUCCEEDED
    assert machine.log(attempt) == ["done"]


def test_a_killed_spawner_is_replaced(machine: Machine) -> None:
    machine.publish({"job/main.py": "", "next/main.py": ""})
    assert machine.finish(machine.start(batch())).phase is Phase.SUCCEEDED
    process = machine.engine._spawner._process
    assert process
    process.kill()
    process.wait()
    assert machine.finish(machine.start(batch("next"))).phase is Phase.SUCCEEDED


def test_any_output_becomes_a_log(machine: Machine) -> None:
    script = (
        "import os, sys\n"
        "os.write(1, b'\\xff\\xfe\\x00 binary\\n')\n"
        "os.write(2, b'to the other stream\\r\\n')\n"
        "os.write(1, b'x' * 200000 + b'\\n')\n"
        "os.write(1, b'no end')\n"
        "os.close(1)\nos.close(2)\n"
    )
    assert machine.run(script).phase is Phase.SUCCEEDED
    lines = machine.log(attempt_of("job"))
    assert lines[0].endswith("binary")
    assert lines[1] == "to the other stream"
    assert sum(line.count("x") for line in lines) >= 200000
    assert lines[-1] == "no end"


def test_a_log_is_read_on_from_where_it_stopped(machine: Machine) -> None:
    machine.run("print('one')\nprint('two')\nprint('three')\n")
    lines = list(machine.engine.read_log(attempt_of("job")))
    assert [line.position for line in lines] == [1, 2, 3]
    rest = machine.engine.read_log(attempt_of("job"), after=lines[0].position)
    assert [line.text for line in rest] == ["two", "three"]


def test_a_log_is_followed_until_the_end(machine: Machine, gate: Path) -> None:
    machine.publish({"job/main.py": "print('before', flush=True)\n" + GATE + "print('after')\n"})
    attempt = machine.start(batch())
    following = machine.engine.read_log(attempt, follow=True)
    assert next(following).text == "before"
    with gate.open("w"):
        pass
    assert [line.text for line in following] == ["after"]


def test_the_state_of_a_progress_bar_is_seen_while_its_stage_waits(
    machine: Machine, gate: Path
) -> None:
    bar = "for step in '12':\n    print(f'\\r{step}/2', end='', flush=True)\n"
    machine.publish({"job/main.py": bar + GATE + "print()\nprint('after')\n"})
    attempt = machine.start(batch())
    following = machine.engine.read_log(attempt, follow=True)
    while next(following).text != "2/2":
        pass
    assert machine.log(attempt) == ["2/2"]
    with gate.open("w"):
        pass
    assert [line.text for line in following] == ["2/2", "after"]
    assert machine.log(attempt) == ["2/2", "after"]


def test_stages_get_their_identity_and_not_the_key_to_the_repository(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BODYWORK_GITHUB_SSH_PRIVATE_KEY", "do not tell")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    script = (
        "import os\n"
        "for name in sorted(os.environ):\n"
        "    if name.startswith(('BODYWORK_', 'PYTHON')):\n"
        "        print(name, os.environ[name])\n"
    )
    machine.run(script)
    found = dict(line.split(" ", 1) for line in machine.log(attempt_of("job")))
    expected = {
        "BODYWORK_RUN_ID": "run-1",
        "BODYWORK_ORIGIN_RUN_ID": "run-1",
        "BODYWORK_STAGE": "job",
        "BODYWORK_ATTEMPT": "1",
        "BODYWORK_IDEMPOTENCY_KEY": "run-1/job",
        "BODYWORK_PROJECT": "shop",
        "BODYWORK_NAMESPACE": "shop",
    }
    assert expected.items() <= found.items()
    assert "BODYWORK_GITHUB_SSH_PRIVATE_KEY" not in found
    assert "PYTHONPATH" not in found


def test_a_missing_secret_is_final_and_says_what_to_type(machine: Machine) -> None:
    seen = machine.run("", batch("job", 60, ("TOKEN", "login")))
    assert seen.phase is Phase.FAILED
    assert seen.final
    assert "the secret login does not exist" in seen.reason
    assert seen.hint.startswith("bodywork secret create ")
    machine.administration.create_secret(NAMESPACE, "login", {"OTHER": "x"})
    again = machine.finish(machine.start(batch("job", 60, ("TOKEN", "login")), 2))
    assert "the secret login has no key TOKEN" in again.reason


@LINUX
def test_a_secret_reaches_the_stage_and_nothing_else(machine: Machine, gate: Path) -> None:
    canary = "canary-4711"
    machine.administration.create_secret(NAMESPACE, "login", {"TOKEN": canary})
    script = "import os\nprint(os.environ['TOKEN'], flush=True)\n" + GATE + "raise SystemExit(1)\n"
    machine.publish({"job/main.py": script})
    attempt = machine.start(batch("job", 60, ("TOKEN", "login")))
    with gate.open("w"):
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                assert canary.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
        folder = folder_of(machine, attempt)
        for name in ("spec.json", "status.json"):
            assert canary not in (folder / name).read_text()
    seen = machine.finish(attempt)
    assert seen.tail == ("***",)
    assert (folder / "log").stat().st_mode & 0o077 == 0


def test_release_drops_the_source_and_forget_everything_of_the_run(machine: Machine) -> None:
    machine.run("print('kept')\n")
    machine.engine.release(RunName("run-1"))
    assert not (machine.run_folder() / "source").exists()
    assert machine.log(attempt_of("job")) == ["kept"]
    machine.engine.forget(RunName("run-1"))
    assert machine.engine.observe_job(attempt_of("job")).phase is Phase.ABSENT
    assert list(machine.run_folder().iterdir()) == []
