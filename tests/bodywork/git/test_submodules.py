"""Submodules are fetched where the project wants it, and from nowhere that it must not name."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodywork.errors import SourceError
from bodywork.git import GitSource
from bodywork.git.submodules import resolve
from tests.bodywork.git.conftest import Projects, Taken, read_files
from tests.bodywork.git.test_remote import ENCODED, trusted
from tests.servers.repositories import commit, git
from tests.servers.secure_http import HttpsServer
from tests.servers.secure_shell import SshServer

Fetch = Callable[..., Taken]
ANSWERS: tuple[bool | None, ...] = (True, False, None)


@pytest.fixture
def fetch(environment: dict[str, str], temporary: Path) -> Fetch:
    """Check out a project that wants its submodules, or what is given."""

    def run(
        repository: str | Path,
        reference: str = "main",
        commit: str = "",
        *,
        wants: bool | None = True,
        **more: str,
    ) -> Taken:
        said: list[str] = []
        source = GitSource(environment | more, temporary, wants_submodules=lambda project: wants)
        with source.checkout(str(repository), reference, commit, say=said.append) as checkout:
            taken = Taken(checkout, read_files(checkout.folder), said)
        assert list(temporary.iterdir()) == []
        return taken

    return run


def init(folder: Path, *options: str, **files: str) -> str:
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main", *options)
    return commit(folder, "first", **files)


def add(folder: Path, path: str, address: str, identifier: str, *lines: str) -> str:
    """Put a submodule on record as its author would; nothing of it is checked."""
    with (folder / ".gitmodules").open("a") as file:
        section = [f'[submodule "{path}"]', f"path = {path}", f"url = {address}", *lines]
        file.write("\n".join([*section, ""]))
    git(folder, "add", ".gitmodules")
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{identifier},{path}")
    git(folder, "commit", "--quiet", "--message", f"a submodule {path}")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A library whose main has gone on since the commit that `pinned` names."""
    folder = tmp_path / "library"
    init(folder, lib_py="X = 1\n")
    git(folder, "tag", "pinned")
    commit(folder, "second", lib_py="X = 2\n")
    return folder


@pytest.fixture
def pinned(library: Path) -> str:
    return git(library, "rev-parse", "pinned")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    init(folder, main_py="print(1)\n")
    return folder


@pytest.mark.parametrize("address", ["{}", "file://{}", "../library", "./../library"])
@pytest.mark.parametrize("by_commit", [False, True])
def test_it_is_fetched_at_the_commit_on_record(
    fetch: Fetch, project: Path, library: Path, pinned: str, address: str, by_commit: bool
) -> None:
    head = add(project, "vendor/lib", address.format(library), pinned)
    taken = fetch(project, "main", head if by_commit else "")
    assert taken.files["vendor/lib/lib.py"] == "X = 1\n"
    assert not any(".git" in Path(name).parts for name in taken.files)
    assert taken.checkout.entries["vendor/lib"] == ("submodule", pinned)
    assert taken.checkout.entries["vendor/lib/lib.py"].kind == "file"
    assert taken.said.count("Fetching submodule vendor/lib") == 1
    assert taken.checkout.missing == ()


@pytest.mark.parametrize("wants", [False, None])
def test_without_a_wish_nothing_is_fetched_and_it_is_said(
    fetch: Fetch, project: Path, library: Path, pinned: str, wants: bool | None
) -> None:
    add(project, "vendor/lib", str(library), pinned)
    taken = fetch(project, wants=wants)
    assert not any(name.startswith("vendor/") for name in taken.files)
    assert taken.checkout.missing == (() if wants is False else ("vendor/lib",))


def test_submodules_of_submodules_are_fetched(
    fetch: Fetch, tmp_path: Path, project: Path, library: Path, pinned: str
) -> None:
    init(tmp_path / "middle", middle_py="")
    middle = add(tmp_path / "middle", "deep/lib", "../library", pinned)
    add(project, "a", "../middle", middle)
    add(project, "b", "../library", git(library, "rev-parse", "main"))
    files = fetch(project).files
    assert files["a/deep/lib/lib.py"] == "X = 1\n"
    assert files["b/lib.py"] == "X = 2\n"


