"""`run_stage`, as a container would call it: in a process of its own, with real signals."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

DRIVER = """
import contextlib, datetime, json, os, pathlib, shutil, sys, tempfile
from bodywork.errors import BodyworkError
from bodywork.model.run import Checkout
from bodywork.model.stage import Batch, SecretVariable, Stage
from bodywork.stage import StageOrder, run_stage

class Folder:
    '''A source that copies a folder instead of asking git.'''
    @contextlib.contextmanager
    def checkout(self, repository, reference, commit='', *, path='', say):
        with tempfile.TemporaryDirectory() as place:
            folder = pathlib.Path(place, 'project')
            shutil.copytree(repository, folder)
            say('git version 2.0')
            yield Checkout(repository, reference, commit, folder, {})

def load_stage(folder, name, path):
    told = json.loads(folder.joinpath(name, 'stage.json').read_text())
    secrets = tuple(SecretVariable(each, 'vault') for each in told.pop('secrets'))
    return Stage(name, Batch(30, 0), secrets=secrets, **told)

try:
    code = run_stage(
        Folder(),
        StageOrder(sys.argv[1], 'https://***@example.com/p', 'main', 'a' * 40, 'train'),
        load_stage=load_stage,
        say=lambda line: print(line, flush=True),
        now=lambda: datetime.datetime(2020, 11, 24, 20, 4, 18, 917000),
        message=pathlib.Path(os.environ['MESSAGE']),
    )
except BodyworkError as error:
    print('error:', error.message, flush=True)
    code = 1
