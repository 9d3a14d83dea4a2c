"""click's usage errors, in the form of all other errors: what is wrong, and what to type instead.

The wording is ours, so that it is the same under each version of click.
"""

import re
from difflib import get_close_matches

import click
from click.core import ParameterSource

_COMMAND = re.compile(r"No such command ['\"](.*?)['\"]", re.DOTALL)
_EXTRA = re.compile(r"Got unexpected extra arguments? \((.*)\)", re.DOTALL)
_OPTION = re.compile(r"'(--?[\w-]+)'")


def explain_usage(error: click.ClickException) -> tuple[str, list[str]]:
    """Return the message of a usage error, and its hints."""
    ctx = getattr(error, "ctx", None)
    if isinstance(error, click.NoSuchOption):
        known = [name for each in _parameters(ctx) for name in (*each.opts, *each.secondary_opts)]
        name = error.option_name
        return f"unknown option {name}", [_near(name, known), _help(ctx)]
    if isinstance(error, click.MissingParameter):
        return _missing(error, ctx), [_usage(ctx)]
    if isinstance(error, click.BadParameter):
        return _bad_value(error, ctx), [_help(ctx)]
    message = error.format_message()
    if unknown := _COMMAND.match(message):
        group = ctx.command if ctx else None
        known = group.list_commands(ctx) if ctx and isinstance(group, click.Group) else []
        return f"unknown command {unknown[1]}", [_near(unknown[1], known), _help(ctx)]
    if extra := _EXTRA.match(message):
        return f"unexpected argument {extra[1]}", [_usage(ctx)]
    return _plain(message), [_help(ctx)]


def parameter_name(parameter: click.Parameter, ctx: click.Context | None) -> str:
    """Return what the user knows a parameter by: where its value came from, or would be given."""
    variable = _variable(parameter, ctx)
    if variable:
        return variable
    if isinstance(parameter, click.Argument):
        return parameter.human_readable_name.strip("[].")
    return max(parameter.opts, key=len)


def _variable(parameter: click.Parameter, ctx: click.Context | None) -> str:
    """Return the variable of the environment that the value came from; "" where none did."""
    name = parameter.name or ""
    if ctx is None or ctx.get_parameter_source(name) is not ParameterSource.ENVIRONMENT:
        return ""
    return parameter.envvar if isinstance(parameter.envvar, str) else ""


def _missing(error: click.MissingParameter, ctx: click.Context | None) -> str:
    if error.param is None:
        return _plain(error.format_message())
    kind = "argument" if isinstance(error.param, click.Argument) else "option"
    return f"{kind} {parameter_name(error.param, ctx)} is missing"


def _bad_value(error: click.BadParameter, ctx: click.Context | None) -> str:
    message = _plain(error.message)
    head, between, choices = message.partition(" is not one of ")
    if between:
        message = f"{head}{between}{choices.replace(chr(39), '')}"
    if error.param is None:
        return message
    return f"{parameter_name(error.param, ctx)}: {message}"


def _plain(message: str) -> str:
    """Return the message as ours are: no capital, no full stop, no quotes around an option."""
    text = _OPTION.sub(r"\1", message.strip()).removesuffix(".")
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def _near(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f"did you mean {near[0]}?" if near else ""


def _parameters(ctx: click.Context | None) -> list[click.Parameter]:
    return ctx.command.get_params(ctx) if ctx else []


def _help(ctx: click.Context | None) -> str:
    return f"`{ctx.command_path if ctx else 'bodywork'} --help` says what is possible"


def _usage(ctx: click.Context | None) -> str:
    if ctx is None:
        return _help(ctx)
    words = " ".join(ctx.command.collect_usage_pieces(ctx))
    return f"usage: {ctx.command_path} {words}"
