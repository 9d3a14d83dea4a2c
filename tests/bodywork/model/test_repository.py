"""One repository, however its address is spelt; and whose a service is."""

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bodywork.errors import OtherRepository, SourceError, UsageError
from bodywork.git import parse_repository
from bodywork.model.names import Namespace
from bodywork.model.repository import (
    Deployer,
    check_owner,
    check_path,
    identify_project,
    identify_repository,
)
from bodywork.workflow.progress import Request

HOST_LETTERS = st.sampled_from("abcxyz0189")
WORD = st.text(st.sampled_from("abcXYZ019-_é %"), min_size=1, max_size=6).filter(
    lambda word: word.strip() == word and not word.startswith("-")
)
HOSTS = st.lists(st.text(HOST_LETTERS, min_size=1, max_size=5), min_size=2, max_size=3).map(
    ".".join
)
PATHS = st.lists(WORD, min_size=1, max_size=3)
USERS = st.sampled_from(["", "git@", "ada@"])
ENDS = st.sampled_from(["", "/", ".git", ".git/"])
SECRET = "s3cr3t-t0k3n"


def quoted(path: str) -> str:
    return path.replace("%", "%25").replace(" ", "%20")


@st.composite
def remote(draw: st.DrawFn, host: str, path: list[str]) -> str:
    """Draw one spelling of the address of a repository on a server."""
    shown = draw(st.sampled_from([host, host.upper(), host.title(), f"{host}."]))
    end, joined = draw(ENDS), "/".join(path)
    form = draw(st.sampled_from(["https", "ssh", "scp", "scp from the root"]))
    if form.startswith("scp"):
        root = "/" if form == "scp from the root" else ""
        return f"{draw(USERS)}{shown}:{root}{joined}{end}"
    port = draw(st.sampled_from(["", {"https": ":443", "ssh": ":22"}[form], ":"]))
    user = draw(USERS)
    if form == "https":
        user = draw(st.sampled_from(["", "ada@", f"ada:{SECRET}@", f"{SECRET}@", "***@"]))
    scheme = draw(st.sampled_from([form, form.upper()]))
    slashes = draw(st.sampled_from(["/", "//"]))
    return f"{scheme}://{user}{shown}{port}/{quoted(slashes.join(path))}{end}"


@given(st.data(), HOSTS, PATHS)
def test_a_remote_repository_is_the_same_by_each_spelling(
    data: st.DataObject, host: str, path: list[str]
) -> None:
    one, other = (data.draw(remote(host, path)) for _ in range(2))
    assert identify_repository(one) == identify_repository(other)
    assert SECRET not in identify_repository(one)
    assert identify_repository(one).startswith(f"{host}/")


@given(st.data(), HOSTS, PATHS)
def test_what_git_is_given_and_what_is_on_record_is_the_same_repository(
    data: st.DataObject, host: str, path: list[str]
) -> None:
    address = data.draw(remote(host, path))
    try:
        repository = parse_repository(address)
    except SourceError:
        return  # git is never asked for it
    same = {identify_repository(each) for each in (address, repository.text, repository.url)}
    assert len(same) == 1


@given(st.tuples(HOSTS, PATHS), st.tuples(HOSTS, PATHS), st.data())
def test_two_repositories_are_two(
    one: tuple[str, list[str]], other: tuple[str, list[str]], data: st.DataObject
) -> None:
    same = identify_repository(data.draw(remote(*one))) == identify_repository(
        data.draw(remote(*other))
    )
    assert same == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://host/ada/shop", "https://host:8443/ada/shop"),
        ("ssh://host:2222/ada/shop", "ssh://host/ada/shop"),
        ("https://host/ada/shop", "https://host/Ada/shop"),
        ("https://host/ada/shop", "/ada/shop"),
        ("file:///a%2541", "file:///a%41"),
    ],
)
def test_a_port_a_path_s_case_and_where_it_is_count(one: str, other: str) -> None:
    assert identify_repository(one) != identify_repository(other)


@given(st.data(), PATHS)
def test_a_folder_is_the_same_by_its_path_and_by_its_url(
    data: st.DataObject, path: list[str]
) -> None:
    folder = "/" + "/".join(path)
    url = quoted(folder)
    spellings = st.sampled_from(
        [folder, f"file://{url}", f"file://localhost{url}", f"FILE://{url}"]
    )
    ends = st.sampled_from(["", "/", ".git", "/.git", "/.git/", "/./", "/x/.."])
    one, other = (data.draw(spellings) + data.draw(ends) for _ in range(2))
    assert identify_repository(one) == identify_repository(other)


def test_a_relative_path_is_that_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    spellings = [".", "./", "../shop", "~/shop", str(folder), folder.as_uri(), f"{folder}/.git"]
    assert {identify_repository(parse_repository(each).text) for each in spellings} == {str(folder)}


@given(st.text() | st.binary().map(os.fsdecode))
def test_any_text_has_an_identity_that_can_be_printed_and_put_on_record(text: str) -> None:
    identity = identify_repository(text)
    assert identity == "".join(each for each in identity if each.isprintable() or each > "\x9f")
    identity.encode()


def test_an_owner_is_only_asked_of_another_repository() -> None:
    ours = Deployer("host/ada/shop")
    check_owner("shop--serve", "", ours)
    check_owner("shop--serve", "host/ada/shop", ours)
    check_owner("shop--serve", "host/bob/shop", Deployer("host/ada/shop", adopts=True))
    with pytest.raises(OtherRepository) as refused:
        check_owner("shop--serve", "host/bob/shop", ours, "run-7")
    for word in ("shop--serve", "host/bob/shop", "host/ada/shop", "run-7"):
        assert word in refused.value.message
    for word in ("PROJECT_NAME", "--adopt"):
        assert word in refused.value.hint


# -- a project in a folder of a repository ---------------------------------------------------------


@given(st.text(st.sampled_from("abz/.~\\\n $(é")))
@example("./~")
def test_a_path_that_is_taken_stays_within_and_has_one_form(text: str) -> None:
    try:
        path = check_path(text)
    except UsageError:
        return
    assert check_path(path) == path
    assert not path.startswith("/")
    assert not {"..", ".", ""}.intersection(path.split("/") if path else [])
    assert os.path.normpath(f"/repository/{text}") == f"/repository/{path}".rstrip("/")


def test_projects_of_one_repository_are_not_the_same() -> None:
    places = [
        ("https://h/mono", ""),
        ("https://h/mono", "a"),
        ("git@h:mono", "b"),
        ("https://h/mono/a", ""),
    ]
    assert len({identify_project(*place) for place in places}) == len(places)
    assert identify_project("git@h:mono.git", "a") == identify_project("https://h/mono", "a")
    request = Request(Namespace("ns"), "https://h/mono", "main", path="a")
    assert request.deployer == Deployer("h/mono//a")
    with pytest.raises(OtherRepository):
        check_owner("shop--serve", "h/mono", request.deployer)
