"""What there is instead, where a repository, a branch or a tag was not found."""

import os
import re
import shlex
from collections.abc import Callable, Sequence

from bodywork.errors import SourceError
from bodywork.git.folder import find_root, inspect_folder
from bodywork.git.rules import NO_REFERENCE, NO_REPOSITORY
from bodywork.git.translate import Wanted, build_error
from bodywork.model.run import SHORT_COMMIT, short_commit

_LISTED = 8
_ALIKE = 0.6
"""How alike a name must be to be proposed (`difflib`'s ratio)."""
_DEFAULTS = frozenset({"main", "master", "trunk", "default"})
_PREFIXES = r"(refs/heads/|refs/tags/|heads/|tags/|(refs/)?remotes/[^/]+/|origin/|upstream/)"
_HEADS, _TAGS, _REMOTES = "refs/heads/", "refs/tags/", "refs/remotes/"
_A_REPOSITORY = "the folder that has .git in it, or a bare repository"
COMMIT_ALL = 'git add . && git commit -m "…"'


def explain_repository(wanted: Wanted) -> SourceError:
    """Return the error for a repository that git did not find, or could not open."""
    error = build_error(NO_REPOSITORY, wanted)
    if folder := wanted.repository.folder:
        branch = "main" if wanted.reference == "HEAD" else wanted.reference
        if fault := find_fault(folder, branch):
            return SourceError(f"{error.message}: {fault[0]}", hint=fault[1])
    return error


def find_fault(folder: str, branch: str = "main") -> tuple[str, str] | None:
    """Return why a folder of this machine is not a repository, and what to do; None if unclear.

    Args:
        folder: its path.
        branch: what its first branch should be called.
    """
    try:
        names = set(os.listdir(folder))
    except FileNotFoundError:
        return "the folder does not exist", _propose_folder(folder)
    except NotADirectoryError:
        return "it is a file", f"give {_A_REPOSITORY}"
    except OSError as error:
        return f"it cannot be read ({error.strerror})", "give a folder that you may read"
    if ".git" in names:
        return "its .git is damaged", f"`git -C {shlex.quote(folder)} status` says how"
    if {"HEAD", "objects"} <= names:
        return None  # a bare repository, whatever is wrong with it
    if root := find_root(folder):
        path = shlex.quote(os.path.relpath(folder, root))
        hint = f"give {root}; --path={path} names a project in a folder of it"
        return f"it is a folder of the repository {root}", hint
    return (
        "the folder has no .git",
        f"cd {shlex.quote(folder)} && git init -b {shlex.quote(branch)} && {COMMIT_ALL}",
    )


def explain_reference(wanted: Wanted, references: Sequence[str] | None) -> SourceError:
    """Return the error for a branch or tag that is not there, with what is.

    Args:
        wanted: what was asked for.
        references: full names, those to be named first in front; None where they are not known.
    """
    error = build_error(NO_REFERENCE, wanted)
    message = error.message
    if wanted.reference == "HEAD":
        message = f"there is no commit at the HEAD of {wanted.repository.text}"
    if references is None:
        return SourceError(message, hint=error.hint)
    short = (_short(each) for each in references if each.startswith((_HEADS, _TAGS)))
    names = list(dict.fromkeys(short))  # a branch and a tag may have one name
    remotes = [each.removeprefix(_REMOTES) for each in references if each.startswith(_REMOTES)]
    hint = _hint_at_remote(wanted, names, remotes) or _hint_at_names(wanted, names)
    return SourceError(message, hint=hint or _hint_at_nothing(wanted))


def _hint_at_remote(wanted: Wanted, names: Sequence[str], remotes: Sequence[str]) -> str:
    """Return how a branch that only the clone's remote has becomes one of the clone's own."""
    found = sorted(
        (each for each in remotes if wanted.reference in (each, each.partition("/")[2])),
        key=lambda each: not each.startswith("origin/"),
    )
    name = found[0].partition("/")[2] if found else ""
    if not found or name in names or name == "HEAD":
        return ""
    folder = shlex.quote(wanted.repository.folder)
    command = f"git -C {folder} branch {shlex.quote(name)} {shlex.quote(found[0])}"
    after = "" if name == wanted.reference else f", then give {name}"
    return f"this clone has it as {found[0]} only: {command}{after}"


def _hint_at_names(wanted: Wanted, names: Sequence[str]) -> str:
    if not names:
        return ""
    if wanted.reference != "HEAD" and (near := find_near(wanted.reference, names)):
        return f"did you mean {near}?"
    few = names[:_LISTED]
    more = f" and {len(names) - len(few)} more" if len(names) > len(few) else ""
    short = re.fullmatch(r"[0-9a-fA-F]{4,6}", wanted.reference)
    commit = f"a commit needs {SHORT_COMMIT} of its digits at least; " if short else ""
    return f"{commit}there is: {', '.join(few)}{more}"


def _hint_at_nothing(wanted: Wanted) -> str:
    """Return what to do in a repository without a branch or tag."""
    folder = wanted.repository.folder
    tree = inspect_folder(folder, wanted.environment) if folder else None
    if tree is None:
        return "the repository is empty: push a branch"
    branch = "main" if wanted.reference == "HEAD" else wanted.reference
    if not tree.commit:
        rename = "" if branch == tree.branch else f" && git branch -m {shlex.quote(branch)}"
        return f"nothing is committed yet: {COMMIT_ALL}{rename}"
    commit = short_commit(tree.commit)
    command = f"git -C {shlex.quote(folder)} branch {shlex.quote(branch)} {commit}"
    return f"it has no branch; commit {commit} is checked out: {command}"


def find_near(wanted: str, names: Sequence[str]) -> str:
    """Return the name that was probably meant: "" where none is near."""
    bare = _bare(wanted)
    last = bare.rpartition("/")[2]
    alike: Sequence[Callable[[str], bool]] = (
        lambda name: _bare(name) == bare,
        lambda name: bare in _DEFAULTS and name in _DEFAULTS,
        lambda name: _bare(name).rpartition("/")[2] == last,
    )
    for is_alike in alike:
        for name in names:
            if is_alike(name):
                return name
    import difflib  # late: it is needed in this one case

    folded = {name.casefold(): name for name in reversed(names)}
    near = difflib.get_close_matches(bare, folded, n=1, cutoff=_ALIKE)
    return folded[near[0]] if near else ""


def _bare(name: str) -> str:
    return re.sub(_PREFIXES, "", name, count=1).casefold()


def _short(reference: str) -> str:
    return reference.removeprefix(_HEADS).removeprefix(_TAGS)


def _propose_folder(folder: str) -> str:
    """Return a hint with the name of a folder beside it that is nearly called so."""
    above, name = os.path.split(folder.rstrip("/"))
    try:
        beside = sorted(each.name for each in os.scandir(above) if each.is_dir())
    except OSError:
        beside = []
    near = find_near(name, beside) if name else ""
    return f"did you mean {os.path.join(above, near)}?" if near else f"give {_A_REPOSITORY}"
