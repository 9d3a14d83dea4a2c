"""`bodywork secret`: credentials that stages get as environment variables."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from bodywork.cli import options
from bodywork.cli.parameters import SECRET
from bodywork.errors import EngineError, NotFound, SecretExists

if TYPE_CHECKING:
    from bodywork.cli.wiring import Place

F = TypeVar("F", bound=Callable[..., Any])
SCHEMA = 1
_EPILOG = """\b
Examples:
  bodywork secret create -n shop --name=store --data USER=ada PASSWORD=x=1
  bodywork secret create -n shop --name=key --from-file KEY=id_ed25519
  bodywork secret create -n shop --name=store --from-env-file .env
  bodywork secret create -n shop --name=store --from-file PASSWORD=-
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
    """Add the ways to give keys and values; the command gets what they come to as `data`."""

    @wraps(command)
    def with_data(
        *,
        pairs: tuple[str, ...],
        more: tuple[str, ...],
        files: tuple[str, ...],
        env_files: tuple[str, ...],
        **given: Any,
    ) -> Any:
        from bodywork.cli.secret_data import read_data

        return command(data=read_data((*pairs, *more), files, env_files), **given)

    for decorate in (
        click.argument("more", nargs=-1, metavar="[KEY=VALUE]..."),
        click.option(
            "--from-env-file",
            "env_files",
            multiple=True,
            metavar="PATH",
            help="A file with a line KEY=VALUE for each key (- is stdin): comments begin with #, "
            "values may stand in quotes.",
        ),
        click.option(
            "--from-file",
            "--data-file",
            "files",
            multiple=True,
            metavar="KEY=PATH",
            help="A key whose value is the text of a file, so that it stands in no shell history; "
            "KEY=- reads stdin, or asks at a terminal.",
        ),
        click.option(
            "--data",
            "pairs",
            multiple=True,
            metavar="KEY=VALUE",
            help="A key and its value; more may follow, separated by spaces.",
        ),
    ):
        decorate(with_data)
    return cast(F, with_data)


_NAME = click.option("--name", required=True, type=SECRET, help="The secret's name.")


@secret.command(epilog=_EPILOG)
@options.place
@_NAME
@_data
def create(engine: str, namespace: str, name: str, data: Mapping[str, str]) -> None:
    """Store a new secret."""
    place = _open(engine, namespace)
    try:
        place.administration.create_secret(place.namespace, name, data)
    except SecretExists as error:
        raise EngineError(error.message, hint=f"change it: {_update(place, name)}") from None
    click.echo(f"secret={name} created in namespace={place.namespace}")


@secret.command(epilog=_EPILOG)
@options.place
@_NAME
@_data
def update(engine: str, namespace: str, name: str, data: Mapping[str, str]) -> None:
    """Set keys of a secret; its other keys stay."""
    place = _open(engine, namespace)
    place.administration.update_secret(place.namespace, name, data)
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
@click.option("--name", default="", type=SECRET, help="Only this secret.")
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


def _update(place: "Place", name: str) -> str:
    """Return the command that changes the secret to what was typed; values do not stand in it."""
    from bodywork.cli import advice

    typed = click.get_current_context().params
    pairs = [f"{pair.partition('=')[0]}=VALUE" for pair in (*typed["pairs"], *typed["more"])]
    words = ["--data", *pairs] if pairs else []
    words += [f"--from-file={file}" for file in typed["files"]]
    words += [f"--from-env-file={file}" for file in typed["env_files"]]
    return advice.command(place, "secret", "update", f"--name={name}", *words)


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
    from bodywork.cli.paper import screen_width
    from bodywork.cli.render import render_table

    if not secrets:
        return "no secrets"
    if reveal:
        rows = [(name, key, data[key]) for name, data in secrets.items() for key in sorted(data)]
        return render_table(("NAME", "KEY", "VALUE"), rows)
    keys = [(name, ", ".join(sorted(data))) for name, data in secrets.items()]
    return render_table(("NAME", "KEYS"), keys, screen_width())
