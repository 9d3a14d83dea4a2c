"""The root command: which commands there are, and where each one lives."""

import os
import sys
from importlib import import_module

import click

from bodywork import __version__

COMMANDS = {
    "cancel": ("runs:cancel", "End a run: stop what runs, restore services."),
    "completion": ("completion:completion", "Print the completion script of a shell."),
    "cronjob": ("cronjobs:cronjob", "Schedule workflows (on a Kubernetes cluster)."),
    "demo": ("demo_command:demo", "Train, deploy, kill and resume an example on this machine."),
    "logs": ("runs:logs", "Print the logs of a run's stages."),
    "secret": ("secrets:secret", "Manage the secrets that stages get as variables."),
    "service": ("services:service", "List and delete the services that were deployed."),
    "setup-namespace": ("namespaces:setup_namespace", "Prepare a namespace for projects."),
    "stage": ("stage:stage", "Run one stage, as a stage's container does."),
    "status": ("runs:status", "Show the runs of a namespace, or all about one run."),
    "validate": ("validate:validate", "Check a project's files without running anything."),
    "workflow": ("workflow:workflow", "Run a project's workflow, or resume a run."),
}


class Root(click.Group):
    """A group that loads a command only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands' names."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        found = getattr(import_module(f"bodywork.cli.{module}"), attribute)
        return found if isinstance(found, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(COMMANDS.items())])


@click.group(
    cls=Root,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog="Exit codes: 0 success, 1 the run failed or was rolled back, 2 usage or configuration, "
    "3 another controller is at work, 4 interrupted and resumable, 5 the engine cannot be reached.",
)
@click.version_option(__version__, prog_name="bodywork")
def root() -> None:
    """Run machine-learning projects from Git repositories, resumably.

    Each run is a state machine whose every step is on record: kill it at any instant, and
    `bodywork workflow --resume` goes on.
    """


def main() -> None:
    """Run the command line; every error ends as a line, a hint and an exit code."""
    try:
        code = root.main(standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 0
    except BaseException as error:
        from bodywork.cli.exits import report  # only where something is wrong

        code = report(error)
    sys.exit(code if isinstance(code, int) else 0)
