"""All paths of a commit with Git's ids of them: folders and names are read, no file's content."""

import os
from collections.abc import Mapping

from bodywork.git.command import Git
from bodywork.model.tree import Entry, Kind

_KINDS: Mapping[str, Kind] = {
    "040000": "folder",
    "100644": "file",
    "100755": "program",
    "120000": "link",
    "160000": "submodule",
}


def read_entries(git: Git, *options: str) -> dict[str, Entry]:
    """Return what stands at each path of a clone's HEAD, folders before what is in them.

    `options` say which clone it is.
    """
    raw = git.read(*options, "ls-tree", "-r", "-t", "-z", "--full-tree", "HEAD")
    return parse_entries(raw)


def parse_entries(raw: bytes) -> dict[str, Entry]:
    """Return the entries of `git ls-tree -r -t -z`: each `mode SP type SP id TAB path NUL`."""
    entries = {}
    for line in os.fsdecode(raw).split("\0"):
        head, tab, path = line.partition("\t")
        if tab:
            mode, _, identifier = head.split(" ")
            kind = _KINDS.get(mode, "file")  # old repositories have files of mode 100664
            entries[path] = Entry(kind, identifier)
    return entries


def has_submodules(entries: Mapping[str, Entry]) -> bool:
    """Say whether a commit has submodules."""
    return any(entry.kind == "submodule" for entry in entries.values())


def read_modules(git: Git, *options: str) -> bytes:
    """Return what a commit's .gitmodules says, as `git config -z` lists it; b"" for nothing."""
    wanted = ("--blob", "HEAD:.gitmodules", "-z", "--get-regexp", r"^submodule\..*\.(path|url)$")
    return git.read(*options, "config", *wanted)