sys.exit(code)
"""


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir(mode=0o777)
    return folder


class Container:
    """Makes a project of one stage and runs the driver on it."""

    def __init__(self, folder: Path, temporary: Path) -> None:
        self.folder = folder / "project"
        self.temporary = temporary
        self.secrets: list[str] = []
        self.message = folder / "termination-log"
        (self.folder / "train").mkdir(parents=True)

    def start(
        self, code: str, *args: str, script: str = "main.py", **environment: str
    ) -> "subprocess.Popen[str]":
        (self.folder / "train" / "main.py").write_text(code)
        description = {"script": script, "args": args, "secrets": self.secrets}
        (self.folder / "train" / "stage.json").write_text(json.dumps(description))
        return subprocess.Popen(
            [sys.executable, "-c", DRIVER, str(self.folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={
                **{k: v for k, v in os.environ.items() if not k.startswith("BODYWORK_")},
                "TMPDIR": str(self.temporary),
                "MESSAGE": str(self.message),
                **environment,
            },
        )

    def run(self, code: str, *args: str, **more: str) -> tuple[int, list[str]]:
        with self.start(code, *args, **more) as process:
            output, _ = process.communicate()
        return process.returncode, output.splitlines()


@pytest.fixture
def container(tmp_path: Path, temporary: Path) -> Container:
    return Container(tmp_path, temporary)


def test_the_log_starts_as_the_guide_shows_it(container: Container) -> None:
    code, lines = container.run("print('hello')")
    assert code == 0
    first = "2020-11-24 20:04:18,917 - INFO - stage.run_stage - attempting to run stage=train"
    assert lines == [
        f"{first} from main branch of repo at https://***@example.com/p",
        "git version 2.0",
        "hello",
    ]


def test_the_script_runs_in_its_folder_with_its_arguments_and_no_shell(
    container: Container,
) -> None:
    code = "import os, sys; print(os.path.basename(os.getcwd()), sys.argv[1:])"
    _, lines = container.run(code, "--name=a b", "$HOME", ";", "*")
    assert lines[-1] == "train ['--name=a b', '$HOME', ';', '*']"


@pytest.mark.parametrize(("code", "expected"), [("raise SystemExit(7)", 7), ("1/0", 1)])
def test_the_script_s_exit_code_is_kept(container: Container, code: str, expected: int) -> None:
    assert container.run(code)[0] == expected


def test_a_script_ended_by_a_signal_gives_128_and_its_number(container: Container) -> None:
    assert container.run("import os; os.kill(os.getpid(), 9)")[0] == 128 + signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_reach_the_script_which_ends_in_its_own_way(
    container: Container, number: signal.Signals
) -> None:
    code = (
        "import signal, sys\n"
        f"signal.signal({int(number)}, lambda *_: (print('bye'), sys.exit(5)))\n"
        "print('ready')\nwhile True: signal.pause()"
    )
    with container.start(code) as process:
        assert process.stdout is not None
        while process.stdout.readline() != "ready\n":
            assert process.poll() is None
        process.send_signal(number)
        assert process.stdout.read() == "bye\n"
        assert process.wait() == 5


def test_a_script_without_a_handler_is_ended_by_sigterm(
    container: Container, temporary: Path
) -> None:
    with container.start("import signal; print('ready'); signal.pause()") as process:
        assert process.stdout is not None
        while process.stdout.readline() != "ready\n":
            assert process.poll() is None
        process.terminate()
        assert process.wait() == 128 + signal.SIGTERM
    assert list(temporary.iterdir()) == []


def test_what_a_script_leaves_running_is_ended(container: Container) -> None:
    code = (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])"
    )
    # The child holds the pipe: the output only ends when the child has.
    assert container.run(code)[0] == 0


def test_all_files_are_removed(container: Container, temporary: Path) -> None:
    container.run("1/0")
    assert list(temporary.iterdir()) == []


def test_the_key_is_not_in_the_script_s_environment(container: Container) -> None:
    code = "import os; print(sorted(n for n in os.environ if n.startswith('BODYWORK_')))"
    _, lines = container.run(
        code,
        BODYWORK_GITHUB_SSH_PRIVATE_KEY="canary",
        BODYWORK_SSH_KNOWN_HOSTS="canary",
        BODYWORK_RUN_ID="r1",
    )
    assert lines[-1] == "['BODYWORK_RUN_ID']"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_our_memory_is_closed_and_the_script_s_own_is_not(container: Container) -> None:
    look = "import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"  # PR_GET_DUMPABLE
    closed = f"from bodywork.stage.secrecy import hide_from_children as h; h()\n{look}"
    done = subprocess.run([sys.executable, "-c", closed], capture_output=True, check=True)
    assert done.stdout == b"0\n"
    assert container.run(look)[1][-1] == "1"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.skipif(os.getuid() == 0, reason="root may always look")
def test_the_key_cannot_be_read_from_the_parent_either(container: Container) -> None:
    code = (
        "import os\n"
        "try: print(open(f'/proc/{os.getppid()}/environ').read())\n"
        "except PermissionError: print('refused')"
    )
    _, lines = container.run(code, BODYWORK_GITHUB_SSH_PRIVATE_KEY="canary")
    assert lines[-1] == "refused"


@pytest.mark.parametrize("script", ["none.py", "../train/../outside.py", "/etc/passwd"])
def test_a_script_that_is_not_in_the_folder_is_told(container: Container, script: str) -> None:
    (container.folder / "outside.py").write_text("print('outside')")
    code, lines = container.run("", script=script)
    assert code == 1
    assert lines[-1] == f"error: stage train: there is no script {script} in its folder"


def test_comments_and_empty_lines_install_nothing(container: Container) -> None:
    (container.folder / "train" / "requirements.txt").write_text("\n# later: numpy\n  \n")
    code, lines = container.run("import sys; print(sys.prefix)", PATH=OURS)
    assert (code, lines[-1]) == (0, sys.prefix)


def make_package(folder: Path) -> str:
    """Make a package that needs nothing from anywhere to be built; return its requirement."""
    folder.mkdir()
    (folder / "wheel_builder.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbuild-backend = 'wheel_builder'\nbackend-path = ['.']\n"
        "[project]\nname = 'tiny'\nversion = '1'\n"
    )
    return f"tiny @ file://{folder}\n"


BACKEND = """
import os, zipfile
INFO = "tiny-1.dist-info/"
FILES = {
    "tiny.py": "text = 'installed'",
    INFO + "METADATA": "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1\\n",
    INFO + "WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    INFO + "RECORD": "tiny.py,,\\n",
}
def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        for path, text in FILES.items():
            wheel.writestr(path, text)
    return name
"""


OURS = f"{Path(sys.executable).parent}:/usr/bin:/bin"


def image_path(folder: Path) -> str:
    """Return a PATH with a Python that has pip and nothing else, as an image has it."""
    tools = folder / "image"
    tools.mkdir()
    (tools / "python3").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (tools / "python3").chmod(0o755)
    return f"{tools}:/usr/bin:/bin"


def image_in_an_environment(folder: Path) -> str:
    """Return the PATH of an image that keeps its packages in an environment; `torch` is one."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "torch.py").write_text("text = 'from the image'")
    return f"{folder / 'bin'}:/usr/bin:/bin"


@pytest.mark.parametrize("requirement", ["", "tiny"])
def test_a_stage_sees_what_its_image_brings_with_requirements_and_without(
    container: Container, tmp_path: Path, requirement: str
) -> None:
    path = image_in_an_environment(tmp_path / "opt")
    if requirement:
        wanted = make_package(tmp_path / "tiny")
        (container.folder / "train" / "requirements.txt").write_text(wanted)
    code, lines = container.run("import torch; print(torch.text)", PATH=path, PIP_NO_INDEX="1")
    assert (code, lines[-1]) == (0, "from the image"), lines


