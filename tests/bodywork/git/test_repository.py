"""What may be given as a repository, and that nothing secret in it is ever told."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bodywork.errors import SourceError
from bodywork.git import Repository, parse_repository
from bodywork.model.redaction import redact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "https://github.com/me/p",
            Repository("https", "https://github.com/me/p", "https://github.com/me/p"),
        ),
        (
            "HTTPS://[::1]:8443/p.git",
            Repository("https", "https://[::1]:8443/p.git", "https://[::1]:8443/p.git"),
        ),
        (
            "ssh://git@host.example:22/me/p",
            Repository("ssh", "ssh://git@host.example:22/me/p", "ssh://git@host.example:22/me/p"),
        ),
        (
            "git@github.com:me/p.git",
            Repository("ssh", "git@github.com:me/p.git", "git@github.com:me/p.git"),
        ),
        ("host:~/p", Repository("ssh", "host:~/p", "host:~/p")),
        ("file:///srv/p", Repository("file", "file:///srv/p", "file:///srv/p")),
        ("file://localhost/srv/p", Repository("file", "file:///srv/p", "file:///srv/p")),
        ("/srv/a b/100%", Repository("file", "file:///srv/a b/100%25", "/srv/a b/100%")),
        ("/srv/a:b", Repository("file", "file:///srv/a:b", "/srv/a:b")),
        ("/srv/../p/", Repository("file", "file:///p", "/p")),
    ],
)
def test_each_form_is_understood(text: str, expected: Repository) -> None:
    parsed = parse_repository(text)
    assert (parsed.kind, parsed.url, parsed.text) == (expected.kind, expected.url, expected.text)


def test_a_relative_path_and_the_home_are_made_absolute(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("here")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", "/home/ada")
    assert parse_repository(".").url == f"file://{folder}"
    assert parse_repository("sub/p").url == f"file://{folder}/sub/p"
    assert parse_repository("../p").text == f"{folder.parent}/p"
    assert parse_repository("~/p").text == "/home/ada/p"


def test_a_password_is_taken_out_of_the_url() -> None:
    parsed = parse_repository("https://ada:p%40ss%2F%3A@example.com:8443/me/p.git")
    assert parsed.url == "https://example.com:8443/me/p.git"
    assert parsed.text == "https://***@example.com:8443/me/p.git"
    assert parsed.host == "https://example.com:8443"
    assert (parsed.user, parsed.password) == ("ada", "p@ss/:")
    assert "p@ss" not in repr(parsed)
    assert "ada" not in repr(parsed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "--upload-pack=touch /tmp/x",
        "-p",
        "ext::sh -c 'touch /tmp/x'",
        "fd::17",
        "https::x",
        "http://example.com/p",
        "git://example.com/p",
        "ftp://example.com/p",
        "javascript://x/p",
        "https://",
        "https://example.com",
        "https://example.com/",
        "https:///p",
        "https://exa mple.com/p",
        "https://-example.com/p",
        "https://example.com:port/p",
        "https:/example.com/p",
        "https:example.com/p",
        "https://a:b%0a@example.com/p",
        "ssh://-oProxyCommand=touch/p",
        "ssh://git@-oProxyCommand=x/p",
        "ssh://-oProxyCommand=x@host/p",
        "ssh://host/-x",
        "ssh://git:pw@host/p",
        "-oProxyCommand=x:p",
        "git@-oProxyCommand=x:p",
        "git@host:-x",
        "file://host/p",
        "file:p",
        "/srv/p\n",
        "/srv/\x1b[31mp",
        "https://example.com/p\nfatal: x",
        "https://example.com/\u2028p",
    ],
)
def test_all_else_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_repository(text)
    assert caught.value.hint
    assert "\n" not in caught.value.message
    assert "\x1b" not in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "https://ada:canary@example.com/p",
        "https://canary@example.com/p",
        "https://ada:can@canary@example.com/p",
        "https://ada:canary/x@example.com/p",
        "https://ada:canary x@example.com/p",
        "https://ada:it's canary@example.com/p",
        'https://ada:"canary"@example.com/p',
        "https://ada:canary\n@example.com/p",
        "https://ada:canary%0a@example.com/p",
        "https://ada:canary@example.com",
        "https:/ada:canary@example.com/p",
        "https:ada:canary@example.com/p",
        "http://ada:canary@example.com/p",
        "ssh://git:canary@example.com/p",
        "ssh://git:canary/x@example.com/p",
        "ftp://ada:canary@example.com/p",
        "https://example.com/p?token=canary",
        "https://example.com/p#canary",
        "https://example.com?token=canary",
        "https://ada@example.com/p?private_token=canary&x=1",
        "https://example.com/p?a=b@canary",
        "https:example.com/p?token=canary",
        "ssh://git@example.com/p?token=canary",
        "http://example.com/p#canary",
        "https//ada:canary@example.com/p",
        "https/ada:canary@example.com/p",
        "ttps//ada:canary@example.com/p",
    ],
)
def test_no_password_is_told_whatever_is_wrong_with_the_url(text: str) -> None:
    try:
        parsed = parse_repository(text)
    except SourceError as error:
        told = error.message + error.hint
    else:
        told = parsed.text + parsed.url + repr(parsed)
    assert "canary" not in told


@given(
    st.text(st.characters(exclude_characters="/ \t\n\r\x0b\x0c@", exclude_categories=["C", "Z"])),
    st.sampled_from(["https", "ssh", "http"]),
)
@example("it's", "https")
def test_a_password_in_an_address_of_git_s_output_is_redacted(secret: str, scheme: str) -> None:
    line = f"fatal: unable to access '{scheme}://u:canary{secret}@host/p/': no"
    assert redact(line).endswith("@host/p/': no")
    assert "canary" not in redact(line)


@given(st.text())
@example("a://:@/")
@example("https://[::1/p")
def test_any_text_gives_a_repository_or_our_error(text: str) -> None:
    try:
        parsed = parse_repository(text)
    except SourceError:
        return
    assert parsed.kind == "ssh" or parsed.url.startswith(f"{parsed.kind}://")
    assert not parsed.url.startswith("-")
    assert "\n" not in parsed.url
