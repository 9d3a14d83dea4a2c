"""What a terminal shows for each of the usual mistakes besides those with Git.

The real commands run in processes of their own. After a change that is meant, write the file again
with `python -m tests.bodywork.cli.test_mistakes` and read the difference.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from tests.servers.kubeconfig import write_kubeconfig
from tests.servers.kubernetes_api import api_server
from tests.servers.repositories import commit, git
from tests.support.sessions import rewrite, told, write_project

GOLDEN = Path(__file__).parents[2] / "golden" / "cli" / "mistakes.txt"
SERVICE = (
    "[default]\nSTAGE_TYPE=service\nEXECUTABLE_SCRIPT=main.py\n"
    "[service]\nMAX_STARTUP_TIME_SECONDS=2\nREPLICAS=1\nPORT={port}\n"
)
LISTENER = """import socket, time
server = socket.create_server(("127.0.0.1", {port}))
time.sleep(600)
"""


def mistakes(root: Path) -> Iterator[str]:
    """Make one mistake after the other, each where the one before was mended."""
    shop = root / "shop"
    write_project(shop)
    yield from _in_files(root, shop)
    git(shop, "init", "--quiet", "--initial-branch=main")
    commit(shop, "first")
    yield from _on_the_command_line(root)
    yield from _in_scripts(root, shop)
    yield from _too_large(root, shop)


def _in_files(root: Path, shop: Path) -> Iterator[str]:
    for title, file, old, new in (
        ("a typo in the DAG", "bodywork.ini", "DAG=train", "DAG=trian"),
        ("a wrong arrow in the DAG", "bodywork.ini", "DAG=train", "DAG=train > train"),
        ("a comment behind a value", "train/config.ini", "RETRIES=0", "RETRIES=0  # none"),
        ("wrong indentation", "train/config.ini", "RETRIES=0", "  RETRIES=0"),
        ("a key with a typo", "train/config.ini", "RETRIES=0", "RETRY=0"),
    ):
        path = shop / file
        text = path.read_text()
        path.write_text(text.replace(old, new))
        yield told(root, title, "validate", "shop")
        path.write_text(text)
    (shop / "train" / "requirements.txt").unlink()
    yield told(root, "no requirements.txt", "validate", "shop")
    (shop / "train" / "requirements.txt").write_text("")


def _on_the_command_line(root: Path) -> Iterator[str]:
    run = ("workflow", "shop", "main")
    nowhere = {"BODYWORK_ENGINE": "", "KUBECONFIG": "", "HOME": str(root)}
    yield told(root, "no engine and no cluster", *run, variables=nowhere)
    docker = {"BODYWORK_ENGINE": "docker"}
    yield told(root, "an engine that there is not", *run, variables=docker)
    yield told(root, "a command with a typo", "workfow", "shop", "main")
    yield told(root, "an option with a typo", "workflow", "--resum")
    yield told(root, "no branch", "workflow", "shop")
    yield told(root, "a namespace that there is not", "workflow", "-n", "shpo", "shop", "main")
    yield told(root, "a run that there is not", "status", "shop-20261125-061000-1a2b")


def _in_scripts(root: Path, shop: Path) -> Iterator[str]:
    run = ("workflow", "shop", "main")
    script = shop / "train" / "main.py"
    script.write_text("import no_such_package\n")
    commit(shop, "a package that is not named")
    yield told(root, "a package that requirements.txt does not name", *run)
    script.write_text("print('trained')\n")
    (shop / "train" / "requirements.txt").write_text("no-such-package==1\n")
    commit(shop, "a package that there is not")
    # Without an index nothing is asked of the network, and each installer says the same.
    offline = {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1"}
    yield _without_installer(told(root, "a requirement with a typo", *run, variables=offline))
    (shop / "train" / "requirements.txt").write_text("")
    with closing(socket.create_server(("0.0.0.0", 0))) as taken:  # noqa: S104
        port = taken.getsockname()[1]
        (shop / "train" / "config.ini").write_text(SERVICE.format(port=port))
        script.write_text(LISTENER.format(port=port))
        commit(shop, "a service")
        yield told(root, "a port that is in use", *run).replace(str(port), "PORT")
    yield told(root, "127.0.0.1 instead of 0.0.0.0", *run).replace(str(port), "PORT")


def _without_installer(text: str) -> str:
    """Leave out what uv or pip says in the stage's log, whichever there is."""
    head, title, rest = text.partition("---- pod logs for shop--train\n")
    rule, _, rest = rest.partition("\n")
    return f"{head}{title}{rule}\n{rest[rest.index('DATE TIME') :]}"


def _too_large(root: Path, shop: Path) -> Iterator[str]:
    (shop / "data.bin").write_bytes(os.urandom(9 << 20))
    commit(shop, "data")
    with api_server() as server:
        server.objects.create("/api/v1/namespaces", {"metadata": {"name": "shop"}})
        kubeconfig = write_kubeconfig(root, server.url, namespace="shop")
        cluster = {"BODYWORK_ENGINE": "kubernetes", "KUBECONFIG": str(kubeconfig)}
        yield told(
            root,
            "a project with its data in it, on a cluster",
            "workflow",
            "shop",
            "main",
            variables=cluster,
        )


def test_each_mistake_is_answered_in_the_words_on_record(tmp_path: Path) -> None:
    assert "\n".join(mistakes(tmp_path)).splitlines() == GOLDEN.read_text("utf-8").splitlines()


if __name__ == "__main__":
    rewrite(GOLDEN, mistakes)
