"""The command line: `bodywork`.

Nothing is imported here but click and a table of commands; each command's module is loaded when it
is asked for, so that `bodywork --help` answers at once.
"""

from bodywork.cli.root import main

__all__ = ["main"]