def test_a_relative_address_of_a_clone_is_beside_its_origin(
    fetch: Fetch, tmp_path: Path, project: Path, pinned: str
) -> None:
    add(project, "lib", "../library", pinned)
    (tmp_path / "elsewhere").mkdir()
    git(tmp_path, "clone", "--quiet", str(project), "elsewhere/clone")
    assert fetch(tmp_path / "elsewhere" / "clone").files["lib/lib.py"] == "X = 1\n"


def test_a_repository_of_sha256_has_submodules_of_it(fetch: Fetch, tmp_path: Path) -> None:
    lib = init(tmp_path / "lib", "--object-format=sha256", lib_py="long\n")
    init(tmp_path / "p", "--object-format=sha256", main_py="")
    add(tmp_path / "p", "lib", "../lib", lib)
    assert len(lib) == 64
    assert fetch(tmp_path / "p").files["lib/lib.py"] == "long\n"


# -- over the network ------------------------------------------------------------------------------


def test_credentials_go_along_to_the_same_host(
    fetch: Fetch, projects: Projects, https: HttpsServer, tmp_path: Path
) -> None:
    folder = projects.root / "private" / f"with-module-{tmp_path.name}"
    init(folder, main_py="")
    add(folder, "lib", "../secret", projects.commits["main"])
    trusted = {"GIT_SSL_CAINFO": str(https.authority)}
    address = https.url(f"private/{folder.name}", ENCODED)
    assert "lib/train/main.py" in fetch(address, **trusted).files


def test_the_key_goes_along_over_ssh(
    fetch: Fetch, projects: Projects, sshd: SshServer, tmp_path: Path
) -> None:
    folder = projects.root / f"with-module-{tmp_path.name}"
    init(folder, main_py="")
    add(folder, "lib", "../public", projects.commits["first"])
    taken = fetch(sshd.url(folder), **trusted(sshd))
    assert taken.files["lib/train/main.py"] == "print(1)\n"


# -- hostile ---------------------------------------------------------------------------------------

REFUSED = {
    "ext::sh -c 'touch {marker}'": "neither complete nor relative",
    "--upload-pack=touch {marker}": "neither complete nor relative",
    "-oProxyCommand=touch${{IFS}}{marker}:x": "begins with '-'",
    "http://host/x": "does not clone over http",
    "git://host/x": "does not clone over git",
    "ssh://-oProxyCommand=touch%20{marker}/x": "no valid host name",
    "../../../../../../../../../../../../x": "leads out of its host",
    "library": "neither complete nor relative",
    "": "has no address",
    "https://ada:canary@host/x?y": "has a '?'",
}


@pytest.mark.parametrize("address", REFUSED)
def test_a_hostile_address_is_refused(
    fetch: Fetch, tmp_path: Path, project: Path, pinned: str, address: str
) -> None:
    marker = tmp_path / "marker"
    add(project, "lib", address.format(marker=marker), pinned)
    with pytest.raises(SourceError, match="submodule lib: ") as caught:
        fetch(project)
    assert REFUSED[address] in str(caught.value.message)
    assert "canary" not in str(caught.value)
    assert not marker.exists()


def test_a_repository_of_a_server_names_no_folder_of_this_machine(
    fetch: Fetch, projects: Projects, https: HttpsServer, tmp_path: Path, library: Path, pinned: str
) -> None:
    folder = projects.root / f"hostile-{tmp_path.name}"
    init(folder, main_py="")
    add(folder, "lib", str(library), pinned)
    with pytest.raises(SourceError, match="is a folder of this machine, and its project is not"):
        fetch(https.url(folder.name), GIT_SSL_CAINFO=str(https.authority))


