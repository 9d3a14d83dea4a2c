"""Each row of the table of troubles: what is told, and how long it is waited for."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bodywork.cluster.trouble_rows import ROWS, Row, Wait
from bodywork.cluster.troubles import Trouble, explain, one_line
from tests.bodywork.cluster.trouble_examples import EXAMPLES, PULLS, Example

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "troubleshooting.md"


def row(title: str) -> Row:
    [found] = [each for each in ROWS if each.title == title]
    return found


def explained(kind: str, reason: str, message: str) -> Trouble:
    found = explain(kind, reason, message)
    assert found is not None
    return found


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: f"{each[2]}-{each[3]}"[:60])
def test_each_row_decides_on_what_it_was_made_for(example: Example) -> None:
    title, kind, reason, message = example
    found, wanted = explained(kind, reason, message), row(title)
    assert found.wait is wanted.wait, found
    begin = wanted.reason.partition("{")[0]
    assert found.reason.startswith(begin)
    assert bool(found.hint) == bool(wanted.hint)
    assert "{" not in found.reason + found.hint
    shown = wanted.hint.partition("{")[0]
    assert found.hint.startswith(shown)


def test_each_row_has_an_example() -> None:
    assert {title for title, *_ in EXAMPLES} == {each.title for each in ROWS}
    assert len({each.title for each in ROWS}) == len(ROWS)


def test_the_documentation_has_the_same_table() -> None:
    lines = [line.split(" | ") for line in DOCUMENT.read_text("utf-8").splitlines()]
    waits = {each.value for each in Wait}
    told = [
        (line[0].removeprefix("| "), line[1]) for line in lines if line[1:] and line[1] in waits
    ]
    assert told == [(each.title, each.wait.value) for each in ROWS]


@pytest.mark.parametrize("title", ["a secret is missing", "a secret lacks a key"])
def test_hints_name_what_is_missing(title: str) -> None:
    [(_, kind, reason, message)] = [each for each in EXAMPLES if each[0] == title]
    hint = explained(kind, reason, message).hint
    assert hint in (
        "bodywork secret create --name=store --data KEY=VALUE",
        "bodywork secret update -n shop --name=store --data USER=…",
    )


WORDS = (
    "timeout", "429", "unauthorized", "denied", "forbidden", "not-found", "503", "eof",
    "manifest-unknown", "train", "rate.limit",
)  # fmt: skip
IMAGES = st.builds("{}.example/{}/{}:{}".format, *(st.sampled_from(WORDS) for _ in range(4)))


@given(
    image=IMAGES,
    wanted=st.sampled_from(
        [
            ("401 Unauthorized", Wait.NO),
            ("{image}: not found", Wait.NO),
            ("503 Service Unavailable", Wait.BRIEFLY),
            ("dial tcp: lookup {host}: i/o timeout", Wait.BRIEFLY),
            ("dial tcp: lookup {host} on 10.0.0.1:53: no such host", Wait.BRIEFLY),
            ("something else", Wait.BRIEFLY),
        ]
    ),
    reason=st.sampled_from(PULLS),
    paused=st.booleans(),
)
def test_what_an_image_is_called_decides_nothing(
    image: str, wanted: tuple[str, Wait], reason: str, paused: bool
) -> None:
    cause = wanted[0].format(image=image, host=image.partition("/")[0])
    message = f'failed to pull image "{image}": failed to resolve reference "{image}": {cause}'
    if paused:
        message = f'Back-off pulling image "{image}": ErrImagePull: {message}'
    found = explained("waiting", reason, message)
    assert found.wait is wanted[1], message
    assert "Back-off" not in found.reason


@given(kind=st.sampled_from(["waiting", "refused", "taken", "failed"]), text=st.text(max_size=900))
def test_any_text_gives_one_bounded_line(kind: str, text: str) -> None:
    found = explain(kind, "ErrImagePull", text)
    assert found is not None
    assert "\n" not in found.reason
    assert len(found.reason) < 500


def test_of_a_long_message_the_cause_is_kept() -> None:
    line = one_line("x" * 1000 + ": not found")
    assert len(line) == 400
    assert line.endswith("x: not found")


@pytest.mark.parametrize("reason", ["", "ContainerCreating", "PodInitializing"])
def test_what_is_under_way_is_no_trouble(reason: str) -> None:
    assert explain("waiting", reason, "") is None
