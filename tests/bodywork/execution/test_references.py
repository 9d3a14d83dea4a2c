"""What requirements refer to besides a name."""

from pathlib import Path

import pytest

from bodywork.execution.references import (
    GitReference,
    LocalPath,
    Remote,
    find_links_path,
    find_reference,
)

FOLDER = Path("/repo/one")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "path", "rendered"),
    [
        ("./lib", "/repo/one/lib", "/repo/one/lib"),
        (".", "/repo/one", "/repo/one"),
        ("..", "/repo", "/repo"),
        (".[dev]", "/repo/one", "/repo/one[dev]"),
        ("../lib[a,b]; python_version>'3'", "/repo/lib",
         "/repo/lib[a,b] ; python_version>'3'"),
        ("wheels/a-1-py3-none-any.whl", "/repo/one/wheels/a-1-py3-none-any.whl", ""),
        ("a-1-py3-none-any.whl", "/repo/one/a-1-py3-none-any.whl", ""),
        ("file:wheels/a.whl", "/repo/one/wheels/a.whl", "file:///repo/one/wheels/a.whl"),
        ("file:///x/a%20b", "/x/a b", "file:///x/a%20b"),
        ("file://localhost/x", "/x", "file:///x"),
        ("a[b] @ file:lib#subdirectory=c", "/repo/one/lib",
         "a[b] @ file:///repo/one/lib#subdirectory=c"),
        ("a @ file:///x ; os_name == 'nt'", "/x", "a @ file:///x ; os_name == 'nt'"),
        ("/opt/lib", "/opt/lib", "/opt/lib"),
    ],
)  # fmt: skip
def test_paths(text: str, path: str, rendered: str) -> None:
    found = find_reference(text, "", FOLDER)
    assert isinstance(found, LocalPath)
    assert str(found.path) == path
    assert found.render() == (rendered or path)


@pytest.mark.parametrize(
    ("text", "repository", "reference", "fixed"),
    [
        ("git+https://h/x", "https://h/x", "", "git+https://h/x@N"),
        ("git+https://h/x.git@v1#egg=y", "https://h/x.git", "v1", "git+https://h/x.git@N#egg=y"),
        ("y @ git+ssh://git@h/x@main", "ssh://git@h/x", "main", "y @ git+ssh://git@h/x@N"),
        ("git+file:///x@main ; a == 'b'", "file:///x", "main", "git+file:///x@N ; a == 'b'"),
        ("y[z]@git+https://u:p@h/x@a/b", "https://u:p@h/x", "a/b", "y[z] @ git+https://u:p@h/x@N"),
    ],
)
def test_git(text: str, repository: str, reference: str, fixed: str) -> None:
    found = find_reference(text, "", FOLDER)
    assert isinstance(found, GitReference)
    assert (found.repository, found.reference, found.is_fixed) == (repository, reference, False)
    assert found.render("N") == fixed
    again = find_reference(found.render(COMMIT), "", FOLDER)
    assert isinstance(again, GitReference)
    assert again.is_fixed


@pytest.mark.parametrize(
    ("text", "suffix", "is_fixed"),
    [
        ("https://h/a.whl", "", False),
        ("a @ https://h/a.whl", "", False),
        ("https://h/a.whl#sha256=ab", "", True),
        ("a @ https://h/a.whl", " --hash=sha256:ab", True),
        ("hg+https://h/a@1", "", False),
    ],
)
def test_addresses(text: str, suffix: str, is_fixed: bool) -> None:
    assert find_reference(text, suffix, FOLDER) == Remote(is_fixed)


@pytest.mark.parametrize("text", ["six", "six==1.0", "a[b]>=1;os_name=='posix'", "a.b<2,>=1"])
def test_names_refer_to_nothing_else(text: str) -> None:
    assert find_reference(text, "", FOLDER) is None


def test_find_links_are_looked_for_beside_the_file_first(tmp_path: Path) -> None:
    (tmp_path / "more/wheels").mkdir(parents=True)
    assert find_links_path("wheels", tmp_path / "more", tmp_path) == tmp_path / "more/wheels"
    assert find_links_path("others", tmp_path / "more", tmp_path) == tmp_path / "others"
    assert find_links_path("https://h/x", tmp_path, tmp_path) is None
