import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bodywork.git import GitSource
from bodywork.model.run import Checkout
from tests.servers.repositories import make_project
from tests.servers.secure_http import HttpsServer, https_server
from tests.servers.secure_shell import SshServer, find_sshd, ssh_server


@dataclass(frozen=True, slots=True)
class Projects:
    """Repositories with the same commits: `public` and `private/secret` under `root`."""

    root: Path
    commits: dict[str, str]

    @property
    def public(self) -> Path:
        return self.root / "public"


@dataclass(slots=True)
class Taken:
    """What a checkout came to, seen while its folder was there."""

    checkout: Checkout
    files: dict[str, str]
    said: list[str]


Take = Callable[..., Taken]


@pytest.fixture(scope="session")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Projects:
    root = tmp_path_factory.mktemp("repositories")
    commits = make_project(root / "public")
    (root / "private").mkdir()
    shutil.copytree(root / "public", root / "private" / "secret")
    return Projects(root, commits)


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    if find_sshd() is None and "CI" not in os.environ:
        pytest.skip("no OpenSSH server is installed here")
    with ssh_server(tmp_path_factory.mktemp("sshd") / "server") as server:
        yield server


@pytest.fixture
def https(projects: Projects, tmp_path: Path) -> Iterator[HttpsServer]:
    with https_server(projects.root, tmp_path / "certificates") as server:
        yield server


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a user without a config or keys of their own."""
    home = tmp_path / "home"
    home.mkdir()
    return {"PATH": os.environ["PATH"], "HOME": str(home)}


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@pytest.fixture
def take(environment: dict[str, str], temporary: Path) -> Take:
    """Check out with this environment (and what is given on top), and look at the folder."""

    def run(
        repository: str | Path, reference: str = "main", commit: str = "", **more: str
    ) -> Taken:
        said: list[str] = []
        source = GitSource(environment | more, temporary)
        with source.checkout(str(repository), reference, commit, say=said.append) as checkout:
            return Taken(checkout, read_files(checkout.folder), said)

    return run


def read_files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
