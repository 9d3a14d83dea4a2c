"""`bodywork doctor`: whether everything is there that a project needs, before it is run."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from bodywork.cli import exits, options

if TYPE_CHECKING:
    from bodywork.model.checks import Check, Needs

SCHEMA = 1
_NAME_WIDTH = 20
_STATUS_WIDTH = 8
_EPILOG = """\b
Examples:
  bodywork doctor -n shop
  bodywork doctor -n shop ~/projects/shop
  bodywork doctor -n shop --image registry.example/shop:1 --secret store
  bodywork doctor -n shop --cronjob nightly
  bodywork doctor --engine local -o json

\b
Exit codes: 0 nothing failed (there may be warnings), 1 something failed,
2 usage, 5 the cluster cannot be reached."""


@click.command(epilog=_EPILOG)
@options.place
@click.argument("project", required=False, type=click.Path(path_type=Path), metavar="[PROJECT]")
@click.option(
    "--image",
    default="",
    metavar="IMAGE",
    help="Start a short pod from it; else from PROJECT's DOCKER_IMAGE. The namespace's image is "
    "tried in any case.",
)
@click.option(
    "--secret", "secrets", multiple=True, metavar="NAME", help="A secret that must be there."
)
@click.option(
    "--cronjob",
    "cronjobs",
    multiple=True,
    metavar="NAME",
    help="Try a schedule: a short pod with its image, account and key, which reads its project.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(1, 3600),
    default=120,
    show_default=True,
    metavar="SECONDS",
    help="How long each pod may take.",
)
@options.output("table", "json")
def doctor(
    engine: str,
    namespace: str,
    project: Path | None,
    image: str,
    secrets: tuple[str, ...],
    cronjobs: tuple[str, ...],
    timeout: float,
    form: str,
) -> None:
    """Check that a namespace is ready, a line for each thing.

    On a cluster: whether it can be reached, its version, the namespace, your rights there, and
    whether the image starts; with --engine local, this machine. PROJECT is the folder of a project,
    whose secrets, image and Git repository are checked too. --cronjob tries a schedule: its image,
    rights and key, and whether its project can be read. Whatever is amiss comes with what to
    do about it.

    Nothing is changed; a pod that was started is removed.
    """
    from bodywork.cli.signals import stop_on_signals
    from bodywork.model.checks import Needs
    from statemachine.errors import Interrupted

    _require_sound(namespace, project)
    if cronjobs and engine != "kubernetes":
        _refuse_cronjobs()
    needs = Needs({each: frozenset() for each in secrets}, image, timeout, cronjobs=cronjobs)
    checks = _checks(engine, namespace, project, needs)
    try:
        with stop_on_signals():
            made = _show(checks) if form == "table" else _show_json(checks)
    except Interrupted:
        exits.tell("interrupted; what was started is removed", label="note")
        raise exits.Ended(exits.KEYBOARD) from None
    raise exits.Ended(_code(made))


def _require_sound(namespace: str, project: Path | None) -> None:
    """Raise `UsageError` for what no check could be about."""
    from bodywork.errors import UsageError
    from bodywork.model.names import problem_with_label

    if namespace and (fault := problem_with_label(namespace)):
        raise UsageError(f"the namespace {namespace!r} {fault}")
    if project is not None and not project.is_dir():
        raise UsageError(
            f"{project}: {'is no folder' if project.exists() else 'there is no such folder'}",
            hint="give the folder that holds bodywork.ini",
        )


def _refuse_cronjobs() -> NoReturn:
    from bodywork.errors import Unsupported

    raise Unsupported("the local engine keeps no schedules", hint="leave --cronjob out")


def _checks(engine: str, namespace: str, project: Path | None, needs: "Needs") -> "Iterator[Check]":
    """Yield all checks of the place, and first that of the project."""
    from bodywork.git.doctor import examine_repository
    from bodywork.git.folder import locate_project

    if project is not None:
        verdict, needs = _read_project(project, needs)
        yield verdict
        yield examine_repository(str(locate_project(project)[0]))
    if engine == "kubernetes":
        yield from _examine_cluster(namespace, needs)
        return
    from bodywork.cli.wiring import open_place
    from bodywork.local import cache_folder, state_folder
    from bodywork.local.doctor import examine_machine

    place = open_place(engine, namespace)
    yield from examine_machine(state_folder(), cache_folder(), place.namespace, needs)


def _examine_cluster(namespace: str, needs: "Needs") -> "Iterator[Check]":
    from bodywork.cli.cluster_place import KubernetesPlace
    from bodywork.cluster.doctor import examine
    from bodywork.errors import EngineUnavailable, UsageError
    from bodywork.model.checks import Check

    try:
        place = KubernetesPlace(namespace)
    except UsageError as error:
        yield Check("kubeconfig", "fail", error.message, error.hint)
    except EngineUnavailable as error:
        yield Check("cluster", "fail", error.message, error.hint)
    else:
        yield from examine(place.client, place.namespace, needs)


def _read_project(folder: Path, needs: "Needs") -> "tuple[Check, Needs]":
    """Return how sound the project is, and the needs with what it needs besides."""
    from dataclasses import replace

    from bodywork.config import load_workflow
    from bodywork.errors import BodyworkError
    from bodywork.git.folder import locate_project
    from bodywork.model.checks import Check

    try:
        repository, path = locate_project(folder)
        workflow = load_workflow(repository, path=path)
    except BodyworkError as error:
        hint = f"`bodywork validate {folder}` lists them; its secrets and image are not checked"
        return Check("project", "fail", error.message, hint), needs
    secrets = {name: set(keys) for name, keys in needs.secrets.items()}
    for stage in workflow.stages.values():
        for each in stage.secrets:
            secrets.setdefault(each.secret, set()).add(each.variable)
    needed = {name: frozenset(keys) for name, keys in secrets.items()}
    image = needs.image or workflow.image
    message = f"{workflow.project}, stages: {', '.join(sorted(workflow.stages))}"
    return (
        Check("project", "ok", message),
        replace(needs, secrets=needed, image=image, image_needed=not image),
    )


def _show(checks: "Iterable[Check]") -> "list[Check]":
    """Print each check as soon as it is made; a hint that several share stands after the last."""
    made: list[Check] = []
    for check in checks:
        if made and made[-1].hint != check.hint:
            _show_hint(made[-1])
        status = "FAIL" if check.status == "fail" else check.status
        _print(f"{status:{_STATUS_WIDTH}} {check.name:{_NAME_WIDTH}}  {check.message}")
        made.append(check)
    _show_hint(made[-1])
    failed = sum(check.status == "fail" for check in made)
    warnings = sum(check.status == "warning" for check in made)
    _print(f"{failed or 'nothing'} failed, {warnings or 'no'} warning{'s' * (warnings != 1)}")
    return made


def _show_hint(check: "Check") -> None:
    if check.hint:
        _print(f"{'':{_STATUS_WIDTH}} hint: {check.hint}")


def _print(line: str) -> None:
    from bodywork.cli.paper import printable

    click.echo(printable(line))


def _show_json(checks: "Iterable[Check]") -> "list[Check]":
    from dataclasses import asdict

    from bodywork.cli.render import render_json

    made = list(checks)
    ready = all(check.status != "fail" for check in made)
    shown = {"schema": SCHEMA, "ready": ready, "checks": [asdict(each) for each in made]}
    click.echo(render_json(shown))
    return made


def _code(made: "list[Check]") -> int:
    failed = {check.name for check in made if check.status == "fail"}
    if "cluster" in failed:
        return exits.UNREACHABLE
    return exits.RUN_FAILED if failed else exits.SUCCESS
