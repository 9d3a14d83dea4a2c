"""The files of a repository at one commit, by Git's ids of them: no file's content is read. Pure.

Two trees with the same id hold the same files. So what a stage can read, and whether that changed
between two commits, follows from the ids alone, however large the repository is.
"""

import hashlib
import posixpath
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["folder", "file", "program", "link", "submodule"]
"""What stands at a path; a program is a file that may be executed."""
ReadLink: TypeAlias = Callable[[str], str]
"""Returns what the symbolic link at a path holds; "" where that is not known."""
FORM = "1."
"""Begins each digest of what a stage can read. Raise it with any change of what goes into one:
digests of different forms never equal each other, so nothing is reused for the wrong reason."""
ATTRIBUTES = ".gitattributes"
"""Decides how the files below its folder are written (line ends, for example)."""
_DIGITS, _SHORT_ID = 16, 8
_MOST_LINKS = 40
_MOST_AT_ROOT, _MOST_BELOW, _LONGEST_PATH = 600, 80, 100


class Entry(NamedTuple):
    """What stands at a path: its kind, and Git's id of its content."""

    kind: Kind
    id: str


class Scope(NamedTuple):
    """What a stage can read of the repository.

    Attributes:
        own: its folder.
        others: the folders of the other stages.
        shared: the paths that SHARED names; None where there is no SHARED, and all is shared that
            belongs to no other stage.
        ignored: files that count by their meaning, and not by their content.
    """

    own: str
    others: Collection[str] = ()
    shared: Collection[str] | None = None
    ignored: Collection[str] = ()

    def shares(self, path: str) -> bool:
        """Say whether a path outside of its folder is shared, if no link leads there."""
        if is_within(path, {self.own}) or path in self.ignored:
            return False
        if self.shared is None:
            return not is_within(path, self.others)
        return is_within(path, self.shared)


class Tree:
    """All paths of a commit.

    Args:
        entries: path relative to the repository's root → what stands there; the root is not named.
        read_link: asked for the links that a stage can read.
        has_submodules: whether the files of submodules are there, and not only their folders.
    """

    def __init__(
        self,
        entries: Mapping[str, Entry],
        read_link: ReadLink = lambda path: "",
        *,
        has_submodules: bool = False,
    ) -> None:
        self.entries = entries
        self._read_link = read_link
        self._children: dict[str, list[str]] = {}
        for path in entries:
            self._children.setdefault(path.rpartition("/")[0], []).append(path)
        self._links = [path for path, entry in entries.items() if entry.kind == "link"]
        submodules = [path for path, entry in entries.items() if entry.kind == "submodule"]
        self._submodules = submodules if has_submodules else []

    def id_of(self, path: str) -> str:
        """Return Git's id of the folder at a path, or of the submodule; "" where there is none."""
        entry = self.entries.get(path)
        return entry.id if entry and entry.kind in ("folder", "submodule") else ""

    def digest(self, scope: Scope) -> str:
        """Return what stands for all that a stage can read outside of its own folder; "" of a
        repository that is not known."""
        if not self.entries:
            return ""
        roots = {*self._shared_roots(scope), scope.own}
        roots |= set(self._attributes(roots))
        self._add_link_targets(roots)
        told = [f"{path}\0{_describe(self.entries.get(path))}" for path in roots - {scope.own}]
        if any(is_within(path, roots) for path in self._submodules):
            told.append("with the files of submodules")
        return FORM + _hash(sorted(told))[:_DIGITS]

    def outline(self) -> dict[str, str]:
        """Return the upper paths with short ids, as many as a run's record can keep: for people."""
        kept: dict[str, str] = {}
        waiting = [""]
        for folder in waiting:  # it grows
            inside = self._children.get(folder, [])
            most = _MOST_BELOW if folder else _MOST_AT_ROOT
            if len(kept) + len(inside) > most:
                continue
            for path in inside:
                if path.isprintable() and len(path) <= _LONGEST_PATH:
                    kept[path] = _hash([_describe(self.entries[path])])[:_SHORT_ID]
                    waiting += [path] if self.entries[path].kind == "folder" else []
        return kept

    def _shared_roots(self, scope: Scope) -> Iterator[str]:
        """Yield the highest paths that are shared, none within another."""
        if scope.shared is not None:
            for path in scope.shared:
                yield from [path] if path else self._children.get("", [])
            return
        apart = {scope.own, *scope.others, *scope.ignored}
        way = {above for path in apart for above in _above(path)}
        for folder in way:
            for path in self._children.get(folder, []):
                if path not in apart and path not in way:
                    yield path

    def _attributes(self, roots: Collection[str]) -> Iterator[str]:
        """Yield the files that decide how what is below these roots is written."""
        for folder in {above for root in roots for above in _above(root)}:
            path = posixpath.join(folder, ATTRIBUTES)
            if path in self.entries:
                yield path

    def _add_link_targets(self, roots: set[str]) -> None:
        """Add what links below the roots lead to, as far as it is in the repository."""
        links = self._links
        while reached := [path for path in links if is_within(path, roots)]:
            links = [path for path in links if path not in reached]
            for link in reached:
                for path in self._follow(link):
                    if not is_within(path, roots):
                        roots |= {path} if path else set(self._children.get("", []))

    def _follow(self, link: str) -> Iterator[str]:
        """Yield the links on the way from a link, and the path at its end."""
        parts, done, budget = link.split("/"), list[str](), _MOST_LINKS
        while parts:
            part = parts.pop(0)
            if part == "..":
                if not done:
                    return  # it leads out of the repository
                done.pop()
                continue
            if part in ("", "."):
                continue
            done.append(part)
            entry = self.entries.get("/".join(done))
            if entry is None or entry.kind not in ("folder", "link"):
                # What is not there may be there at another commit.
                done += parts if entry is None or entry.kind != "submodule" else []
                break
            if entry.kind == "link":
                yield "/".join(done)
                target, budget = self._read_link("/".join(done)), budget - 1
                if not target or target.startswith("/") or budget < 0:
                    return
                done.pop()
                parts = [*target.split("/"), *parts]
        yield "/".join(done)


def is_within(path: str, folders: Collection[str]) -> bool:
    """Say whether a path is one of these, or lies in one of them; "" is the root."""
    return path in folders or any(above in folders for above in _above(path))


def changed_paths(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the paths that differ between two outlines; a folder only where not both go on."""
    folders = [{posixpath.dirname(path) for path in each} for each in (before, now)]

    def in_both(folder: str) -> bool:
        return all(folder in each for each in folders)

    return [
        path
        for path in sorted({*before, *now})
        if before.get(path) != now.get(path)
        and in_both(posixpath.dirname(path))
        and not (path in before and path in now and in_both(path))
    ]


def _above(path: str) -> Iterator[str]:
    """Yield the folders above a path, the root ("") last."""
    while path:
        path = posixpath.dirname(path)
        yield path


def _hash(lines: Sequence[str]) -> str:
    """Return a hash of lines; names of files may have bytes in them that are no UTF-8."""
    return hashlib.sha256("\0".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _describe(entry: Entry | None) -> str:
    return f"{entry.kind} {entry.id}" if entry else "nothing"
