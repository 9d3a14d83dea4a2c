"""What a stage can read decides its ids, and nothing else does: held to the file system itself."""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bodywork.model.tree import Entry, Scope, Tree, changed_paths

STAGES = ("one", "two", "three")
FOLDERS = ("", "src", "src/deep", "lib", "one", "one/pkg", "two", "three", "three/pkg")
NAMES = ("a", "b", ".gitattributes")
LINK = "->"
Files = Mapping[str, str]
"""Path → content; what begins with LINK is a symbolic link to the rest of it."""


def tree_of(files: Files, **more: bool) -> Tree:
    """Return the tree that Git would have of the files."""
    entries: dict[str, Entry] = {}
    for path, content in files.items():
        kind = "link" if content.startswith(LINK) else "file"
        entries[path] = Entry("link" if kind == "link" else "file", content)
    folders = {parent for path in files for parent in parents(path)}
    for folder in sorted(folders, key=len, reverse=True):
        inside = [f"{path} {entry}" for path, entry in entries.items() if inside_of(path, folder)]
        digest = hashlib.sha256("\n".join(sorted(inside)).encode()).hexdigest()
        entries[folder] = Entry("folder", digest)
    return Tree(entries, lambda path: files[path].removeprefix(LINK), **more)


def parents(path: str) -> Iterator[str]:
    while path := os.path.dirname(path):
        yield path


