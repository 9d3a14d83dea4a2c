"""Real Git repositories to check out from, made with the real git."""

import os
import subprocess
from pathlib import Path

_WHO = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")


def git(folder: Path, *arguments: str) -> str:
    """Run git there, untouched by the developer's own config; return what it wrote, stripped."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", *_WHO, "-c", "core.hooksPath=/dev/null", *arguments],
        cwd=folder,
        env=environment | {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(folder: Path, message: str, **files: str) -> str:
    """Write the files ("stage/main.py" as `stage__main_py`), commit all, and return the id."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_py", ".py").replace("_ini", ".ini")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(folder, "rev-parse", "HEAD")


def make_project(folder: Path) -> dict[str, str]:
    """Make a repository with three commits on main, one on dev, and tags; return name → commit id.

    `v1` is an annotated tag of the first commit, `light` a plain one; nothing names `middle`.
    """
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    first = commit(folder, "first", train__main_py="print(1)\n", bodywork_ini="[default]\n")
    git(folder, "tag", "--annotate", "v1", "--message", "one")
    git(folder, "tag", "light")
    middle = commit(folder, "middle", train__main_py="print(1.5)\n")
    second = commit(folder, "second", train__main_py="print(2)\n", serve__main_py="print(0)\n")
    git(folder, "checkout", "--quiet", "-b", "dev")
    dev = commit(folder, "dev", train__main_py="print(3)\n")
    git(folder, "checkout", "--quiet", "main")
    return {
        "first": first,
        "middle": middle,
        "main": second,
        "dev": dev,
        "v1": first,
        "light": first,
    }
