"""Whether a folder is a repository that a run can use: one check, before the run."""

import os
import shlex
import shutil
from collections.abc import Mapping

from bodywork.git.folder import WorkTree, ask_git, inspect_folder
from bodywork.git.missing import COMMIT_ALL, find_fault
from bodywork.git.translate import find_rule
from bodywork.model.checks import Check
from bodywork.model.run import short_commit

_NAME = "repository"


def examine_repository(folder: str, environment: Mapping[str, str] = os.environ) -> Check:
    """Check that a project's folder is a repository in which all is committed."""
    if shutil.which("git", path=environment.get("PATH")) is None:
        return Check(_NAME, "skipped", "git is not installed")
    folder = os.path.abspath(folder)
    tree = inspect_folder(folder, environment)
    return _judge_tree(tree) if tree else _explain_refusal(folder, environment)


def _judge_tree(tree: WorkTree) -> Check:
    if not tree.commit:
        return Check(_NAME, "fail", f"{tree.folder}: nothing is committed yet", COMMIT_ALL)
    branch = f"branch {tree.branch}" if tree.branch else "no branch is checked out,"
    where = f"{tree.folder}, {branch} at commit {short_commit(tree.commit)}"
    if tree.changed:
        message = f"{where}; not committed: {tree.describe_changed()}"
        hint = f"a run uses what is committed: {COMMIT_ALL}"
        return Check(_NAME, "warning", message, hint)
    return Check(_NAME, "ok", where)


def _explain_refusal(folder: str, environment: Mapping[str, str]) -> Check:
    """Say why git does not show what is checked out."""
    answer = ask_git(folder, environment)
    if answer and answer.code == 0:
        if "true" in answer.lines:
            return Check(_NAME, "ok", f"{folder}, a bare repository")
        return Check(_NAME, "warning", f"{folder}: git takes too long to look at its files")
    rule = find_rule(answer.lines) if answer else None
    if rule and "dubious ownership" in rule.pattern:
        message = f"{folder} belongs to another user: git does not say what is committed"
        hint = f"git config --global --add safe.directory {shlex.quote(folder)}"
        return Check(_NAME, "warning", message, hint)
    reason, hint = find_fault(folder) or ("git cannot read it", "")
    return Check(_NAME, "fail", f"{folder} is not a Git repository: {reason}", hint)
