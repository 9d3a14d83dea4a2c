"""Names of branches, tags and commits; the real git says which are possible."""

import os
import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bodywork.errors import SourceError
from bodywork.git import reference

_PIECES = ["a", "B", "7", "-", ".", "..", "/", "//", ".lock", "@", "@{", "~", "^", ":", "?", "*"]
_PIECES += ["[", "]", "\\", " ", "\t", "\n", "\x7f", "ä", "🌱", "{", "}", "#", "!", "'", '"']


def allowed_by_git(name: str) -> bool:
    asked = ["git", "check-ref-format", "--branch", name]
    done = subprocess.run(asked, capture_output=True, check=False, cwd="/", env=os.environ)
    return done.returncode == 0


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(_PIECES), min_size=1, max_size=6).map("".join))
@example("feature/x.y")
@example("a.lock/b")
@example(".a")
@example("a/.b")
@example("a.")
@example("-x")
@example("a/-x")
def test_what_git_would_refuse_is_refused_and_nothing_else(name: str) -> None:
    try:
        reference.check_reference(name)
        ours = True
    except SourceError:
        ours = False
    # "@" alone is git's own word for HEAD, and no name.
    assert ours == (allowed_by_git(name) and name != "@")


@pytest.mark.parametrize(
    "name", ["", "-x", "--upload-pack=x", "a b", "a\nb", "@{-1}", "a..b", "a:b"]
)
def test_a_name_that_could_be_an_option_or_a_range_is_refused(name: str) -> None:
    with pytest.raises(SourceError, match="cannot be the name of a branch or tag") as caught:
        reference.check_reference(name)
    assert caught.value.hint
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("name", ["$(KEY)", "preview-$(KEY)/x", "a$$(b"])
def test_a_name_that_others_would_expand_is_refused(name: str) -> None:
    assert allowed_by_git(name)
    with pytest.raises(SourceError, match="which shells and Kubernetes replace") as caught:
        reference.check_reference(name)
    assert caught.value.hint


@pytest.mark.parametrize("text", ["a" * 39, "g" * 40, "main", "a" * 41, "--" + "a" * 38])
def test_a_recorded_commit_must_be_a_full_id(text: str) -> None:
    with pytest.raises(SourceError, match="is no full commit id"):
        reference.check_commit(text)


def test_ids_are_told_from_beginnings_of_ids() -> None:
    assert reference.is_commit("A" * 40)
    assert reference.is_commit("0" * 64)
    assert reference.check_commit("A" * 40) == "a" * 40
    assert reference.is_abbreviated("abcdef0")
    assert not reference.is_abbreviated("abcdef")
    assert not reference.is_abbreviated("a" * 40)
    assert not reference.is_abbreviated("abcdefg")
