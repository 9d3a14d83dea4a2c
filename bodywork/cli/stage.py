"""`bodywork stage`: what a stage's container runs."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bodywork.cli.exits import Ended

if TYPE_CHECKING:
    from bodywork.model.stage import Stage
    from bodywork.ports import Source

_EPILOG = """\b
Examples:
  bodywork stage https://github.com/ada/shop main train
  bodywork stage --commit 0123abcd… https://github.com/ada/shop main train

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
@click.option("--digest", default="", metavar="SHA256", help="What the snapshot must be.")
def stage(
    git_repo_url: str,
    git_repo_branch: str,
    stage_name: str,
    commit: str,
    snapshot: Path | None,
    digest: str,
) -> None:
    """Run one stage here (what containers do).

    Fetches its code, installs its requirements and runs its script. On your machine it shows
    whether a stage works by itself.
    """
    import sys

    from bodywork.cli.wiring import open_source, redacted
    from bodywork.stage import StageOrder, UnpackedSource, run_stage

    shown = redacted(git_repo_url)
    order = StageOrder(git_repo_url, shown, git_repo_branch, commit, stage_name)

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    source: Source = UnpackedSource(snapshot, digest) if snapshot else open_source()
    raise Ended(run_stage(source, order, load_stage=load_stage, say=say))


def load_stage(folder: Path, name: str) -> "Stage":
    """Read one stage of a checkout; the others may be broken. Raises `ConfigError`."""
    from bodywork import config  # late: git has been at work, and may have failed

    return config.load_stage(folder, name)
