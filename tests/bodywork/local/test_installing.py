"""What a stage's requirements.txt says is what the stage gets, whatever the user has set."""

import functools
import http.server
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bodywork.model.names import RunName
from bodywork.model.run import Observation, Phase
from tests.bodywork.local.machine import NAMESPACE, Machine, batch
from tests.support.wheels import make_project, make_wheel, project_files

SHOW = "import tiny\nprint('VALUE', tiny.VALUE, tiny.__file__)\n"


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")


@pytest.fixture(params=["uv", "pip"])
def installer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BODYWORK_INSTALLER", request.param)


def value_of(machine: Machine, run: str, files: dict[str, str | bytes], name: str = "one") -> str:
    """Run a stage with these files, and return the VALUE that it sees."""
    machine.publish({f"{name}/main.py": SHOW, **files}, run)
    attempt = machine.start(batch(name), run=run)
    seen = machine.finish(attempt)
    assert seen.phase is Phase.SUCCEEDED, (seen.reason, machine.log(attempt))
    return next(line for line in machine.log(attempt) if line.startswith("VALUE")).split()[1]


def wheel(tmp_path: Path, value: str) -> bytes:
    return make_wheel(tmp_path / "made", "tiny", value).read_bytes()


LOCAL_FORMS = [
    "--find-links wheels\ntiny\n",
    "-f wheels\ntiny\n",
    "./wheels/tiny-1-py3-none-any.whl\n",
    "wheels/tiny-1-py3-none-any.whl\n",
    "tiny @ file:wheels/tiny-1-py3-none-any.whl\n",
    "-rmore.txt\n",
]


@pytest.mark.parametrize("form", LOCAL_FORMS)
def test_a_new_wheel_in_the_repository_is_the_one_that_is_used(
    machine: Machine, tmp_path: Path, form: str
) -> None:
    for run, value in (("run-1", "old"), ("run-2", "new"), ("run-3", "old")):
        files: dict[str, str | bytes] = {
            "one/requirements.txt": form,
            "one/more.txt": "./wheels/tiny-1-py3-none-any.whl\n",
            "one/wheels/tiny-1-py3-none-any.whl": wheel(tmp_path, value),
        }
        assert value_of(machine, run, files) == value


@pytest.mark.parametrize("form", ["./lib", "-e ./lib", "-e lib", "tiny @ file:lib", "-e file:lib"])
def test_a_project_in_the_repository_is_installed_as_a_copy_of_this_commit(
    machine: Machine, form: str
) -> None:
    for run, value in (("run-1", "old"), ("run-2", "new")):
        files: dict[str, str | bytes] = {
            f"one/lib/{name}": text for name, text in project_files("tiny", value).items()
        }
        files["one/requirements.txt"] = f"{form}\n"
        assert value_of(machine, run, files) == value
        machine.engine.release(RunName(run))
    assert value_of(machine, "run-3", files) == "new"  # where its first project is removed


def test_stages_with_the_same_text_and_other_files_have_their_own(
    machine: Machine, tmp_path: Path
) -> None:
    made = {name: make_wheel(tmp_path / name, name, name) for name in ("tiny", "small")}
    files: dict[str, str | bytes] = {}
    for stage, package in (("one", "tiny"), ("two", "small")):
        files[f"{stage}/requirements.txt"] = "-r base.txt\n"
        files[f"{stage}/base.txt"] = f"./{made[package].name}\n"
        files[f"{stage}/{made[package].name}"] = made[package].read_bytes()
        files[f"{stage}/main.py"] = f"import {package}\n"
    machine.publish(files)
    for stage in ("one", "two"):
        assert machine.finish(machine.start(batch(stage))).phase is Phase.SUCCEEDED


def test_the_users_python_path_is_no_part_of_an_environment(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installer: None
) -> None:
    elsewhere = tmp_path / "site"
    subprocess.run(["unzip", "-q", make_wheel(tmp_path, "tiny", "x"), "-d", elsewhere], check=True)
    monkeypatch.setenv("PYTHONPATH", str(elsewhere))
    files: dict[str, str | bytes] = {
        "one/requirements.txt": "./tiny-1-py3-none-any.whl\n",
        "one/tiny-1-py3-none-any.whl": wheel(tmp_path, "own"),
    }
    assert value_of(machine, "run-1", files) == "own"


@pytest.mark.parametrize("settings", ["PIP_TARGET={}/x", "[install]\nuser = true\nprefix = {}/x"])
def test_settings_that_lead_elsewhere_do_not(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str
) -> None:
    monkeypatch.setenv("BODYWORK_INSTALLER", "pip")
    told = settings.format(tmp_path)
    if told.startswith("["):
        (tmp_path / "pip.conf").write_text(told + "\n")
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    else:
        monkeypatch.setenv(*told.split("=", 1))
    value = settings.replace("\n", " ")
    files: dict[str, str | bytes] = {
        "one/requirements.txt": "./tiny-1-py3-none-any.whl\n",
        "one/tiny-1-py3-none-any.whl": make_wheel(tmp_path, "tiny", value).read_bytes(),
    }
    assert value_of(machine, "run-1", files)
    assert not (tmp_path / "x").exists()


SHADOWING = ("platform", "pip", "ensurepip", "venv", "uv", "tempfile")


