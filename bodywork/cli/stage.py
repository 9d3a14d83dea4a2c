"""`bodywork stage`: what a stage's container runs."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bodywork.cli import options
from bodywork.cli.exits import Ended
from bodywork.errors import NotFound

if TYPE_CHECKING:
    from bodywork.cli.wiring import Place
    from bodywork.model.stage import Stage
    from bodywork.ports import Source

_EPILOG = """\b
Examples:
  bodywork stage https://github.com/ada/shop main train
  bodywork stage --commit 0123abcd… https://github.com/ada/shop main train
  bodywork stage -n shop file:///home/ada/shop main train

\b
Its exit code is that of the stage's script, or 128 + n for signal n."""


@click.command(epilog=_EPILOG)
@click.argument("git_repo_url")
@click.argument("git_repo_branch")
@click.argument("stage_name")
@click.option("--commit", default="", metavar="C", help="Exactly this commit of the branch.")
@click.option(
    "--snapshot",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Take the project from the snapshot in this folder instead of fetching it.",
)
@options.path
@click.option("--digest", default="", metavar="SHA256", help="What the snapshot must be.")
@click.option(
    "-n",
    "--namespace",
    metavar="NS",
    default="",  # not from the environment: containers have BODYWORK_NAMESPACE
    help="Give the stage the values of its secrets in this namespace, and the variables of a run.",
)
@options.engine
def stage(
    engine: str,
    namespace: str,
    git_repo_url: str,
    git_repo_branch: str,
    stage_name: str,
    commit: str,
    snapshot: Path | None,
    digest: str,
    path: str,
) -> None:
    """Run one stage here (what containers do).

    Fetches its code, installs its requirements and runs its script. On your machine it shows
    whether a stage works by itself: with -n it gets what an engine would give it, and without,
    what the environment has. No run is recorded.
    """
    import sys
    from functools import partial

    from bodywork.cli.wiring import open_source
    from bodywork.model.redaction import redact_address
    from bodywork.stage import StageOrder, UnpackedSource, run_stage

    shown = redact_address(git_repo_url)
    order = StageOrder(git_repo_url, shown, git_repo_branch, commit, stage_name, path)

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    source: Source = UnpackedSource(snapshot, digest) if snapshot else open_source()
    run = partial(run_stage, source, order, load_stage=load_stage, say=say)
    if not namespace:
        raise Ended(run())
    from bodywork.cli.wiring import open_place

    place = open_place(engine, namespace)
    place.require()
    raise Ended(run(get_variables=partial(variables_by_hand, place)))


def load_stage(repository: Path, name: str, path: str) -> "Stage":
    """Read one stage of a checkout; the others may be broken. Raises `ConfigError`."""
    from bodywork import config  # late: git has been at work, and may have failed

    return config.load_stage(repository, name, path)


def variables_by_hand(place: "Place", folder: Path, stage: "Stage") -> dict[str, str]:
    """Return what an engine would give the stage of this checkout: its secrets and who it is.

    The run is called `by-hand`, each time: so a stage finds what the one before it has stored.

    Raises:
        ConfigError: bodywork.ini cannot be read.
        NotFound: a secret is not there, or lacks a key.
        EngineError: the secrets may not be read.
    """
    from bodywork import config
    from bodywork.model.names import BY_HAND
    from bodywork.model.run import StageRun

    project = config.load_project_name(folder)
    attempt = StageRun(place.namespace, project, BY_HAND, stage.name, 1)
    return {**attempt.variables(), **_read_secrets(place, stage)}


def _read_secrets(place: "Place", stage: "Stage") -> dict[str, str]:
    if not stage.secrets:
        return {}
    known = place.administration.secrets(place.namespace)
    values = {}
    for variable, name in ((each.variable, each.secret) for each in stage.secrets):
        if variable not in known.get(name, {}):
            verb, fault = (
                ("update", f"has no key {variable}")
                if name in known
                else ("create", "does not exist")
            )
            raise NotFound(
                f"the secret {name} of stage {stage.name} {fault} in namespace {place.namespace}",
                hint=f"bodywork secret {verb} --namespace={place.namespace} --name={name} "
                f"--data {variable}=…",
            )
        values[variable] = known[name][variable]
    return values
