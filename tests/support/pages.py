"""Runs a page of the documentation as a reader would: its commands in one shell, in their order.

A block of shell commands is run command by command; each must succeed, unless the page says how it
ends: ```` ```shell exit=1 ```` for the last command of a block. A block of text right after one of
commands is what they print, standard output and errors together. In it:

- a line `…` stands for any number of lines, and `…` within a line for any text;
- times, durations and versions of Git may differ;
- names of runs, commits and addresses of services differ each time. The page uses one example value
  for each. The first output that shows it tells the real value, which then takes its place in later
  commands and outputs.
"""

import os
import re
import secrets
import select
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SECONDS = 600
"""How long one command may take: it may install packages."""
_FENCE = re.compile(r"^```(\w*)(.*)$")
_RUN = r"[a-z0-9][a-z0-9-]*-\d{8}-\d{6}-[0-9a-f]{4}"
_ADDRESS = r"127\.\d+\.\d+\.\d+"
_COMMIT = r"[0-9a-f]{7,40}"
_NAMES = {
    _RUN: _RUN,
    _ADDRESS: _ADDRESS,
    rf"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f]){_COMMIT}\b": _COMMIT,
}
"""How an example value is known on a page → what the real one may be."""
_VOLATILE = {
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}",
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
    r"git version \S.*": r"git version .*",
    r"just now|\b\d+(?:\.\d+)?s ago": r"(?:just now|(?:\d+m )?\d+(?:\.\d+)?s ago)",
    r"\b(?:\d+m )?\d+(?:\.\d+)?s\b": r"(?:\d+m )?\d+(?:\.\d+)?s",
    r"-{20,}": r"-{20,}",
    r"kill -9 \d+": r"kill -9 \d+",
    r"…": r".*",
    r" {2,}": r" {2,}",  # columns are as wide as what is in them
}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        kind: the block's language, such as `shell` or `text`.
        exit_code: of the last command.
        line: of the page, from 1.
        heading: the last one before it.
    """

    kind: str
    exit_code: int
    text: str
    line: int
    heading: str


def read_blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page of Markdown."""
    found: list[Block] = []
    heading, lines = "", enumerate(page.read_text(encoding="utf-8").splitlines(), start=1)
    for number, line in lines:
        if line.startswith("#"):
            heading = line.lstrip("# ")
        if not (fence := _FENCE.match(line)):
            continue
        content: list[str] = []
        for _, inner in lines:
            if inner.rstrip() == "```":
                break
            content.append(inner)
        code = re.search(r"exit=(\d+)", fence[2])
        text = "\n".join(content) + "\n"
        found.append(Block(fence[1], int(code[1]) if code else 0, text, number, heading))
    return found


def split_commands(text: str) -> Iterator[str]:
    """Yield the complete commands of a script: a continued line or a here-document is one."""
    command = ""
    for line in text.splitlines(keepends=True):
        command += line
        if not command.rstrip("\n").endswith("\\") and _is_complete(command):
            if command.strip() and not command.lstrip().startswith("#"):
                yield command
            command = ""
    assert not command.strip(), f"an unfinished command: {command}"


def _is_complete(command: str) -> bool:
    done = subprocess.run(
        ["bash", "-n"], input=command, capture_output=True, text=True, check=False
    )
    return done.returncode == 0 and not done.stderr


