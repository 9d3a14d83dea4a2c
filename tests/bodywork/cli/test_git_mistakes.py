"""What a terminal shows for each of the usual mistakes with Git, from the first line to the last.

The real commands run in processes of their own. After a change that is meant, write the file again
with `python -m tests.bodywork.cli.test_git_mistakes` and read the difference.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.crash.workplace import BODYWORK
from tests.servers.repositories import commit, git

GOLDEN = Path(__file__).parents[2] / "golden" / "cli" / "git-mistakes.txt"
FILTERS = [
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", "DATE TIME,MS"),
    (r"\bshop-\d{8}-\d{6}-[0-9a-f]{4}", "RUN"),
    (r"\b(commit|at) [0-9a-f]{7}\b", r"\1 SHORT"),
    (r"git version .*", "git version N"),
]
CONFIG = (
    "[default]\nPROJECT_NAME=shop\nDOCKER_IMAGE=python:3.12-slim\n"
    "[workflow]\nDAG=train\n[logging]\nLOG_LEVEL=INFO\n"
)
STAGE = (
    "[default]\nSTAGE_TYPE=batch\nEXECUTABLE_SCRIPT=main.py\n"
    "[batch]\nMAX_COMPLETION_TIME_SECONDS=30\nRETRIES=0\n"
)


def write_project(folder: Path, script: str = "print('trained')\n") -> None:
    (folder / "train").mkdir(parents=True)
    (folder / "bodywork.ini").write_text(CONFIG)
    (folder / "train" / "config.ini").write_text(STAGE)
    (folder / "train" / "requirements.txt").write_text("")
    (folder / "train" / "main.py").write_text(script)


def told(root: Path, title: str, *words: str) -> str:
    """Return all that a command shows, with its exit code, filtered."""
    environment = {**os.environ, "BODYWORK_ENGINE": "local", "BODYWORK_HOME": str(root / "state")}
    done = subprocess.run(
        [*BODYWORK, *words], env=environment, capture_output=True, text=True, cwd=root
    )
    lines = [f"# {title}", f"$ bodywork {' '.join(words)}", done.stdout.rstrip(), done.stderr]
    text = "\n".join(line for line in lines if line).rstrip()
    text = text.replace(str(root), "/home/ada")
    for pattern, stands in FILTERS:
        text = re.sub(pattern, stands, text)
    return f"{text}\nexit code {done.returncode}\n"


def mistakes(root: Path) -> Iterator[str]:
    """Make one mistake after the other, each where the one before was mended."""
    shop = root / "shop"
    write_project(shop)
    run = ("workflow", "shop", "main")
    yield told(root, "a path with a typo", "workflow", "shpo", "main")
    yield told(root, "not a Git repository", *run)
    git(shop, "init", "--quiet", "--initial-branch=master")
    yield told(root, "nothing committed", *run)
    commit(shop, "first")
    yield told(root, "main instead of master", *run)
    git(shop, "branch", "--move", "main")
    git(shop, "branch", "experiment")
    yield told(root, "a typo in the branch", "workflow", "shop", "experimnet")
    yield told(root, "another branch", "workflow", "shop", "production")
    yield told(root, "a folder of the repository", "workflow", "shop/train", "main")
    yield told(root, "a commit that is too short", "workflow", "shop", "12ab")
    yield told(root, "a commit that is not there", "workflow", "shop", "1234567")
    git(root, "clone", "--quiet", "shop", "clone")
    yield told(root, "a branch of the remote alone", "workflow", "clone", "experiment")
    (shop / "train" / "main.py").write_text("print('mended')\n")
    (shop / "deploy").mkdir()
    (shop / "deploy" / "main.py").write_text("")
    yield told(root, "changes that are not committed", *run)
    yield told(root, "the same, with one stage", "stage", "shop", "main", "train")
    yield told(root, "the same, looked at before", "validate", "shop")
    yield told(root, "nothing to resume", "workflow", "--resume")
    shutil.rmtree(shop / "deploy")
    (shop / "train" / "main.py").write_text("raise SystemExit(1)\n")
    commit(shop, "broken")
    yield told(root, "a script that fails", *run)
    (shop / "train" / "main.py").write_text("print('mended')\n")
    yield told(root, "the fix is not committed", "workflow", "--resume", "--dry-run")
    commit(shop, "mended")
    yield told(root, "the fix is committed, the old code is resumed", "workflow", "--resume")
    yield told(root, "what would be run", "workflow", "--resume", "--branch=main", "--dry-run")
    yield told(root, "the fix is resumed", "workflow", "--resume", "--branch=main")


def test_each_mistake_is_answered_in_the_words_on_record(tmp_path: Path) -> None:
    text = "\n".join(mistakes(tmp_path))
    assert text.splitlines() == GOLDEN.read_text("utf-8").splitlines()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        GOLDEN.write_text("\n".join(mistakes(Path(folder))), "utf-8")
    sys.stdout.write(f"written: {GOLDEN}\n")
