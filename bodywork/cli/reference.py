"""The command reference, written from the commands themselves: `docs/commands.md`.

python -m bodywork.cli.reference > docs/commands.md
"""

import sys
from collections.abc import Iterator

import click

from bodywork.cli.program import program

_HEAD = """# Commands

Written by `python -m bodywork.cli.reference` from the commands' own help; edit that.

Data goes to stdout, messages to stderr; a workflow's log is data. Exit codes:

| code | meaning |
|---|---|
| 0 | success |
| 1 | the run failed, was rolled back or was cancelled; or the engine refused |
| 2 | usage, configuration or repository; or there is no such run, namespace, secret or service |
| 3 | another controller is at work on the run, or has taken it over |
| 4 | interrupted and resumable: a signal, or a full disk |
| 5 | the engine cannot be reached |
| 130 | Ctrl-C where there is nothing to resume |

`BODYWORK_ENGINE`, `BODYWORK_NAMESPACE` and `BODYWORK_HOME` (the embedded engine's folder) set what
the options would; `BODYWORK_DEBUG=1` shows the traceback of an error.
"""


def render_reference() -> str:
    """Return the reference as Markdown."""
    context = click.Context(
        program,
        info_name="bodywork",
        terminal_width=80,
        help_option_names=["-h", "--help"],
    )
    return "\n".join([_HEAD, *_sections(program, context, level=2)])


def _sections(command: click.Command, context: click.Context, level: int) -> Iterator[str]:
    yield f"{'#' * level} `{context.command_path}`\n"
    yield f"```text\n{command.get_help(context).rstrip()}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None:
                below = click.Context(child, info_name=name, parent=context, terminal_width=80)
                yield from _sections(child, below, level + (context.parent is not None))


if __name__ == "__main__":
    sys.stdout.write(render_reference())
