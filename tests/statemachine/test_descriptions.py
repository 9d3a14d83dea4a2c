"""What is put on record of somebody else's error: what happened, and nothing secret."""

import pytest

from statemachine.descriptions import LONGEST, describe_error

SECRET = "s3cretW0rd"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KeyError("MODEL"), "KeyError: 'MODEL'"),
        (ValueError(), "ValueError"),
        (ConnectionError("no route to host"), "ConnectionError: no route to host"),
        (TimeoutError("no end\nafter 30 seconds"), "TimeoutError: no end after 30 seconds"),
        (OSError(2, "No such file", "/tmp/model"), "OSError: [Errno 2] No such file: '/tmp/model'"),
        (TypeError("the key 'a' is missing"), "TypeError: the key '***' is missing"),
    ],
)
def test_what_happened_is_kept(error: Exception, text: str) -> None:
    told = describe_error(error, {})
    assert told.replace("FileNotFoundError", "OSError") == text


@pytest.mark.parametrize(
    "message",
    [
        f"404 for url: https://hooks.test/services/T0/B0/{SECRET}",
        f"404 for url 'https://hooks.test/services/{SECRET}?a=b'",
        f"cannot reach https://ada:{SECRET}@hooks.test/x",
        f"Max retries exceeded with url: /services/{SECRET} (Caused by x)",
        f"token={SECRET}",
        f"token: {SECRET}",
        f"{{'password': '{SECRET}'}}",
        f'{{"api_key": "{SECRET}"}}',
        f"Authorization: Bearer {SECRET}",
        f"authorization=Basic {SECRET}=",
        f"signature {SECRET}",
        f"GET /x?apikey={SECRET}&b=c",
        f"the server said {SECRET}",
        "the server said ghp_" + SECRET * 3,
        "x" * 3 * LONGEST + SECRET,
    ],
)
def test_secrets_are_left_out(message: str) -> None:
    told = describe_error(RuntimeError(message), {"HOOK": SECRET} if "said" in message else {})
    assert told.startswith("RuntimeError: ")
    assert SECRET not in told
    assert len(told) <= LONGEST


def test_the_host_of_an_address_is_kept() -> None:
    told = describe_error(RuntimeError("404 for https://hooks.test:8443/a/b"), {})
    assert told == "RuntimeError: 404 for https://hooks.test:8443"


@pytest.mark.parametrize("value", ["-- KEY --\ncanary line\n-- END --\n", "two  canary\twords\n"])
def test_a_variable_of_several_lines_is_found_whole_and_by_line(value: str) -> None:
    for text in (value, *value.splitlines(), f"<{value.strip()}>"):
        assert "canary" not in describe_error(ValueError(f"it is {text}"), {"KEY": value})
