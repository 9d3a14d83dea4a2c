"""Scripts with odd ways, and what must come of each: the same on every engine."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Script:
    """A stage's script, and what it must come to.

    Attributes:
        name: of the stage.
        code: the script.
        exit_code: what the engine must tell; None where the time limit ended it.
        lines: all that the log must hold of it, in this order.
        last: what the log must end with, in place of `lines`, where Python's own words stand above.
        args: of the script.
    """

    name: str
    code: str
    exit_code: int | None = 0
    lines: tuple[str, ...] = ()
    last: str = ""
    args: tuple[str, ...] = ()


KILL = "import os, signal\nprint('begun', flush=True)\nos.kill(os.getpid(), signal.{})\n"
SLEEPER = "import signal, time\n{}\nprint('begun', flush=True)\ntime.sleep(300)\n"
POOL = """
import multiprocessing, os

def square(number):
    return number * number

if __name__ == "__main__":
    os.chdir("/")
    with multiprocessing.get_context("{}").Pool(2) as pool:
        print(pool.map(square, range(5)))
"""
DAEMON = """
import os, time
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(write, b"x")
        time.sleep(300)
    os._exit(0)
os.read(read, 1)
print("left one behind")
"""

ENDS = (
    Script("exit-256", "raise SystemExit(256)", 0),
    Script("exit-minus-1", "raise SystemExit(-1)", 255),
    Script("exit-3", "raise SystemExit(3)", 3),
    Script("exit-with-a-text", "raise SystemExit('no data')", 1, ("no data",)),
    Script("exit-none", "raise SystemExit(None)", 0),
    Script("exit-with-a-float", "raise SystemExit(0.0)", 1, ("0.0",)),
    Script("os-exit", "import os\nprint('kept', flush=True)\nos._exit(7)", 7, ("kept",)),
    Script("uncaught", "raise ValueError('bad row')", 1, last="ValueError: bad row"),
    Script("no-python", "this is no Python", 1, last="SyntaxError: invalid syntax"),
    Script("no-module", "import no_such_module", 1, last="No module named 'no_such_module'"),
    Script("segmentation-fault", KILL.format("SIGSEGV"), 139, ("begun",)),
    Script("sigusr1", KILL.format("SIGUSR1"), 138, ("begun",)),
    Script("sigkill", KILL.format("SIGKILL"), 137, ("begun",)),
    Script("sigterm", KILL.format("SIGTERM"), 143, ("begun",)),
    Script(
        "own-group-killed",
        "import os, signal\nprint('begun', flush=True)\nos.killpg(0, signal.SIGKILL)",
        137,
        ("begun",),
    ),
    Script("too-slow", SLEEPER.format(""), None, ("begun",)),
    Script(
        "too-slow-with-a-handler",
        SLEEPER.format("signal.signal(signal.SIGTERM, lambda *_: exit(print('saved') or 0))"),
        None,
        ("begun", "saved"),
    ),
    Script(
        "too-slow-and-deaf",
        SLEEPER.format("signal.signal(signal.SIGTERM, signal.SIG_IGN)"),
        None,
        ("begun",),
    ),
)
"""How scripts end."""

OUTPUTS = (
    Script("silent", "pass"),
    Script("stdin-is-empty", "import sys\nprint(repr(sys.stdin.read()))", 0, ("''",)),
    Script(
        "both-streams",
        "import sys\nfor n in range(4):\n    print(n, file=(sys.stdout, sys.stderr)[n % 2])",
        0,
        ("0", "1", "2", "3"),
    ),
    Script(
        "not-flushed",
        "import os, sys\nprint('one')\nsys.stdout.write('two')\nos.kill(os.getpid(), 9)",
        137,
        ("one", "two"),
    ),
    Script(
        "closed-stdout", "import os, sys\nos.close(1)\nprint('on', file=sys.stderr)", 0, ("on",)
    ),
    Script(
        "closed-streams",
        "import os\nprint('begun', flush=True)\nfor n in (0, 1, 2):\n    os.close(n)\nos._exit(4)",
        4,
        ("begun",),
    ),
    Script("no-newline", "print('a\\nb', end='')", 0, ("a", "b")),
    Script("empty-lines", "print('a\\n\\n  b  \\n')", 0, ("a", "", "  b  ", "")),
    Script("nul", "print('a\\0b')", 0, ("a\0b",)),
    Script("colours", "print('\\033[31mred\\033[0m')", 0, ("\033[31mred\033[0m",)),
    Script(
        "latin-1",
        "import sys\nsys.stdout.buffer.write('süß\\n'.encode('latin-1'))",
        0,
        ("s\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}",),
    ),
    Script("not-ascii", "print('süß 漢字 🙂')", 0, ("süß 漢字 🙂",)),
    Script(
        "split-character",
        "import os, time\nraw = '漢\\n'.encode()\nfor n in range(len(raw)):\n"
        "    os.write(1, raw[n:n + 1])\n    time.sleep(0.01)",
        0,
        ("漢",),
    ),
    Script(
        "many-lines", "for n in range(20_000):\n    print(n)", 0, tuple(map(str, range(20_000)))
    ),
    Script(
        "windows-lines",
        "import sys\nsys.stdout.buffer.write(b'a\\r\\nb\\r\\n')",
        0,
        ("a", "b"),
    ),
)
"""What scripts print."""

PROCESSES = (
    Script("pool-spawn", POOL.format("spawn"), 0, ("[0, 1, 4, 9, 16]",)),
    Script("pool-fork", POOL.format("fork"), 0, ("[0, 1, 4, 9, 16]",)),
    Script("pool-forkserver", POOL.format("forkserver"), 0, ("[0, 1, 4, 9, 16]",)),
    Script(
        "plain-fork",
        "import os\npid = os.fork()\nprint('parent' if pid else 'child', flush=True) "
        "if not pid or os.waitpid(pid, 0) else None",
        0,
        ("child", "parent"),
    ),
    Script("daemon-left", DAEMON, 0, ("left one behind",)),
    Script(
        "child-left",
        "import subprocess\nsubprocess.Popen(['sleep', '300'])\nprint('done')",
        0,
        ("done",),
    ),
    Script(
        "thread-left",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(300,), daemon=True)"
        ".start()\nprint('done')",
        0,
        ("done",),
    ),
    Script(
        "shell-tree",
        "import subprocess\nprint(subprocess.run('(echo a; (echo b; echo c | cat)) | sort -r', "
        "shell=True, capture_output=True, text=True).stdout.split())",
        0,
        ("['c', 'b', 'a']",),
    ),
    Script(
        "python-on-the-path",
        "import shutil, subprocess, sys\n"
        "ask = [shutil.which('python3'), '-c', 'import sys; print(sys.prefix)']\n"
        "print(subprocess.run(ask, capture_output=True, text=True).stdout.strip() == sys.prefix)",
        0,
        ("True",),
    ),
    Script(
        "execvp",
        "import os, sys\nif len(sys.argv) < 2:\n"
        "    os.execvp('python3', ['python3', __file__, sys.prefix])\n"
        "print(sys.argv[1] == sys.prefix)",
        0,
        ("True",),
    ),
    Script(
        "virtual-env",
        "import os, sys\nin_one = sys.prefix != sys.base_prefix\n"
        "print(os.environ.get('VIRTUAL_ENV', sys.prefix) == sys.prefix)",
        0,
        ("True",),
    ),
)
"""What scripts start."""

SURROUNDINGS = (
    Script(
        "arguments",
        "import sys\nprint(sys.argv)",
        0,
        (repr(["main.py", "--x=1", "", "a b", "$HOME", "$(HOME)", "'\"\\", "süß", "*"]),),
        args=("--x=1", "", "a b", "$HOME", "$(HOME)", "'\"\\", "süß", "*"),
    ),
    Script(
        "folder",
        "import os, sys\nprint(os.path.basename(os.getcwd()), os.path.basename(__file__), "
        "sys.path[0] == os.getcwd(), os.path.exists('../silent/main.py'))",
        0,
        ("folder main.py True True",),
    ),
    Script(
        "variables",
        "import os\nprint(sorted(n for n in os.environ if n.startswith(('BODYWORK_GIT', "
        "'BODYWORK_SSH', 'PYTHONHOME'))))\nprint(os.environ['PYTHONUNBUFFERED'])",
        0,
        ("[]", "1"),
    ),
    Script(
        "own-module",
        "from pathlib import Path\nPath('beside.py').write_text('word = 1')\nimport beside\n"
        "print(beside.word)",
        0,
        ("1",),
    ),
    Script(
        "working-directory-removed",
        "import os, shutil\nshutil.rmtree(os.getcwd())\nprint('removed')",
        0,
        ("removed",),
    ),
    Script(
        "work-tree-removed",
        "import os, shutil\nshutil.rmtree(os.path.dirname(os.getcwd()))\nprint('removed')",
        0,
        ("removed",),
    ),
    Script(
        "umask",
        "import os\nos.umask(0o777)\nos.makedirs('a')\nopen('b', 'w').close()\nprint('made')",
        0,
        ("made",),
    ),
    Script(
        "default-signals",
        "import signal\nprint([n.name for n in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, "
        "signal.SIGUSR1) if signal.getsignal(n) is not signal.SIG_DFL],\n"
        "      signal.pthread_sigmask(signal.SIG_BLOCK, []))",
        0,
        ("[] set()",),
    ),
    Script(
        "open-files",
        "import os\nkept = [(n, os.readlink(f'/proc/self/fd/{n}')) for n in range(3, 64) "
        "if os.path.lexists(f'/proc/self/fd/{n}')]\nprint(kept)",
        0,
        ("[]",),
    ),
)
"""What scripts find, and what they do to it."""

ALL = (*ENDS, *OUTPUTS, *PROCESSES, *SURROUNDINGS)
LONG_LINE = Script("long-line", "print('abcdefghij' * 200_000)", 0, ("abcdefghij" * 200_000,))
"""A line that engines may tell in parts."""
