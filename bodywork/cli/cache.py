"""`bodywork cache`: the Python environments that the engine of this machine keeps."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from bodywork.cli import options

if TYPE_CHECKING:
    from bodywork.local.cache import KeptEnvironment

    SecondsType = click.ParamType[float]
else:
    SecondsType = click.ParamType  # before click 8.4 it takes no type arguments

SCHEMA = 1
_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}
_EPILOG = """\b
Examples:
  bodywork cache list
  bodywork cache prune --older-than 14d"""


class Age(SecondsType):
    """A length of time: `30m`, `12h`, `14d` or `2w`, in seconds."""

    name = "age"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the seconds."""
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"([0-9]{1,6})([mhdw])", str(value).strip().lower())
        if found is None:
            self.fail(f"{value} is no length of time, such as 12h or 14d", param, ctx)
        return float(int(found[1]) * _UNITS[found[2]])


@click.group(epilog=_EPILOG)
def cache() -> None:
    """Show and remove the environments kept on this machine."""


@cache.command("list", epilog=_EPILOG)
@options.output("table", "json")
def list_(form: str) -> None:
    """Show the environments that the engine of this machine keeps, the one used last first.

    SIZE is what it takes on the disk. An environment that is not whole is one that is being
    built, or whose build was killed.
    """
    from bodywork.local import cache_folder
    from bodywork.local.cache import list_environments

    found = list_environments(cache_folder())
    click.echo(as_json("environments", found) if form == "json" else table(found))


@cache.command(epilog=_EPILOG)
@click.option(
    "--older-than",
    type=Age(),
    default="30d",
    show_default=True,
    metavar="AGE",
    help="Remove those that no stage has used for so long: 30m, 12h, 14d or 2w.",
)
@options.output("table", "json")
def prune(older_than: float, form: str) -> None:
    """Remove environments that were not used for some time.

    Those that a stage or a service runs in stay, and those that are being built. What is removed
    is made again where a stage wants it.
    """
    from bodywork.local import cache_folder
    from bodywork.local.cache import prune_environments

    gone = prune_environments(cache_folder(), older_than)
    if form == "json":
        click.echo(as_json("removed", gone))
        return
    size = _size(sum(each.size_bytes for each in gone))
    noun = "environment" if len(gone) == 1 else "environments"
    click.echo(f"removed {len(gone)} {noun}, {size}")


def table(found: "Sequence[KeptEnvironment]") -> str:
    """Return the environments for people."""
    from bodywork.cli.paper import screen_width
    from bodywork.cli.render import render_table

    rows = [
        [
            each.name,
            each.python or "(not whole)",
            _size(each.size_bytes),
            "in use" if each.in_use else f"{each.last_used_at:%Y-%m-%d %H:%M}",
            ", ".join(each.packages),
        ]
        for each in found
    ]
    if not rows:
        return "no environments"
    return render_table(
        ["NAME", "PYTHON", "SIZE", "LAST_USED (UTC)", "PACKAGES"], rows, screen_width()
    )


def as_json(key: str, found: "Sequence[KeptEnvironment]") -> str:
    """Return the environments for programs."""
    from bodywork.cli.render import render_json

    shown = [
        {
            "name": each.name,
            "python": each.python,
            "packages": list(each.packages),
            "size_bytes": each.size_bytes,
            "made_at": each.made_at.isoformat() if each.made_at else None,
            "last_used_at": each.last_used_at.isoformat(),
            "in_use": each.in_use,
        }
        for each in found
    ]
    return render_json({"schema": SCHEMA, key: shown})


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
