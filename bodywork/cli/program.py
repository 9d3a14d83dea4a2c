"""The root of the commands: it knows their names and one-line helps, and loads only the one run.

A help that had to import every command would cost what all of them cost together.
"""

from importlib import import_module

import click

from bodywork import __version__

COMMANDS = {
    "workflow": ("workflow", "Run a project's workflow, or resume one."),
    "status": ("runs", "List the runs of a namespace, or explain one."),
    "logs": ("runs", "Show the logs of a run's stages."),
    "cancel": ("runs", "End a run: stop its stages, restore services."),
    "validate": ("validate", "Check a project's files without running anything."),
    "service": ("services", "Show and delete deployed services."),
    "secret": ("secrets", "Keep credentials for stages."),
    "setup-namespace": ("namespaces", "Make a namespace ready for projects."),
    "cronjob": ("cronjobs", "Schedule workflows (on a cluster)."),
    "cache": ("cache", "Show and remove the environments kept on this machine."),
    "doctor": ("doctor", "Check that a namespace is ready for a project."),
    "demo": ("showcase", "Watch a real project run, die and resume."),
    "completion": ("completion", "Print the shell's completion script."),
    "stage": ("stage", "Run one stage here (what containers do)."),
}
"""Name → module in this package, one-line help. Read top to bottom, it is the order of the help."""

_EPILOG = """\b
Examples:
  bodywork demo
  bodywork validate .
  bodywork workflow --engine local file:///home/ada/shop main
  bodywork status

\b
Without a cluster, --engine local (or BODYWORK_ENGINE=local) runs stages
as processes on this machine. Exit codes: 0 success, 1 the run failed,
2 usage or configuration, 3 another controller is at work, 4 interrupted
and resumable, 5 the engine cannot be reached."""


class LazyGroup(click.Group):
    """A group whose commands live in modules that are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"bodywork.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    name="bodywork",
    cls=LazyGroup,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.version_option(__version__, prog_name="bodywork", message="%(prog)s %(version)s")
def program() -> None:
    """Deploys machine-learning projects from a Git repository, as runs that survive the death of
    whoever controls them.
    """