class Shell:
    """One bash that runs command after command."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, command: str) -> tuple[int, str]:
        """Return the command's exit code and all that it prints."""
        assert self._process.stdin is not None
        mark = f"end-{secrets.token_hex(8)}"
        word = f"COMMAND_{secrets.token_hex(8)}"
        script = f'eval "$(cat <<\'{word}\'\n{command}\n{word}\n)" </dev/null\necho "{mark} $?"\n'
        self._process.stdin.write(script.encode())
        self._process.stdin.flush()
        printed = self._read_until(mark.encode()).decode("utf-8", "replace")
        output, _, code = printed.rpartition(f"{mark} ")
        return int(code), output

    def close(self) -> None:
        """End the shell; what it started in the background is its own."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _read_until(self, mark: bytes) -> bytes:
        assert self._process.stdout is not None
        printed, deadline = b"", time.monotonic() + SECONDS
        while not re.search(re.escape(mark) + rb" \d+\n$", printed):
            ready, _, _ = select.select([self._process.stdout], [], [], deadline - time.monotonic())
            assert ready, f"no end within {SECONDS} s; so far: {printed[-2000:]!r}"
            chunk = os.read(self._process.stdout.fileno(), 1 << 16)
            assert chunk, f"the shell has ended; it said: {printed[-2000:]!r}"
            printed += chunk
        return printed


@dataclass
class Reader:
    """Follows pages in one shell.

    Attributes:
        replacements: text of the page → what it is here, such as the reader's home folder.
        names: example value of the page → real value, learnt from outputs.
    """

    shell: Shell
    replacements: Mapping[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def follow(self, page: Path, *headings: str) -> int:
        """Run the page's commands, or those under these headings; return how many there were."""
        count = 0
        blocks = [each for each in read_blocks(page) if not headings or each.heading in headings]
        for block, after in zip(blocks, [*blocks[1:], None], strict=True):
            if block.kind != "shell":
                continue
            printed, commands = "", list(split_commands(block.text))
            for number, command in enumerate(commands, start=1):
                code, output = self.shell.run(self._translated(command))
                wanted = block.exit_code if number == len(commands) else 0
                place = f"{page.name}:{block.line}: {command.strip()}"
                assert code == wanted, f"{place}\nexit code {code}, expected {wanted}:\n{output}"
                printed += output
            count += len(commands)
            if after is not None and after.kind == "text":
                self.compare(after.text, printed, f"{page.name}:{after.line}")
        return count

    def compare(self, expected: str, printed: str, place: str) -> None:
        """Assert that the output is what the page shows, and learn the names in it."""
        pattern, groups = self._pattern(expected)
        output = "".join(f"{line.rstrip()}\n" for line in printed.strip("\n").splitlines())
        match = re.fullmatch(pattern, output)
        assert match, f"{place} shows\n{expected}\nbut it prints\n{output}\n\n{self.names}"
        self.names |= {name: match[group] for group, name in groups.items()}

    def _pattern(self, expected: str) -> tuple[str, dict[str, str]]:
        groups: dict[str, str] = {}
        pattern = ""
        for line in expected.strip("\n").splitlines():
            if line.strip() == "…":
                pattern += r"(?:.*\n)*?"
            else:
                pattern += self._line_pattern(line.rstrip(), groups) + r"\n"
        return pattern, groups

    def _line_pattern(self, line: str, groups: dict[str, str]) -> str:
        kinds = "|".join(f"({kind})" for kind in ("|".join(_NAMES), *_VOLATILE))
        pattern, start = "", 0
        line = self._replaced(line)
        for match in re.finditer(kinds, line):
            pattern += re.escape(line[start : match.start()])
            pattern += self._token_pattern(match, groups)
            start = match.end()
        return pattern + re.escape(line[start:])

    def _token_pattern(self, match: re.Match[str], groups: dict[str, str]) -> str:
        text = match[0]
        if not match[1]:
            number = next(n for n, found in enumerate(match.groups()[1:]) if found is not None)
            return list(_VOLATILE.values())[number]
        if text in self.names:
            return re.escape(self.names[text])
        known = next((group for group, name in groups.items() if name == text), "")
        if known:
            return f"(?P={known})"
        group = f"name{len(groups)}"
        groups[group] = text
        real = next(real for known, real in _NAMES.items() if re.fullmatch(known, text))
        return f"(?P<{group}>{real})"

    def _translated(self, command: str) -> str:
        command = self._replaced(command)
        for name, value in self.names.items():
            command = command.replace(name, value)
        return command

    def _replaced(self, text: str) -> str:
        for mine, here in self.replacements.items():
            text = text.replace(mine, here)
        return text
