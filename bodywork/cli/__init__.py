"""The command line: click, rich, and the composition root.

`main` is all that the console script needs; everything else is loaded by the command that is run.
"""


def main() -> None:
    """Run the command line of this process and exit with its code."""
    from bodywork.cli.exits import run_and_exit
    from bodywork.cli.program import program

    run_and_exit(program)
