"""The options that a line of a requirements file may have, in any spelling that pip takes."""

import shlex
from optparse import Option, OptionParser
from typing import NoReturn

_WITH_VALUE = (
    ("--index-url", "-i", "--pypi-url"), ("--extra-index-url",), ("--find-links", "-f"),
    ("--requirement", "-r"), ("--constraint", "-c"), ("--editable", "-e"), ("--no-binary",),
    ("--only-binary",), ("--trusted-host",), ("--use-feature",), ("--no-build-isolation-package",),
)  # fmt: skip
_FLAGS = ("--no-index", "--pre", "--prefer-binary", "--require-hashes")


def parse_options(text: str) -> list[tuple[str, str]]:
    """Return the options of a line by their long names, with their values ("" for a flag).

    Raises:
        ValueError: there is another option, a value is missing, or something else follows.
    """
    found: list[tuple[str, str]] = []
    parser = _Parser(add_help_option=False)

    def keep(option: Option, _spelling: str, value: str | None, _parser: OptionParser) -> None:
        found.append((option.get_opt_string(), value or ""))

    for spellings in _WITH_VALUE:
        parser.add_option(Option(*spellings, action="callback", callback=keep, type="string"))
    for name in _FLAGS:
        parser.add_option(Option(name, action="callback", callback=keep))
    _, rest = parser.parse_args(shlex.split(text))
    if rest:
        raise ValueError(f"{rest[0]} follows an option")
    return found


class _Parser(OptionParser):
    """Reports by an exception; knows abbreviations and `--name=value` as pip does."""

    def error(self, msg: str) -> NoReturn:
        raise ValueError(msg)