def test_requirements_are_installed_with_pip_into_an_environment_of_their_own(
    container: Container, tmp_path: Path
) -> None:
    requirement = make_package(tmp_path / "tiny")
    (container.folder / "train" / "requirements.txt").write_text(requirement)
    code, lines = container.run(
        "import sys, tiny; print(tiny.text, sys.prefix != sys.base_prefix)",
        PATH=image_path(tmp_path),
        PIP_NO_INDEX="1",
        BODYWORK_INSTALLER="pip",
    )
    assert (code, lines[-1]) == (0, f"installed {True}"), lines


def test_requirements_are_installed_with_uv_where_it_is_there(
    container: Container, tmp_path: Path
) -> None:
    requirement = make_package(tmp_path / "tiny")
    (container.folder / "train" / "requirements.txt").write_text(requirement)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "uv").write_text("#!/bin/sh\necho not this one\nexit 1\n")
    (tools / "uv").chmod(0o755)
    code, lines = container.run(
        "import sys, tiny; print(tiny.text, sys.prefix != sys.base_prefix)",
        PATH=f"{tools}:{image_path(tmp_path)}",  # the uv beside Bodywork is used
        PIP_NO_INDEX="1",
    )
    assert (code, lines[-1]) == (0, f"installed {True}"), lines


def test_requirements_that_cannot_be_had_are_told(container: Container, tmp_path: Path) -> None:
    (container.folder / "train" / "requirements.txt").write_text("no-such-package-of-ours==99\n")
    code, lines = container.run("print('ran')", PATH=image_path(tmp_path), PIP_NO_INDEX="1")
    assert code == 1
    assert lines[-1].startswith("error: the requirements of stage train cannot be installed")
    assert "ran" not in lines


def test_a_signal_during_the_installation_ends_it(container: Container, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.mkdir()
    (image / "python3").write_text("#!/bin/sh\necho installing\nexec tail -f /dev/null\n")
    (image / "python3").chmod(0o755)
    (container.folder / "train" / "requirements.txt").write_text("numpy\n")
    settings = {"PATH": f"{image}:/usr/bin:/bin", "BODYWORK_INSTALLER": "pip"}
    with container.start("print('ran')", **settings) as process:
        assert process.stdout is not None
        while process.stdout.readline() != "installing\n":
            assert process.poll() is None
        process.terminate()
        assert process.stdout.read() == ""
        assert process.wait() == 128 + signal.SIGTERM


def test_the_end_of_a_failed_stage_s_output_is_told_without_its_secrets(
    container: Container,
) -> None:
    container.message.touch()
    container.secrets = ["PASSWORD", "KEY"]
    code, lines = container.run(
        "import os, sys\nprint('begin')\n"
        "sys.stderr.write(os.environ['PASSWORD'] + ' is wrong\\n')\n"
        "print(os.environ['KEY'])\nraise SystemExit(3)",
        PASSWORD="hunter22",
        KEY="-----BEGIN-----\nabcdef\n-----END-----",
    )
    assert code == 3
    assert lines[-5:-3] == ["begin", "hunter22 is wrong"]
    assert container.message.read_text() == "begin\n*** is wrong\n***\n***\n***\n"


def test_a_long_output_is_told_by_its_last_whole_lines(container: Container) -> None:
    container.message.touch()
    container.secrets = ["PASSWORD"]
    container.run(
        "for number in range(5000): print('line', number)\nraise SystemExit(1)", PASSWORD="secret"
    )
    told = container.message.read_text()
    assert told.endswith("line 4999\n")
    assert all(line.startswith("line ") for line in told.splitlines())
    assert len(told) <= 4096


def test_what_failed_before_the_script_is_told(container: Container) -> None:
    container.message.touch()
    container.run("print(1)", script="nowhere.py")
    assert container.message.read_text().startswith("error: stage train: there is no script")


def test_nothing_is_told_of_a_stage_that_went_well(container: Container) -> None:
    container.message.touch()
    container.secrets = ["PASSWORD"]
    assert container.run("print('fine')", PASSWORD="secret")[0] == 0
    assert container.message.read_text() == ""


def test_output_that_goes_on_after_the_script_has_ended_holds_nothing_up(
    container: Container,
) -> None:
    container.message.touch()
    container.secrets = ["PASSWORD"]
    code, _ = container.run(
        "import subprocess, sys\nsubprocess.Popen(['sleep', '5'], start_new_session=True)\n"
        "print('gone')\nsys.exit(4)",
        PASSWORD="secret",
    )
    assert code == 4
    assert container.message.read_text() == "gone\n"