def test_modules_of_the_stage_do_not_run_while_its_requirements_are_installed(
    machine: Machine, tmp_path: Path, installer: None
) -> None:
    files: dict[str, str | bytes] = {
        "one/requirements.txt": "./tiny-1-py3-none-any.whl\n",
        "one/tiny-1-py3-none-any.whl": wheel(tmp_path, "shadowed"),
        "one/uv": "#!/bin/sh\necho STAGE MODULE RUN\nexit 1\n",
        "one/pyproject.toml": "[tool.uv]\nno-such-setting = 1\n",
    }
    for module in SHADOWING:
        files[f"one/{module}.py"] = "raise SystemExit('STAGE MODULE RUN')"
    machine.publish({**files, "one/main.py": "print('ran')\n"})
    attempt = machine.start(batch("one"))
    assert machine.finish(attempt).phase is Phase.SUCCEEDED, machine.log(attempt)
    assert "STAGE MODULE RUN" not in "".join(machine.log(attempt))


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve a folder as a package index; yield its address without scheme, and the requests."""
    requests: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            requests.append(self.headers.get("Authorization", ""))

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}/", requests
        finally:
            server.shutdown()
            thread.join()


def test_the_address_of_an_index_may_be_a_secret(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    make_wheel(tmp_path / "index/tiny", "tiny", "private")
    with serving(tmp_path / "index") as (address, requests):
        secret = f"http://token:geheim@{address}"
        machine.administration.create_secret(NAMESPACE, "index", {"PIP_INDEX_URL": secret})
        machine.publish({"one/main.py": SHOW, "one/requirements.txt": "tiny\n"})
        attempt = machine.start(batch("one", 60, ("PIP_INDEX_URL", "index")))
        assert machine.finish(attempt).phase is Phase.SUCCEEDED, machine.log(attempt)
        assert any(requests)
        assert "geheim" not in "".join(machine.log(attempt))
    assert not [each for each in (machine.cache).rglob("*") if "geheim" in each.name]


def failing(machine: Machine, requirements: str) -> Observation:
    machine.publish({"one/main.py": "", "one/requirements.txt": requirements})
    return machine.finish(machine.start(batch("one")))


def test_an_index_that_does_not_answer_is_tried_again_by_retries(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    seen = failing(machine, "--index-url http://127.0.0.1:9/\nflaky-thing\n")
    assert seen.phase is Phase.FAILED
    assert not seen.final, seen


@pytest.mark.parametrize("text", ["no-such-thing==9\n", "./none-1-py3-none-any.whl\n", "!!\n"])
def test_what_an_index_does_not_have_is_final(machine: Machine, text: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    seen = failing(machine, f"--find-links {tmp_path}/empty\n{text}")
    assert seen.phase is Phase.FAILED
    assert seen.final, seen
    assert seen.reason.startswith("its requirements cannot be installed")


def test_a_stage_does_not_see_what_another_one_installed(machine: Machine, tmp_path: Path) -> None:
    small = make_wheel(tmp_path, "small", "1")
    files: dict[str, str | bytes] = {
        "one/main.py": "import subprocess, sys\n"
        f"subprocess.check_call([sys.executable, '-m', 'pip', '-q', 'install', {str(small)!r}])\n"
        "import small\nprint('one has small')\n",
        "two/main.py": "import tiny\ntry:\n    import small\nexcept ImportError:\n    sys = 0\n"
        "else:\n    raise SystemExit('two has small')\n",
    }
    for stage in ("one", "two"):
        files[f"{stage}/requirements.txt"] = "./tiny-1-py3-none-any.whl\n"
        files[f"{stage}/tiny-1-py3-none-any.whl"] = wheel(tmp_path, "shared")
    machine.publish(files)
    for number, stage in enumerate(("one", "two", "one", "two"), start=1):
        attempt = machine.start(batch(stage), number)
        assert machine.finish(attempt).phase is Phase.SUCCEEDED, machine.log(attempt)


@pytest.mark.parametrize(
    "damage",
    ["open(tiny.__file__, 'a').write('VALUE = 2')", "os.unlink(tiny.__file__)",
     "os.mkdir(os.path.dirname(tiny.__file__) + '/more')",
     ("text = open(tiny.__file__).read(); s = os.stat(tiny.__file__)\n"
     "open(tiny.__file__, 'w').write(text.replace('kept', 'took'))\n"
     "os.utime(tiny.__file__, ns=(s.st_atime_ns, s.st_mtime_ns))")],
)  # fmt: skip
def test_what_a_stage_changed_in_an_environment_is_made_anew(
    machine: Machine, tmp_path: Path, damage: str
) -> None:
    files: dict[str, str | bytes] = {
        "one/requirements.txt": "./tiny-1-py3-none-any.whl\n",
        "one/tiny-1-py3-none-any.whl": wheel(tmp_path, "kept"),
        "one/main.py": f"import os, tiny\nprint('VALUE', tiny.VALUE)\n{damage}\n",
    }
    for run in ("run-1", "run-2"):
        assert value_of(machine, run, files) == "kept"


def test_a_branch_is_looked_up_in_each_run_and_its_commit_shared(
    machine: Machine, tmp_path: Path
) -> None:
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", "-C", str(tmp_path / "lib"), *identity, *arguments], check=True)

    make_project(tmp_path / "lib", "tiny", "first")
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-qm", "1")
    before = {
        each.name for each in (machine.cache / "environments/trees").glob("packages-*[0-9a-f]")
    }
    files: dict[str, str | bytes] = {
        "one/requirements.txt": f"git+file://{tmp_path}/lib@main#egg=tiny\n"
    }
    assert value_of(machine, "run-1", files) == "first"
    assert value_of(machine, "run-2", files) == "first"
    trees = {
        each.name for each in (machine.cache / "environments/trees").glob("packages-*[0-9a-f]")
    }
    assert len(trees - before) == 1
    (tmp_path / "lib/value.txt").write_text("second")
    git("commit", "-qam", "2")
    assert value_of(machine, "run-3", files) == "second"
    assert value_of(machine, "run-1-again", files) == "second"
