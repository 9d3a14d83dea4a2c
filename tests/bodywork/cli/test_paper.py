"""What lines are written on: clean on a terminal, untouched elsewhere, deaf to readers that go."""

import io
import logging
import threading
from collections.abc import Iterator

import pytest

from bodywork.cli.logs import PaperHandler
from bodywork.cli.paper import PlainPaper, printable


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07rest", "rest"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "31mred"),
        ("back\x08space\x7f", "backspace"),
        ("10%\r50%\r100%", "100%"),
        ("done\r", "done"),
        ("left\u202eright", "leftright"),
        ("a\tb ü 漢 😀", "a\tb ü 漢 😀"),
    ],
)
def test_foreign_text_cannot_command_a_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_terminal_gets_clean_lines_and_a_file_gets_them_as_they_are() -> None:
    screen, file = Screen(), io.StringIO()
    for stream in (screen, file):
        PlainPaper(stream).line("\x1b[31mred")
    assert (screen.getvalue(), file.getvalue()) == ("red\n", "\x1b[31mred\n")


def test_a_block_is_written_line_by_line() -> None:
    file = io.StringIO()
    PlainPaper(file).block(["a", "b"])
    assert file.getvalue() == "a\nb\n"


class ClosedPipe(io.StringIO):
    """A stream whose reader has gone."""

    tries = 0

    def write(self, text: str) -> int:
        self.tries += 1
        raise BrokenPipeError(32, "Broken pipe")


def test_a_reader_that_went_away_is_no_fault_and_gets_nothing_more() -> None:
    stream = ClosedPipe()
    PlainPaper(stream).block(["to nobody", "to nobody, again"])
    assert stream.tries == 1


def test_a_stream_that_was_closed_is_no_fault() -> None:
    stream = io.StringIO()
    paper = PlainPaper(stream)
    stream.close()
    paper.line("to nobody")


def test_other_threads_log_while_lines_are_waited_for() -> None:
    file = io.StringIO()
    paper = PlainPaper(file)
    logger = logging.Logger("test")
    logger.addHandler(PaperHandler(paper))

    def lines() -> Iterator[str]:
        yield "first"
        other = threading.Thread(target=logger.warning, args=("by another thread",), daemon=True)
        other.start()
        other.join(10)
        assert not other.is_alive()
        logger.warning("by this thread")  # it needs the handler's lock
        yield "last"

    paper.pass_on(lines())
    written = file.getvalue().splitlines()
    assert [line.rpartition(" - ")[2] for line in written] == [
        "first",
        "by another thread",
        "by this thread",
        "last",
    ]
