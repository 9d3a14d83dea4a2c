"""A secret's keys and values, as the command line, files or standard input give them.

No message here repeats what was given, but a key that is one: what stands in the place of a key
may well be part of a password that a shell has cut to pieces.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bodywork.errors import UsageError

STDIN = "-"
_KEY_HINT = "a key is the name of an environment variable: letters, digits and _"
_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\", "$": "$"}


def read_data(
    pairs: Iterable[str], files: Iterable[str] = (), env_files: Iterable[str] = ()
) -> Mapping[str, str]:
    """Return the keys and values of the arguments.

    Args:
        pairs: KEY=VALUE.
        files: KEY=PATH, where the file's whole text is the value; `-` is standard input.
        env_files: paths of files with a line KEY=VALUE each; `-` is standard input.

    Raises:
        UsageError: there are none, one is not of its form, a key comes twice, or a file cannot be
            read.
    """
    files, env_files = list(files), list(env_files)
    if sum(each.partition("=")[2] == STDIN for each in files) + env_files.count(STDIN) > 1:
        raise UsageError("standard input (-) can be read only once")
    found: dict[str, str] = {}
    for number, pair in enumerate(pairs, 1):
        _put(found, *_split(pair, f"--data: word {number}", "KEY=VALUE"))
    for number, pair in enumerate(files, 1):
        key, path = _split(pair, f"--from-file: word {number}", "KEY=PATH")
        _put(found, key, _prompt(key) if path == STDIN and sys.stdin.isatty() else _read(path))
    for path in env_files:
        name = "standard input" if path == STDIN else path
        for where, key, value in parse_env_file(_read(path), name):
            _put(found, key, value, f"{where}: ")
    if not found:
        raise UsageError(
            "there is nothing to store",
            hint="give --data KEY=VALUE, --from-file KEY=PATH or --from-env-file PATH",
        )
    return found


def parse_env_file(text: str, name: str) -> Iterator[tuple[str, str, str]]:
    """Yield where it stands, the key and the value for each line of a file of variables.

    A line is KEY=VALUE, with `export ` before it if you like. Empty lines and those that begin with
    # are passed over. In '…' all is literal; in "…" are \\n, \\t, \\", \\$ and \\\\; nothing is
    ever put in for a $variable. What programs read in different ways is refused, not guessed.

    Raises:
        UsageError: names the line, and nothing of what stands there.
    """
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        where = f"{name}, line {number}"
        first, *rest = line.split(maxsplit=1)
        key, value = _split(rest[0] if first == "export" and rest else line, where, "KEY=VALUE")
        yield where, key, _unquoted(value.lstrip(), where)


def _unquoted(value: str, where: str) -> str:
    quote = value[:1]
    if quote not in ("'", '"'):
        if " #" in value or "\t#" in value:
            raise UsageError(
                f"{where}: is what follows # a comment, or part of the value?",
                hint="put the value in quotes; put the comment on a line of its own",
            )
        return value
    text, rest = _quoted(value[1:], quote, where)
    if rest.strip() and not rest.strip().startswith("#"):
        raise UsageError(
            f"{where}: something follows the closing quote",
            hint='quote the whole value; within "…", write \\" for a quote',
        )
    return text


def _quoted(text: str, quote: str, where: str) -> tuple[str, str]:
    """Return what stands before the closing quote, and what after it."""
    found: list[str] = []
    position = 0
    while position < len(text):
        character = text[position]
        if character == quote:
            return "".join(found), text[position + 1 :]
        if character == "\\" and quote == '"' and text[position + 1 : position + 2] in _ESCAPES:
            position += 1
            character = _ESCAPES[text[position]]
        found.append(character)
        position += 1
    raise UsageError(
        f"{where}: a quote is not closed",
        hint="a value of several lines: --from-file KEY=PATH",
    )


def _split(pair: str, where: str, form: str) -> tuple[str, str]:
    key, equals, value = pair.partition("=")
    key = key.rstrip() if form == "KEY=VALUE" else key
    if not equals or not key.isidentifier() or not key.isascii():
        raise UsageError(
            f"{where} is not of the form {form}",
            hint=f"{_KEY_HINT}; quote values that have spaces",
        )
    return key, value


def _put(found: dict[str, str], key: str, value: str, where: str = "") -> None:
    if key in found:
        raise UsageError(f"{where}the key {key} is given twice")
    if "\0" in value:
        raise UsageError(
            f"{where}the value of {key} holds a NUL character",
            hint="values become environment variables, which are text; encode it, as with base64",
        )
    found[key] = value


def _read(path: str) -> str:
    """Return a file's text, with the ends of lines as they are there."""
    name = "standard input" if path == STDIN else path
    try:
        raw = sys.stdin.buffer.read() if path == STDIN else Path(path).read_bytes()
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(
            f"{name} is not UTF-8 text", hint="values become environment variables, which are text"
        ) from None
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror or error}") from None


def _prompt(key: str) -> str:
    """Ask somebody at a terminal, who must not see what is typed."""
    from click import prompt

    return str(prompt(key, hide_input=True, err=True))
