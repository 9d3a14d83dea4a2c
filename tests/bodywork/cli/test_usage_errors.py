"""Every usage error of every command, generated from the commands: one line, a hint, code 2."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from _pytest.mark.structures import ParameterSet

from bodywork.cli.program import program
from tests.bodywork.cli.conftest import CommandLine, Said
from tests.servers.kubeconfig import write_kubeconfig

SHAPE = re.compile(r"error: (?P<message>[^\n]+)\n(hint: [^\n]+\n)+\Z")
BAD = {"choice": "no-such", "integer": "many", "float": "many", "label": "Not_A_Name"}


def commands(
    group: click.Group, parent: click.Context, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=parent)
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, inner, (*path, name))


ALL = dict(commands(program, click.Context(program, info_name="bodywork")))
LEAVES = {path: each for path, each in ALL.items() if not isinstance(each, click.Group)}


def options(command: click.Command) -> list[click.Option]:
    return [each for each in command.params if isinstance(each, click.Option)]


def bad_value(parameter: click.Parameter) -> str:
    """A value that the parameter's type refuses; "" where it takes any text."""
    kind = parameter.type
    if isinstance(kind, click.Path) and kind.exists:
        return "/no/such/file"
    return next((bad for name, bad in BAD.items() if name in kind.name), "")


def given(command: click.Command, but: click.Parameter | None = None) -> list[str]:
    """Words for all that the command requires, except one parameter."""
    words = []
    for each in command.params:
        if not each.required or each is but:
            continue
        good = each.type.choices[0] if isinstance(each.type, click.Choice) else "x"
        words += [f"{each.opts[0]}={good}"] if isinstance(each, click.Option) else [str(good)]
    return words


def refused(said: Said) -> str:
    """The message of a usage error, which looks like every other error."""
    match = SHAPE.match(said.err)
    assert match, said.err
    assert (said.code, said.out) == (2, "")
    message = match["message"]
    assert not re.search(r"Error|Usage|Invalid value|Try '|\.$|'-", message), message
    return message


def cases(kind: str) -> list[ParameterSet]:
    found = []
    for path, command in LEAVES.items():
        for each in command.params:
            if kind == "missing" and each.required:
                found.append(pytest.param(path, each, id=f"{' '.join(path)} {each.name}"))
            if kind == "bad" and bad_value(each):
                found.append(pytest.param(path, each, id=f"{' '.join(path)} {each.name}"))
            if kind == "variable" and each.envvar and bad_value(each):
                found.append(pytest.param(path, each, id=f"{' '.join(path)} {each.envvar}"))
    assert found
    return found


@pytest.mark.parametrize(("path", "parameter"), cases("missing"))
def test_what_is_missing_is_named(
    bodywork: CommandLine, path: tuple[str, ...], parameter: click.Parameter
) -> None:
    command = LEAVES[path]
    words = given(command, parameter)
    if isinstance(parameter, click.Argument):  # those behind it would take its place
        words = [word for word in words if word.startswith("--")]
    message = refused(bodywork(*path, *words))
    if isinstance(parameter, click.Argument):
        assert re.match(r"argument [A-Z_]+ is missing", message)
    else:
        assert message == f"option {max(parameter.opts, key=len)} is missing"


@pytest.mark.parametrize(("path", "parameter"), cases("bad"))
def test_a_bad_value_is_shown_with_its_option(
    bodywork: CommandLine, path: tuple[str, ...], parameter: click.Parameter
) -> None:
    bad = bad_value(parameter)
    if isinstance(parameter, click.Argument):
        words, name = [bad], parameter.human_readable_name
    else:
        name = max(parameter.opts, key=len)
        words = [*given(LEAVES[path], parameter), name, bad]
    message = refused(bodywork(*path, *words))
    assert message.startswith(f"{name}: ")
    assert bad in message


@pytest.mark.parametrize(("path", "parameter"), cases("variable"))
def test_a_bad_value_of_a_variable_is_shown_with_the_variable(
    bodywork: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    path: tuple[str, ...],
    parameter: click.Parameter,
) -> None:
    bad, variable = bad_value(parameter), str(parameter.envvar)
    monkeypatch.setenv(variable, bad)
    message = refused(bodywork(*path, *given(LEAVES[path])))
    assert message.startswith(f"{variable}: {bad!r} ")
    assert "--" not in message


def test_the_engine_of_the_environment_is_named_with_those_that_are_there(
    bodywork: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BODYWORK_ENGINE", "docker")
    assert bodywork("status").err == (
        "error: BODYWORK_ENGINE: 'docker' is not one of kubernetes, local\n"
        "hint: `bodywork status --help` says what is possible\n"
    )


def test_an_engine_is_known_in_any_spelling(
    bodywork: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BODYWORK_ENGINE", "Local")
    said = bodywork("status")
    assert (said.code, said.err) == (0, "")
    assert "--engine" not in said.out
    assert bodywork("status", "--engine=LOCAL").code == 0


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_an_unknown_option_is_named_with_the_nearest(
    bodywork: CommandLine, path: tuple[str, ...]
) -> None:
    assert refused(bodywork(*path, "--no-such-thing")) == "unknown option --no-such-thing"
    for each in options(ALL[path]):
        name = max(each.opts, key=len)
        said = bodywork(*path, f"{name}x=1")
        assert refused(said) == f"unknown option {name}x"
        assert f"hint: did you mean {name}?\n" in said.err


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_an_option_without_its_value_is_named(bodywork: CommandLine, path: tuple[str, ...]) -> None:
    for each in options(LEAVES[path]):
        name = max(each.opts, key=len)
        if not each.is_flag:
            assert refused(bodywork(*path, name)) == f"option {name} requires an argument"


@pytest.mark.parametrize("path", [(), *(path for path in ALL if path not in LEAVES)], ids=" ".join)
def test_an_unknown_command_is_named_with_the_nearest(
    bodywork: CommandLine, path: tuple[str, ...]
) -> None:
    group = ALL[path] if path else program
    assert isinstance(group, click.Group)
    assert refused(bodywork(*path, "xyzzy")) == "unknown command xyzzy"
    for name in group.list_commands(click.Context(group)):
        said = bodywork(*path, f"{name}q")
        assert refused(said) == f"unknown command {name}q"
        assert f"hint: did you mean {name}?\n" in said.err


COUNTED = [path for path, each in LEAVES.items() if all(one.nargs != -1 for one in each.params)]


@pytest.mark.parametrize("path", COUNTED, ids=" ".join)
def test_an_argument_too_many_is_named_with_the_usage(
    bodywork: CommandLine, path: tuple[str, ...]
) -> None:
    command = LEAVES[path]
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    good = [str(getattr(each.type, "choices", ["x"])[0]) for each in arguments]
    required = [word for word in given(command) if word.startswith("--")]
    said = bodywork(*path, *required, *good, "surplus")
    assert refused(said) == "unexpected argument surplus"
    assert f"hint: usage: bodywork {' '.join(path)}" in said.err


@pytest.mark.parametrize("variable", ["KUBECONFIG", "BODYWORK_CONTEXT"])
def test_a_cluster_that_a_variable_names_wrongly_is_told_with_the_variable(
    bodywork: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    variable: str,
) -> None:
    kubeconfig = write_kubeconfig(tmp_path, "https://localhost:1", namespace="shop")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv(variable, "no-such-thing")
    said = bodywork("status", "--engine=kubernetes")
    assert said.code == 2
    assert said.err.startswith(f"error: {variable}: ")
    assert "no-such-thing" in said.err
