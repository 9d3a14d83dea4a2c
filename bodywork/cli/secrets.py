"""`bodywork secret`: credentials that stages get as environment variables."""

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bodywork.cli import options
from bodywork.errors import NotFound, UsageError

if TYPE_CHECKING:
    from bodywork.cli.wiring import Place

F = TypeVar("F", bound=Callable[..., Any])
SCHEMA = 1
_EPILOG = """\b
Examples:
  bodywork secret create -n shop --name=store --data USER=ada PASSWORD=x=1
  bodywork secret create -n shop --name=key --data-file KEY=id_ed25519
  bodywork secret update -n shop --name=store --data PASSWORD=y
  bodywork secret display -n shop
  bodywork secret delete -n shop --name=store"""


@click.group(epilog=_EPILOG)
def secret() -> None:
    """Keep credentials for stages.

    They stay out of the code. A stage names them in the [secrets] section of its config.ini, as
    VARIABLE="secret-name".
    """


def _data(command: F) -> F:
    """Add --data, which takes all words up to the next option, and --data-file."""
    for decorate in (
        click.argument("more", nargs=-1, metavar="[KEY=VALUE]..."),
        click.option(
            "--data",
            multiple=True,
            metavar="KEY=VALUE",
            help="A key and its value; more may follow, separated by spaces.",
        ),
        click.option(
            "--data-file",
            multiple=True,
            metavar="KEY=PATH",
            help="A key whose value is read from a file (- is stdin), so that it stands in no "
            "shell history.",
        ),
    ):
        command = decorate(command)
    return command


_NAME = click.option("--name", required=True, help="The secret's name.")


@secret.command(epilog=_EPILOG)
@options.place
@_NAME
@_data
def create(
    engine: str,
    namespace: str,
    name: str,
    data: tuple[str, ...],
    more: tuple[str, ...],
    data_file: tuple[str, ...],
) -> None:
    """Store a new secret."""
    place = _open(engine, namespace)
    place.administration.create_secret(place.namespace, name, read_data((*data, *more), data_file))
    click.echo(f"secret={name} created in namespace={place.namespace}")


@secret.command(epilog=_EPILOG)
@options.place
@_NAME
@_data
def update(
    engine: str,
    namespace: str,
    name: str,
    data: tuple[str, ...],
    more: tuple[str, ...],
    data_file: tuple[str, ...],
) -> None:
    """Set keys of a secret; its other keys stay."""
    place = _open(engine, namespace)
    place.administration.update_secret(place.namespace, name, read_data((*data, *more), data_file))
    click.echo(f"secret={name} updated in namespace={place.namespace}")


@secret.command(epilog=_EPILOG)
@options.place
@_NAME
def delete(engine: str, namespace: str, name: str) -> None:
    """Remove a secret."""
    place = _open(engine, namespace)
    place.administration.delete_secret(place.namespace, name)
    click.echo(f"secret={name} deleted from namespace={place.namespace}")


@secret.command(epilog=_EPILOG)
@options.place
@click.option("--name", default="", help="Only this secret.")
@click.option("--reveal", is_flag=True, help="Show the values as well.")
@options.output("table", "json")
def display(engine: str, namespace: str, name: str, reveal: bool, form: str) -> None:
    """Show the secrets' names and keys; values only with --reveal."""
    place = _open(engine, namespace)
    found = place.administration.secrets(place.namespace)
    if name and name not in found:
        raise NotFound(
            f"there is no secret {name} in namespace {place.namespace}",
            hint="`bodywork secret display` lists them",
        )
    shown = {each: found[each] for each in sorted(found) if name in ("", each)}
    click.echo(_as_json(shown, reveal) if form == "json" else _as_table(shown, reveal))


def read_data(pairs: Iterable[str], files: Iterable[str]) -> Mapping[str, str]:
    """Return the keys and values of the arguments.

    Raises:
        UsageError: there are none, one is not of the form KEY=VALUE, or a key comes twice. The
            message names keys only: what was typed in place of one may be a secret.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        _put(found, *_split(pair, "--data", "KEY=VALUE"))
    for pair in files:
        key, path = _split(pair, "--data-file", "KEY=PATH")
        _put(found, key, _read(path))
    if not found:
        raise UsageError("there is nothing to store", hint="give --data KEY=VALUE")
    return found


def _split(pair: str, option: str, form: str) -> tuple[str, str]:
    key, equals, value = pair.partition("=")
    if not equals or not key.isidentifier() or not key.isascii():
        what = f"the key {key}" if equals else "a word"
        raise UsageError(
            f"{option}: {what} is not of the form {form}",
            hint="a key is the name of an environment variable: letters, digits and _; "
            "quote values that have spaces",
        )
    return key, value


def _put(found: dict[str, str], key: str, value: str) -> None:
    if key in found:
        raise UsageError(f"the key {key} is given twice")
    found[key] = value


def _read(path: str) -> str:
    if path == "-":
        return sys.stdin.read()
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text") from error


def _open(engine: str, namespace: str) -> "Place":
    from bodywork.cli.wiring import open_place

    place = open_place(engine, namespace)
    place.require()
    return place


def _as_json(secrets: Mapping[str, Mapping[str, str]], reveal: bool) -> str:
    from bodywork.cli.render import render_json

    return render_json(
        {
            "schema": SCHEMA,
            "secrets": [
                {"name": name, "keys": sorted(data), **({"data": dict(data)} if reveal else {})}
                for name, data in secrets.items()
            ],
        }
    )


def _as_table(secrets: Mapping[str, Mapping[str, str]], reveal: bool) -> str:
    from bodywork.cli.render import render_table

    if not secrets:
        return "no secrets"
    if reveal:
        rows = [(name, key, data[key]) for name, data in secrets.items() for key in sorted(data)]
        return render_table(("NAME", "KEY", "VALUE"), rows)
    keys = [(name, ", ".join(sorted(data))) for name, data in secrets.items()]
    return render_table(("NAME", "KEYS"), keys)