def inside_of(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/")


def scope(stage: str, shared: tuple[str, ...] | None = None) -> Scope:
    others = frozenset(STAGES) - {stage}
    return Scope(stage, others, shared, ("bodywork.ini",))


def key(tree: Tree, of: Scope) -> tuple[str, str]:
    return tree.id_of(of.own), tree.digest(of)


# -- against the file system -----------------------------------------------------------------------


def write(root: Path, files: Files) -> None:
    for path, content in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith(LINK):
            place.symlink_to(content.removeprefix(LINK))
        else:
            place.write_text(content)


def readable(root: Path, of: Scope) -> set[str]:
    """Return each file and link that a process finds from what the stage can read."""
    top = set(os.listdir(root))
    if of.shared is None:
        starts = {of.own, *top} - {*of.others, *of.ignored}
    else:
        starts = {of.own, *of.shared}
    starts |= {f"{folder}/.gitattributes".lstrip("/") for path in starts for folder in above(path)}
    found: set[str] = set()
    visit(root, sorted(starts), found)
    return found


def above(path: str) -> Iterator[str]:
    yield from parents(path)
    yield ""


def visit(root: Path, paths: Iterable[str], found: set[str]) -> None:
    for path in paths:
        place = root / path
        if path in found or not os.path.lexists(place):
            continue
        if place.is_symlink():
            found.add(path)
            visit(root, way_of(root, path), found)
        elif place.is_dir():
            found.add(path)
            visit(root, [f"{path}/{name}".lstrip("/") for name in os.listdir(place)], found)
        else:
            found.add(path)


def way_of(root: Path, link: str) -> Iterator[str]:
    """Yield where a link leads, as the kernel has it, with the links on the way."""
    place = os.path.join(root, os.path.dirname(link))
    for part in os.readlink(root / link).split("/"):
        place = os.path.join(os.path.realpath(place), part)
        relative = os.path.relpath(place, root)
        if relative.startswith(".."):
            return
        if os.path.islink(place) and part not in ("", ".", ".."):
            yield relative
    final = os.path.relpath(os.path.realpath(place), root)
    if not final.startswith(".."):
        yield "" if final == "." else final


PATHS = st.builds(os.path.join, st.sampled_from(FOLDERS), st.sampled_from(NAMES))
TARGETS = st.sampled_from(
    ["../two", "../two/a", "../src", "../lib/b", "a", "..", "../../two", "../gone", "/etc", "pkg/a"]
)
CONTENTS = st.one_of(st.sampled_from("xyz"), st.builds(lambda to: LINK + to, TARGETS))
REPOSITORIES = st.dictionaries(PATHS, CONTENTS, min_size=3, max_size=14).map(
    lambda files: {"bodywork.ini": "x", "one/main": "x", "two/main": "x", "three/main": "x"} | files
)
SHARED = st.one_of(
    st.none(), st.sampled_from([("src",), ("src/deep", "lib"), ("two",), ("one",), ("lib/b",)])
)


@settings(max_examples=150, deadline=None)
@given(REPOSITORIES, PATHS, CONTENTS, st.booleans(), SHARED)
def test_a_change_is_in_the_key_of_exactly_those_stages_that_can_read_it(
    files: Files, path: str, content: str, removes: bool, shared: tuple[str, ...] | None
) -> None:
    after = {name: text for name, text in files.items() if name != path}
    after |= {} if removes and path in files else {path: content}
    with tempfile.TemporaryDirectory() as scratch:
        roots = Path(os.path.realpath(scratch), "before"), Path(os.path.realpath(scratch), "after")
        for root, state in zip(roots, (files, after), strict=True):
            write(root, state)
        for stage in STAGES:
            of = scope(stage, shared)
            can_read = any(path in readable(root, of) for root in roots)
            changed = key(tree_of(files), of) != key(tree_of(after), of)
            assert changed == (can_read and files.get(path) != after.get(path)), stage


# -- by hand ---------------------------------------------------------------------------------------

BASE: Files = {
    "bodywork.ini": "1",
    "README.md": "1",
    "src/x": "1",
    "one/main": "1",
    "two/main": "1",
    "three/main": "1",
}


def changes(path: str, of: Scope, files: Files = BASE) -> bool:
    return key(tree_of(files), of) != key(tree_of({**files, path: "2"}), of)


def test_what_belongs_to_no_other_stage_counts_by_default() -> None:
    for path in ("README.md", "src/x", "src/new", "one/main", "new"):
        assert changes(path, scope("one")), path
    for path in ("two/main", "three/new", "bodywork.ini"):
        assert not changes(path, scope("one")), path


def test_shared_narrows_it_and_may_name_another_stage() -> None:
    of = scope("one", ("src", "two"))
    assert [path for path in BASE if changes(path, of)] == ["src/x", "one/main", "two/main"]
    assert not changes("README.md", scope("one", ("one",)))


def test_a_link_into_another_stage_counts() -> None:
    files = {**BASE, "one/data": f"{LINK}../two", "src/link": f"{LINK}../three/main"}
    assert changes("two/main", scope("one"), files)
    assert changes("three/main", scope("two"), files)
    assert not changes("three/new", scope("two"), files)


def test_a_program_is_not_a_file() -> None:
    entries = {"one": Entry("folder", "1"), "run": Entry("file", "1")}
    program = {**entries, "run": Entry("program", "1")}
    assert Tree(entries).digest(scope("one")) != Tree(program).digest(scope("one"))


def test_files_of_submodules_count_where_they_are_there() -> None:
    entries = {"one": Entry("folder", "1"), "lib": Entry("submodule", "1")}
    of = scope("one")
    without, with_them = Tree(entries), Tree(entries, has_submodules=True)
    assert without.digest(of) != with_them.digest(of)
    own = scope("one", ("one",))
    assert Tree(entries).digest(own) == Tree(entries, has_submodules=True).digest(own)


def test_names_that_are_no_text_count() -> None:
    odd = {"one": Entry("folder", "1"), "\udcff": Entry("file", "1")}
    assert Tree(odd).digest(scope("one")) != Tree({"one": odd["one"]}).digest(scope("one"))
    assert Tree(odd).outline().keys() == {"one"}


def test_nothing_is_known_of_no_entries() -> None:
    assert Tree({}).digest(scope("one")) == ""
    assert Tree({}).outline() == {}


@given(REPOSITORIES, PATHS, CONTENTS)
def test_outlines_name_a_path_that_changed(files: Files, path: str, content: str) -> None:
    after = {**files, path: content}
    found = changed_paths(tree_of(files).outline(), tree_of(after).outline())
    is_new_folder = os.path.dirname(path) not in {each for old in files for each in parents(old)}
    if files.get(path) == content:
        assert found == []
    else:
        [only] = found
        assert only == path or (is_new_folder and inside_of(path, only))


def test_a_large_folder_is_named_itself() -> None:
    files = {**BASE, **{f"src/{number}": "1" for number in range(200)}}
    now = tree_of({**files, "src/7": "2"})
    assert changed_paths(tree_of(files).outline(), now.outline()) == ["src"]
    assert len(now.outline()) < 100