def test_names_and_settings_of_gitmodules_do_nothing(
    fetch: Fetch, tmp_path: Path, project: Path, library: Path, pinned: str
) -> None:
    marker = tmp_path / "marker"
    add(project, "lib", str(library), pinned, f"update = !touch {marker}", "ignore = all")
    assert fetch(project).files["lib/lib.py"] == "X = 1\n"
    text = (project / ".gitmodules").read_text()
    (project / ".gitmodules").write_text(text.replace('"lib"', '"../../../hooks"'))
    git(project, "add", ".gitmodules")
    git(project, "commit", "--quiet", "--message", "hostile")
    with pytest.raises(SourceError, match=r"hooks' of a submodule .* is refused"):
        fetch(project)
    assert not marker.exists()


def test_a_commit_that_is_gone_is_told_with_the_submodule(
    fetch: Fetch, project: Path, library: Path
) -> None:
    add(project, "lib", str(library), "1" * 40)
    with pytest.raises(SourceError, match=f"submodule lib: there is no commit {'1' * 40}"):
        fetch(project)


def test_submodules_without_end_are_refused(fetch: Fetch, project: Path) -> None:
    head = git(project, "rev-parse", "HEAD")
    for _ in range(12):  # each commit has the one before it as a submodule
        (project / ".gitmodules").unlink(missing_ok=True)
        head = add(project, "again", "../project", head)
    with pytest.raises(SourceError, match="more than 10 within one another"):
        fetch(project)


@pytest.mark.parametrize(
    ("base", "relative", "expected"),
    [
        ("https://h/a/b.git", "../c.git", "https://h/a/c.git"),
        ("https://h/a/b.git/", "./c", "https://h/a/b.git/c"),
        ("ssh://git@h:22/a/b", "../../c/d", "ssh://git@h:22/c/d"),
        ("git@h:a/b", "../c", "git@h:a/c"),
        ("git@h:/a/b", "../c", "git@h:/a/c"),
        ("git@h:b", "../c", "git@h:c"),
        ("file:///a/b", "../c", "file:///a/c"),
    ],
)
def test_relative_addresses_are_resolved_as_git_does(
    base: str, relative: str, expected: str
) -> None:
    assert resolve(base, relative) == expected


@given(
    st.sampled_from(["https://h/{}", "ssh://u@h:2/{}", "u@h:{}", "file:///{}"]),
    st.lists(st.sampled_from("abc"), min_size=1, max_size=4),
    st.lists(st.sampled_from(["..", ".", "x", ""]), max_size=8),
)
def test_a_relative_address_never_leaves_its_host(
    form: str, path: list[str], steps: list[str]
) -> None:
    try:
        found = resolve(form.format("/".join(path)), "/".join(["..", *steps]))
    except SourceError:
        return
    start = form.partition("{")[0]
    assert found.startswith(start)
    assert ".." not in found.split("/")


# -- Git LFS ---------------------------------------------------------------------------------------

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'4' * 64}\nsize 12345\n"


def test_pointers_are_found_where_the_filter_is_named(fetch: Fetch, tmp_path: Path) -> None:
    init(tmp_path / "p", one__model=POINTER, two__model=POINTER, one__small="version https\n")
    assert fetch(tmp_path / "p").checkout.pointers == ()
    commit(tmp_path / "p", "x", **{"one/.gitattributes": "*.x text\nmodel filter=lfs diff=lfs\n"})
    assert fetch(tmp_path / "p").checkout.pointers == ("one/model",)
    commit(tmp_path / "p", "y", **{".gitattributes": "model filter=lfs -text\n"})
    assert fetch(tmp_path / "p").checkout.pointers == ("one/model", "two/model")


# -- SHA-256 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("digits", [7, 9, 39, 40, 41, 63, 64])
def test_a_commit_of_sha256_is_found_by_its_first_digits(
    fetch: Fetch, tmp_path: Path, digits: int
) -> None:
    head = init(tmp_path / "p", "--object-format=sha256", main_py="long\n")
    commit(tmp_path / "p", "second", main_py="longer\n")
    if digits == 40:
        with pytest.raises(SourceError):
            fetch(tmp_path / "p", head[:digits])
        return
    taken = fetch(tmp_path / "p", head[:digits])
    assert (taken.checkout.commit, taken.files["main.py"]) == (head, "long\n")
