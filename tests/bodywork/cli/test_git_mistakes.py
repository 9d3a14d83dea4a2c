"""What a terminal shows for each of the usual mistakes with Git, from the first line to the last.

The real commands run in processes of their own. After a change that is meant, write the file again
with `python -m tests.bodywork.cli.test_git_mistakes` and read the difference.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.servers.repositories import commit, git
from tests.support.sessions import rewrite, told, write_project

GOLDEN = Path(__file__).parents[2] / "golden" / "cli" / "git-mistakes.txt"


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
    yield told(root, "nothing to resume", "workflow", "--resume", "shop", "main")
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
    assert "\n".join(mistakes(tmp_path)).splitlines() == GOLDEN.read_text("utf-8").splitlines()


if __name__ == "__main__":
    rewrite(GOLDEN, mistakes)
